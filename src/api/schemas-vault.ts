// The shapes of the vault as its administrators see it: status, slots, backups, drill, retention, holds and the check of everything.
import type { Static } from 'typebox';
import { Type } from 'typebox';
import { strict } from './schemas.ts';

const days = Type.Union([Type.Integer({ minimum: 1, maximum: 36_500 }), Type.Null()]);

/** Days; null or absent keeps for good. */
export const RulesView = Type.Object(
  {
    cdr: Type.Optional(days),
    voicemail: Type.Optional(days),
    recording: Type.Optional(days),
    greeting: Type.Optional(days),
    /** Of single mailboxes and queues, by number. */
    places: Type.Optional(Type.Record(Type.String({ pattern: '^[0-9]{2,6}$' }), days)),
  },
  strict,
);
export type RulesView = Static<typeof RulesView>;

/** The check of every record and all audio that an administrator began. */
export const CheckView = Type.Object({
  state: Type.Union([Type.Literal('none'), Type.Literal('running'), Type.Literal('done'), Type.Literal('ended')]),
  /** What is looked through now, and how far. */
  phase: Type.String(),
  done: Type.Integer(),
  all: Type.Integer(),
  /** When it was done. */
  at: Type.Optional(Type.Integer()),
  problems: Type.Array(Type.String()),
  /** Why it ended before it was done. */
  reason: Type.String(),
});
export type CheckView = Static<typeof CheckView>;

export const VaultView = Type.Object({
  service: Type.Literal('open'),
  records: Type.Union([Type.Literal('unlocked'), Type.Literal('locked')]),
  formatVersion: Type.Integer(),
  createdAt: Type.Integer(),
  auditSequence: Type.Integer(),
  lastHead: Type.Optional(Type.Object({ sequence: Type.Integer(), at: Type.Integer() })),
  /** What checks found, and what is overdue. */
  problems: Type.Array(Type.String()),
  counts: Type.Object({
    calls: Type.Integer(),
    voicemails: Type.Integer(),
    recordings: Type.Integer(),
    users: Type.Integer(),
  }),
  slots: Type.Array(Type.Object({ id: Type.String(), kind: Type.String(), opens: Type.String() })),
  backups: Type.Array(
    Type.Object({
      id: Type.String(),
      path: Type.String(),
      lastAt: Type.Integer(),
      bytes: Type.Integer(),
      isThere: Type.Boolean(),
      holdsDisposed: Type.Integer(),
    }),
  ),
  disposalsWaiting: Type.Integer(),
  drill: Type.Object({
    everyDays: Type.Union([Type.Integer(), Type.Null()]),
    last: Type.Optional(
      Type.Object({
        at: Type.Integer(),
        from: Type.String(),
        problems: Type.Array(Type.String()),
        tookMs: Type.Integer(),
        calls: Type.Integer(),
        artifacts: Type.Integer(),
        isLocked: Type.Boolean(),
      }),
    ),
  }),
  rules: RulesView,
  /** Mailboxes by number, for their names. */
  mailboxes: Type.Array(Type.Object({ number: Type.String(), name: Type.String() })),
  holds: Type.Array(
    Type.Object({
      id: Type.String(),
      subjects: Type.Array(Type.String()),
      reason: Type.String(),
      placedAt: Type.Integer(),
    }),
  ),
  check: CheckView,
});
export type VaultView = Static<typeof VaultView>;

export const UnlockAsk = Type.Object(
  {
    slot: Type.Union([Type.Literal('passphrase'), Type.Literal('recovery')]),
    secret: Type.String({ minLength: 1, maxLength: 1_000 }),
  },
  strict,
);
