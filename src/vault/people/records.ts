// What the vault keeps of people: accounts, one-time links, sessions and wrong guesses; sealed records of the service half.

import type { Actor } from '../../audit/entry.ts';
import type { UtcMs } from '../../kernel/clock.ts';
import type { UserId } from '../../kernel/id.ts';
import type { Role, UserAccount } from '../shapes.ts';
import type { StoredRecord, VaultCore } from '../store/core.ts';
import { isAhead } from './guess-limits.ts';
import type { PasswordHash } from './password.ts';

/** Spaces of service records; the row of each is named beside it. */
export const spaces = {
  /** User id. Indexed by `login`. */
  user: 'users',
  /** Blind of the token. Indexed by `user`. */
  enrolment: 'enrolment',
  /** Blind of the token. Indexed by `user`. */
  session: 'session',
  /** User id. */
  guard: 'login-guard',
  /** Volatile; same row as the session. */
  touch: 'session-touch',
} as const;

/** Accounts of one clinic. */
export const MAX_USERS = 500;

export interface UserRecord {
  readonly id: UserId;
  /** Lower case. */
  readonly login: string;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly mailboxes: readonly string[];
  readonly createdAt: UtcMs;
  /** Both absent until the person has enrolled. */
  readonly password?: PasswordHash;
  readonly totpSecret?: string;
  /** By an administrator, until one unlocks it. */
  readonly isLocked?: boolean;
}

export interface EnrolmentRecord {
  readonly userId: UserId;
  readonly totpSecret: string;
  readonly expiresAt: UtcMs;
}

export interface SessionRecord {
  readonly userId: UserId;
  readonly startedAt: UtcMs;
  /** Where it was begun from; absent in those of before this was kept. */
  readonly address?: string;
}

export interface AddressGuard {
  readonly failures: number;
  readonly lockedUntil: UtcMs;
  readonly lastAt: UtcMs;
}

/** What guards an account against guessing; kept across restarts. */
export interface GuardRecord {
  /** From anywhere, since the last log-in. */
  readonly failures: number;
  readonly lockedUntil: UtcMs;
  /** What was guessed from each address, so that a stranger locks out himself and not the person. */
  readonly addresses?: Readonly<Record<string, AddressGuard>>;
  /** The time step of the last code that was accepted; no code of it or before is taken again (RFC 6238 §5.2). */
  readonly lastStep: number;
}

export const noFailures: GuardRecord = { failures: 0, lockedUntil: 0 as UtcMs, lastStep: 0 };

/** A login as it is compared: no outer space, lower case, one Unicode form. */
export function normaliseLogin(login: string): string {
  return login.normalize('NFKC').trim().toLowerCase();
}

export function findByLogin(core: VaultCore, login: string): StoredRecord<UserRecord> | undefined {
  return core.records.find<UserRecord>(spaces.user, 'login', normaliseLogin(login))[0];
}

export function guardOf(core: VaultCore, userId: UserId): GuardRecord {
  return core.records.get<GuardRecord>(spaces.guard, userId)?.value ?? noFailures;
}

export function actorOf({ id, login }: UserRecord): Actor {
  return { kind: 'user', id, login };
}

/** The account as others see it; `locked` while wrong guesses keep it shut. */
export function accountOf(core: VaultCore, user: UserRecord): UserAccount {
  const { id, login, name, roles, mailboxes } = user;
  const { lockedUntil, addresses = {} } = guardOf(core, id);
  const now = core.clock.now();
  const isLocked =
    user.isLocked === true ||
    isAhead(lockedUntil, now) ||
    Object.values(addresses).some((each) => isAhead(each.lockedUntil, now));
  const state = user.password === undefined ? 'invited' : isLocked ? 'locked' : 'active';
  return { id, login, name, roles, mailboxes, state };
}
