// Accounts: listed, invited, changed, locked and removed by an administrator; the clinic is never left without one.
import { WardlineError } from '../../kernel/errors.ts';
import type { UserId } from '../../kernel/id.ts';
import { newId } from '../../kernel/id.ts';
import type { AnswerTo, Ask } from '../contract.ts';
import type { Handlers } from '../handlers.ts';
import type { Caller, Role } from '../shapes.ts';
import type { VaultCore } from '../store/core.ts';
import type { Enrolment } from './enrolment.ts';
import type { UserRecord } from './records.ts';
import { accountOf, findByLogin, guardOf, MAX_USERS, noFailures, normaliseLogin, spaces } from './records.ts';
import type { Sessions } from './sessions.ts';

const LOGIN = /^[\p{L}\p{N}][\p{L}\p{N}._@+-]{1,63}$/u;
const MAILBOX = /^\d{2,6}$/;
const roles: readonly Role[] = ['admin', 'auditor', 'staff'];
const MAX_NAME = 100;
const MAX_MAILBOXES = 100;

export class Accounts {
  readonly #core: VaultCore;
  readonly #enrolment: Enrolment;
  readonly #sessions: Sessions;

  constructor(core: VaultCore, parts: { enrolment: Enrolment; sessions: Sessions }) {
    this.#core = core;
    this.#enrolment = parts.enrolment;
    this.#sessions = parts.sessions;
  }

  handlers(): Pick<Handlers, Extract<keyof Handlers, `users.${string}`>> {
    return {
      'users.list': ({ caller }) => this.#list(caller),
      'users.invite': (ask) => this.#invite(ask),
      'users.change': (ask) => this.#change(ask),
      'users.lock': (ask) => this.#lock(ask),
      'users.reinvite': (ask) => this.#reinvite(ask),
      'users.endSessions': (ask) => this.#endSessions(ask),
      'users.remove': (ask) => this.#remove(ask),
    };
  }

  #list(caller: Caller): AnswerTo<'users.list'> {
    this.#requireAdmin(caller);
    const users = this.#all().map((user) => {
      return { ...accountOf(this.#core, user), sessions: this.#sessions.count(user.id) };
    });
    return { users };
  }

  #invite(ask: Ask<'users.invite'>): AnswerTo<'users.invite'> {
    this.#requireAdmin(ask.caller);
    const valid = parseInvitation(ask);
    const before = findByLogin(this.#core, valid.login)?.value;
    if (before?.password !== undefined) {
      throw new WardlineError(
        'login-taken',
        'Somebody has this login already. Choose another, or remove that account first.',
      );
    }
    if (before === undefined && this.#core.records.count(spaces.user) >= MAX_USERS) {
      throw new WardlineError(
        'too-many-users',
        `There are ${MAX_USERS} accounts, which is the limit. Remove one first.`,
      );
    }
    const id = before?.id ?? newId<'user'>(this.#core.random(16));
    const user: UserRecord = { ...valid, id, createdAt: before?.createdAt ?? this.#core.clock.now() };
    const { actor, address } = ask.caller;
    const detail = `roles ${valid.roles.join(', ')}`;
    const entry = { action: 'user-invited', actor, address, outcome: 'ok', subject: id, detail } as const;
    return this.#core.transact(entry, (tx) => {
      tx.put(spaces.user, id, user, { login: user.login });
      return { userId: id, token: this.#enrolment.invite(tx, id) };
    });
  }

  #remove({ caller, userId }: Ask<'users.remove'>): Record<string, never> {
    this.#requireAdmin(caller);
    this.#mustLeaveAnAdmin(caller, this.#get(userId));
    const { actor, address } = caller;
    this.#core.transact({ action: 'user-removed', actor, address, outcome: 'ok', subject: userId }, (tx) => {
      this.#sessions.endAll(tx, userId as UserId);
      this.#enrolment.cancel(tx, userId);
      tx.delete(spaces.guard, userId);
      tx.delete(spaces.user, userId);
    });
    return {};
  }

  #change({ caller, userId, ...ask }: Ask<'users.change'>): Record<string, never> {
    this.#requireAdmin(caller);
    const user = this.#get(userId);
    const valid = parseInvitation({ ...ask, login: user.login });
    if (!valid.roles.includes('admin')) this.#mustLeaveAnAdmin(caller, user);
    const detail = `roles ${valid.roles.join(', ')}; mailboxes ${valid.mailboxes.join(', ') || 'none'}`;
    this.#core.transact({ action: 'user-changed', ...caller, outcome: 'ok', subject: userId, detail }, (tx) =>
      tx.put(spaces.user, userId, { ...user, ...valid }, { login: user.login }),
    );
    return {};
  }

  #lock({ caller, userId, isLocked }: Ask<'users.lock'>): Record<string, never> {
    this.#requireAdmin(caller);
    const user = this.#get(userId);
    if (isLocked) {
      mustBeAnothers(caller, userId);
      this.#mustLeaveAnAdmin(caller, user);
    }
    const action = isLocked ? 'user-locked' : 'user-unlocked';
    this.#core.transact({ action, ...caller, outcome: 'ok', subject: userId }, (tx) => {
      tx.put(spaces.user, userId, { ...user, isLocked }, { login: user.login });
      if (isLocked) this.#sessions.endAll(tx, userId);
      if (isLocked) this.#enrolment.cancel(tx, userId);
      else tx.put(spaces.guard, userId, { ...noFailures, lastStep: guardOf(this.#core, userId).lastStep });
    });
    return {};
  }

  #reinvite({ caller, userId }: Ask<'users.reinvite'>): AnswerTo<'users.reinvite'> {
    this.#requireAdmin(caller);
    mustBeAnothers(caller, userId);
    const user = this.#get(userId);
    this.#mustLeaveAnAdmin(caller, user);
    const { password: _password, totpSecret: _secret, ...invited } = user;
    return this.#core.transact({ action: 'user-reinvited', ...caller, outcome: 'ok', subject: userId }, (tx) => {
      tx.put(spaces.user, userId, { ...invited, isLocked: false }, { login: user.login });
      tx.delete(spaces.guard, userId);
      this.#sessions.endAll(tx, userId);
      return { token: this.#enrolment.invite(tx, userId) };
    });
  }

  #endSessions({ caller, userId }: Ask<'users.endSessions'>): AnswerTo<'users.endSessions'> {
    this.#requireAdmin(caller);
    this.#get(userId);
    const detail = 'by an administrator';
    const entry = { action: 'session-ended', ...caller, outcome: 'ok', subject: userId, detail } as const;
    return { ended: this.#core.transact(entry, (tx) => this.#sessions.endAll(tx, userId)) };
  }

  #get(userId: UserId): UserRecord {
    const user = this.#core.records.get<UserRecord>(spaces.user, userId)?.value;
    if (user !== undefined) return user;
    throw new WardlineError('no-such-user', 'There is no such account any more.');
  }

  /** The command line may take away even the last: it can invite another. */
  #mustLeaveAnAdmin({ actor }: Caller, user: UserRecord): void {
    const isOnlyAdmin =
      isActiveAdmin(user) && !this.#all().some((other) => other.id !== user.id && isActiveAdmin(other));
    if (!isOnlyAdmin || actor.kind !== 'user') return;
    throw new WardlineError(
      'last-admin',
      'This is the last administrator. Invite another one and let them enrol first.',
    );
  }

  #all(): UserRecord[] {
    return this.#core.records.list<UserRecord>(spaces.user).map(({ value }) => value);
  }

  /** Whoever is logged in has to be an administrator; the command line is one by owning the box. */
  #requireAdmin({ actor }: Caller): void {
    if (actor.kind !== 'user') return;
    const user = this.#core.records.get<UserRecord>(spaces.user, actor.id)?.value;
    if (user?.roles.includes('admin')) return;
    throw new WardlineError('forbidden', 'Only an administrator may see and change accounts.');
  }
}

function isActiveAdmin(user: UserRecord): boolean {
  return user.password !== undefined && !user.isLocked && user.roles.includes('admin');
}

/** Nobody shuts the door behind themselves by a slip of the hand. */
function mustBeAnothers({ actor }: Caller, userId: UserId): void {
  if (actor.kind !== 'user' || actor.id !== userId) return;
  throw new WardlineError('own-account', 'This is your own account; ask another administrator.');
}

function parseInvitation(
  ask: Omit<Ask<'users.invite'>, 'caller'>,
): Pick<UserRecord, 'login' | 'name' | 'roles' | 'mailboxes'> {
  const login = normaliseLogin(ask.login);
  const name = ask.name.trim();
  if (!LOGIN.test(login)) {
    throw new WardlineError(
      'login-invalid',
      'A login is 2 to 64 letters, digits and . _ @ + -, beginning with a letter or digit.',
    );
  }
  if (name === '' || name.length > MAX_NAME) {
    throw new WardlineError('name-invalid', `A name has 1 to ${MAX_NAME} characters.`);
  }
  if (ask.roles.length === 0 || ask.roles.some((role) => !roles.includes(role))) {
    throw new WardlineError('role-invalid', `A role is one of ${roles.join(', ')}; give at least one.`);
  }
  if (ask.mailboxes.length > MAX_MAILBOXES || ask.mailboxes.some((mailbox) => !MAILBOX.test(mailbox))) {
    throw new WardlineError('mailbox-invalid', 'A mailbox is an extension of 2 to 6 digits.');
  }
  return { login, name, roles: [...new Set(ask.roles)], mailboxes: [...new Set(ask.mailboxes)] };
}
