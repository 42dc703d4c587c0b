// The shapes of what administrators do with accounts, and of what everybody does with their own.
import type { Static } from 'typebox';
import { Type } from 'typebox';
import { Id, RoleView, strict, UserView } from './schemas.ts';

export const AccountView = Type.Object({
  ...UserView.properties,
  state: Type.Union([Type.Literal('invited'), Type.Literal('active'), Type.Literal('locked')]),
  /** How many are open. */
  sessions: Type.Integer(),
});
export type AccountView = Static<typeof AccountView>;

/** With the mailboxes that there are. */
export const AccountsView = Type.Object({
  accounts: Type.Array(AccountView),
  mailboxes: Type.Array(Type.Object({ number: Type.String(), name: Type.String() })),
});
export type AccountsView = Static<typeof AccountsView>;

const rights = {
  name: Type.String({ minLength: 1, maxLength: 100 }),
  roles: Type.Array(RoleView, { minItems: 1, maxItems: 3 }),
  mailboxes: Type.Array(Type.String({ pattern: '^[0-9]{2,6}$' }), { maxItems: 100 }),
};

export const InviteAsk = Type.Object({ login: Type.String({ minLength: 1, maxLength: 64 }), ...rights }, strict);
export const ChangeAsk = Type.Object(rights, strict);
export const LockAsk = Type.Object({ isLocked: Type.Boolean() }, strict);
export const AccountParams = Type.Object({ id: Id }, strict);

/** What the one-time link ends in. */
export const LinkView = Type.Object({ token: Type.String() });
export const EndedView = Type.Object({ ended: Type.Integer() });

export const SessionsView = Type.Object({
  sessions: Type.Array(
    Type.Object({
      startedAt: Type.Integer(),
      seenAt: Type.Integer(),
      address: Type.String(),
      isThis: Type.Boolean(),
    }),
  ),
});
export type SessionsView = Static<typeof SessionsView>;

export const PasswordAsk = Type.Object(
  {
    password: Type.String({ minLength: 1, maxLength: 256 }),
    code: Type.String({ minLength: 6, maxLength: 12 }),
    newPassword: Type.String({ minLength: 1, maxLength: 256 }),
  },
  strict,
);
