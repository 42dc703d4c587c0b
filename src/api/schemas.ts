// The shapes of the HTTP interface, as TypeBox schemas: requests are checked against them, answers carry nothing beyond them.
import type { Static } from 'typebox';
import { Type } from 'typebox';

export const strict = { additionalProperties: false };

/** Every error of the interface: a stable code and one sentence for the person. */
export const ErrorView = Type.Object({ code: Type.String(), message: Type.String() });
export type ErrorView = Static<typeof ErrorView>;

export const Done = Type.Object({ ok: Type.Literal(true) });

export const RoleView = Type.Union([Type.Literal('admin'), Type.Literal('auditor'), Type.Literal('staff')]);

export const UserView = Type.Object({
  id: Type.String(),
  login: Type.String(),
  name: Type.String(),
  roles: Type.Array(RoleView),
  mailboxes: Type.Array(Type.String()),
});
export type UserView = Static<typeof UserView>;

export const SessionView = Type.Object({
  user: UserView,
  clinicName: Type.String(),
  /** What this person may open. */
  pages: Type.Array(Type.String()),
  /** Messages not heard yet, in the mailboxes that this person may hear. */
  unread: Type.Integer(),
  /** Changes whenever a list may have: a page that polls it reads lists, which is on record each time, only then. */
  revision: Type.String(),
  /** Milliseconds until the session ends, when nothing is done. */
  endsInMs: Type.Integer(),
});
export type SessionView = Static<typeof SessionView>;

export const LoginAsk = Type.Object(
  {
    login: Type.String({ minLength: 1, maxLength: 128 }),
    password: Type.String({ minLength: 1, maxLength: 256 }),
    code: Type.String({ minLength: 6, maxLength: 12 }),
  },
  strict,
);

const EnrolmentToken = Type.String({ minLength: 20, maxLength: 128, pattern: '^[A-Za-z0-9_-]+$' });

export const EnrolmentBeginAsk = Type.Object({ token: EnrolmentToken }, strict);

export const EnrolmentView = Type.Object({
  login: Type.String(),
  name: Type.String(),
  clinicName: Type.String(),
  totpSecret: Type.String(),
  totpUri: Type.String(),
});
export type EnrolmentView = Static<typeof EnrolmentView>;

export const EnrolmentFinishAsk = Type.Object(
  {
    token: EnrolmentToken,
    password: Type.String({ minLength: 1, maxLength: 256 }),
    code: Type.String({ minLength: 6, maxLength: 12 }),
  },
  strict,
);

const limit = Type.Integer({ minimum: 1, maximum: 100, default: 50 });
const after = Type.Optional(Type.String({ minLength: 1, maxLength: 256 }));

export const CallsQuery = Type.Object(
  { limit, after, number: Type.Optional(Type.String({ minLength: 1, maxLength: 40 })) },
  strict,
);

export const CallView = Type.Object({
  callId: Type.String(),
  direction: Type.Union([
    Type.Literal('inbound'),
    Type.Literal('outbound'),
    Type.Literal('internal'),
    Type.Literal('emergency'),
  ]),
  from: Type.String(),
  fromName: Type.String(),
  to: Type.String(),
  startedAt: Type.Integer(),
  endedAt: Type.Integer(),
  answeredAt: Type.Optional(Type.Integer()),
  outcome: Type.Union([
    Type.Literal('answered'),
    Type.Literal('busy'),
    Type.Literal('no-answer'),
    Type.Literal('cancelled'),
    Type.Literal('rejected'),
    Type.Literal('failed'),
  ]),
  /** Where the call went, in order: kind and name. */
  path: Type.Array(Type.Object({ kind: Type.String(), name: Type.String() })),
  hasVoicemail: Type.Boolean(),
  /** A failed call: whose fault, and the carrier's or phone's answer (RFC 3261 §21). */
  failure: Type.Optional(Type.Object({ fault: Type.String(), sipStatus: Type.Optional(Type.Integer()) })),
  /** How each party's audio came in; absent when nothing is known. */
  quality: Type.Optional(
    Type.Array(
      Type.Object({
        leg: Type.Union([Type.Literal('caller'), Type.Literal('callee')]),
        mos: Type.Number(),
        lossPercent: Type.Number(),
        jitterMs: Type.Optional(Type.Number()),
        roundTripMs: Type.Optional(Type.Number()),
        heardMos: Type.Optional(Type.Number()),
        floodedPackets: Type.Optional(Type.Integer()),
      }),
    ),
  ),
});
export type CallView = Static<typeof CallView>;

/** Rows that were changed outside of the vault: named, not shown. */
const damaged = Type.Optional(Type.Array(Type.String()));

export const CallsPage = Type.Object({ rows: Type.Array(CallView), next: Type.Optional(Type.String()), damaged });
export type CallsPage = Static<typeof CallsPage>;

export const ArtifactsQuery = Type.Object(
  { limit, after, mailbox: Type.Optional(Type.String({ pattern: '^[0-9]{2,6}$' })) },
  strict,
);

export const ArtifactView = Type.Object({
  id: Type.String(),
  callId: Type.String(),
  kind: Type.Union([Type.Literal('voicemail'), Type.Literal('recording'), Type.Literal('greeting')]),
  channels: Type.Union([Type.Literal(1), Type.Literal(2)]),
  mailbox: Type.String(),
  from: Type.String(),
  fromName: Type.String(),
  to: Type.String(),
  startedAt: Type.Integer(),
  durationMs: Type.Integer(),
  isRead: Type.Boolean(),
  state: Type.Union([
    Type.Literal('open'),
    Type.Literal('complete'),
    Type.Literal('cut-off'),
    Type.Literal('failed'),
    Type.Literal('tampered'),
  ]),
});
export type ArtifactView = Static<typeof ArtifactView>;

/** Holds are told to administrators alone; others see that there is one. */
const keeping = {
  /** By its rule; absent: for good. */
  keptUntil: Type.Optional(Type.Integer()),
  isHeld: Type.Boolean(),
  holds: Type.Array(Type.Object({ id: Type.String(), reason: Type.String(), placedAt: Type.Integer() })),
};

/** One message or recording, with what was done to it while it ran. */
export const ArtifactDetailsView = Type.Object({
  ...ArtifactView.properties,
  ...keeping,
  marks: Type.Array(
    Type.Object({
      mark: Type.Union([
        Type.Literal('notice-played'),
        Type.Literal('masked'),
        Type.Literal('unmasked'),
        Type.Literal('paused'),
        Type.Literal('resumed'),
        Type.Literal('digits-blanked'),
        Type.Literal('digits-over'),
      ]),
      atMs: Type.Integer(),
    }),
  ),
  /** Of which no audio arrived: silence stands there. */
  gaps: Type.Array(Type.Object({ fromMs: Type.Integer(), toMs: Type.Integer() })),
});

export type ArtifactDetailsView = Static<typeof ArtifactDetailsView>;

/** One call, with what was captured in it and the asker may know of. */
export const CallDetailsView = Type.Object({ call: CallView, artifacts: Type.Array(ArtifactView), ...keeping });
export type CallDetailsView = Static<typeof CallDetailsView>;

export const ArtifactsPage = Type.Object({
  rows: Type.Array(ArtifactView),
  next: Type.Optional(Type.String()),
  damaged,
});
export type ArtifactsPage = Static<typeof ArtifactsPage>;

export const ArtifactParams = Type.Object({ id: Type.String({ pattern: '^[a-z2-7]{26}$' }) }, strict);

export const Id = Type.String({ pattern: '^[a-z2-7]{26}$' });

export const SearchQuery = Type.Object(
  {
    limit,
    q: Type.String({ minLength: 1, maxLength: 200 }),
    kind: Type.Optional(
      Type.Union([
        Type.Literal('call'),
        Type.Literal('voicemail'),
        Type.Literal('recording'),
        Type.Literal('note'),
        Type.Literal('transcript'),
      ]),
    ),
    tag: Type.Optional(Type.String({ minLength: 1, maxLength: 40 })),
    /** Milliseconds since 1970 (UTC). */
    since: Type.Optional(Type.Integer({ minimum: 0 })),
    until: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  strict,
);

export const HoldAsk = Type.Object({ subject: Id, reason: Type.String({ minLength: 1, maxLength: 500 }) }, strict);
export const HoldParams = Type.Object({ id: Id }, strict);
export const HoldMade = Type.Object({ id: Type.String() });

export const NoteView = Type.Object({
  id: Type.String(),
  kind: Type.Union([Type.Literal('note'), Type.Literal('tag'), Type.Literal('transcript')]),
  text: Type.String(),
  by: Type.String(),
  at: Type.Integer(),
});
export type NoteView = Static<typeof NoteView>;

/** Best first; each is a call, or a message or recording. */
export const SearchView = Type.Object({
  hits: Type.Array(
    Type.Object({ notes: Type.Array(NoteView), call: Type.Optional(CallView), artifact: Type.Optional(ArtifactView) }),
  ),
  /** False while older records are still being read in. */
  isComplete: Type.Boolean(),
  /** Records that were read in, of all there are. */
  progress: Type.Object({ done: Type.Integer(), all: Type.Integer() }),
});
export type SearchView = Static<typeof SearchView>;

export const NotesParams = Type.Object({ subject: Id }, strict);
export const NoteParams = Type.Object({ subject: Id, note: Id }, strict);
export const NotesView = Type.Object({ notes: Type.Array(NoteView) });
export const NoteAsk = Type.Object(
  {
    kind: Type.Union([Type.Literal('note'), Type.Literal('tag')]),
    text: Type.String({ minLength: 1, maxLength: 4_000 }),
  },
  strict,
);
export const NoteMade = Type.Object({ id: Type.String() });

const words = Type.Optional(Type.String({ minLength: 1, maxLength: 100 }));
const time = Type.Optional(Type.Integer({ minimum: 0 }));

export const AuditQuery = Type.Object(
  {
    limit,
    after,
    who: words,
    action: words,
    subject: words,
    address: words,
    text: words,
    outcome: Type.Optional(Type.Union([Type.Literal('ok'), Type.Literal('refused'), Type.Literal('failed')])),
    /** Milliseconds since 1970 (UTC). */
    since: time,
    until: time,
  },
  strict,
);

export const AuditExportQuery = Type.Object(
  { from: Type.Optional(Type.Integer({ minimum: 1 })), to: Type.Optional(Type.Integer({ minimum: 1 })) },
  strict,
);

export const AuditView = Type.Object({
  sequence: Type.Integer(),
  at: Type.Integer(),
  action: Type.String(),
  who: Type.String(),
  address: Type.String(),
  outcome: Type.String(),
  subject: Type.String(),
  detail: Type.String(),
});
export type AuditView = Static<typeof AuditView>;

export const AuditPage = Type.Object({ rows: Type.Array(AuditView), next: Type.Optional(Type.String()) });
export type AuditPage = Static<typeof AuditPage>;

export const AuditVerdict = Type.Object({
  ok: Type.Boolean(),
  entries: Type.Integer(),
  firstBad: Type.Optional(Type.Object({ sequence: Type.Integer(), problem: Type.String() })),
});
export type AuditVerdict = Static<typeof AuditVerdict>;

export const HealthView = Type.Object({
  ok: Type.Boolean(),
  parts: Type.Record(Type.String(), Type.Union([Type.Literal('up'), Type.Literal('down')])),
});
export type HealthView = Static<typeof HealthView>;
