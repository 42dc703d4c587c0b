// Logging in: password and code together, one answer for whatever was wrong, the same time for a login that nobody has.
import type { Actor, AuditAction } from '../../audit/entry.ts';
import { WardlineError } from '../../kernel/errors.ts';
import type { Ask } from '../contract.ts';
import type { Handlers } from '../handlers.ts';
import type { VaultCore } from '../store/core.ts';
import {
  afterFailure,
  afterLogin,
  FREE_ADDRESS_FAILURES,
  FREE_FAILURES,
  GuessMemory,
  isLocked,
} from './guess-limits.ts';
import { verifyPassword } from './password.ts';
import type { GuardRecord, UserRecord } from './records.ts';
import { actorOf, findByLogin, guardOf, noFailures, normaliseLogin, spaces } from './records.ts';
import type { Sessions } from './sessions.ts';
import { acceptedStep } from './totp.ts';

const nobody: Actor = { kind: 'service', name: 'login' };

/** The row that guesses at logins that nobody has write, in place of an account's guard. */
const UNKNOWN_ROW = 'unknown';

export class Login {
  readonly #core: VaultCore;
  readonly #sessions: Sessions;
  readonly #addresses: GuessMemory;
  readonly #unknownLogins: GuessMemory;

  constructor(core: VaultCore, sessions: Sessions) {
    this.#core = core;
    this.#sessions = sessions;
    this.#addresses = new GuessMemory(core.clock, FREE_ADDRESS_FAILURES);
    this.#unknownLogins = new GuessMemory(core.clock, FREE_FAILURES);
  }

  handlers(): Pick<Handlers, 'session.login'> {
    return { 'session.login': (ask) => this.#logIn(ask) };
  }

  /** @throws WardlineError `locked-out` while the address has to wait */
  refuseLockedAddress(address: string): void {
    if (this.#addresses.isLocked(address)) throw lockedOut();
  }

  /** Notes a wrong guess from an address, of whatever. */
  failedFrom(address: string): void {
    if (this.#addresses.fail(address)) this.#record('locked-out', nobody, address, undefined, 'address');
  }

  async #logIn(ask: Ask<'session.login'>) {
    const { user, guard } = await this.prove(ask);
    const { address } = ask;
    this.#sessions.sweep();
    const entry = { action: 'logged-in', actor: actorOf(user), address, outcome: 'ok', subject: user.id } as const;
    return this.#core.transact(entry, (tx) => {
      tx.put(spaces.guard, user.id, guard);
      return this.#sessions.begin(tx, user, address);
    });
  }

  /**
   * Who it is by login, password and code, and the guard that is to be put with what they then do: the code is used up by it.
   * @throws WardlineError `login-failed`, `locked-out`
   */
  async prove(ask: Ask<'session.login'>): Promise<{ readonly user: UserRecord; readonly guard: GuardRecord }> {
    const { login, password, code, address } = ask;
    this.refuseLockedAddress(address);
    const known = findByLogin(this.#core, login)?.value;
    this.#refuseLocked(known, login, address);
    const isPasswordRight = await verifyPassword(password, known?.password);
    // Others may have guessed meanwhile: from here on nothing waits.
    const user = known && this.#core.records.get<UserRecord>(spaces.user, known.id)?.value;
    this.#refuseLocked(user, login, address);
    if (user === undefined) throw this.#failUnknown(login, address);
    const guard = guardOf(this.#core, user.id);
    const secret = user.totpSecret ?? '';
    const step = secret === '' ? undefined : acceptedStep(secret, code, this.#core.clock.now(), guard.lastStep);
    if (!isPasswordRight || step === undefined) throw this.#fail(user, address, isPasswordRight ? 'code' : 'password');
    return { user, guard: afterLogin(guard, address, step) };
  }

  #refuseLocked(user: UserRecord | undefined, login: string, address: string): void {
    if (user === undefined) {
      if (!this.#unknownLogins.isLocked(keyOf(login, address))) return;
    } else if (!user.isLocked && !isLocked(guardOf(this.#core, user.id), address, this.#core.clock.now())) return;
    const actor = user === undefined ? nobody : actorOf(user);
    this.#record('login-failed', actor, address, user?.id, 'while locked out', 'refused');
    throw lockedOut();
  }

  #fail(user: UserRecord, address: string, what: 'password' | 'code'): WardlineError {
    const now = this.#core.clock.now();
    const guard = afterFailure(guardOf(this.#core, user.id), address, now);
    const actor = actorOf(user);
    const entry = {
      action: 'login-failed',
      actor,
      address,
      outcome: 'failed',
      subject: user.id,
      detail: what,
    } as const;
    this.#core.transact(entry, (tx) => tx.put(spaces.guard, user.id, guard));
    if (isLocked(guard, address, now)) this.#record('locked-out', actor, address, user.id, 'too many failures');
    this.failedFrom(address);
    return loginFailed();
  }

  /**
   * What was typed is not written down: people type passwords into the wrong field. As much is written as for a login that
   * somebody has, so that the time tells nothing.
   */
  #failUnknown(login: string, address: string): WardlineError {
    const entry = {
      action: 'login-failed',
      actor: nobody,
      address,
      outcome: 'failed',
      detail: 'unknown login',
    } as const;
    this.#core.transact(entry, (tx) => tx.put(spaces.guard, UNKNOWN_ROW, noFailures));
    if (this.#unknownLogins.fail(keyOf(login, address)))
      this.#record('locked-out', nobody, address, undefined, 'too many failures');
    this.failedFrom(address);
    return loginFailed();
  }

  #record(
    action: AuditAction,
    actor: Actor,
    address: string,
    subject: string | undefined,
    detail: string,
    outcome: 'ok' | 'refused' | 'failed' = 'ok',
  ): void {
    this.#core.record({ action, actor, address, outcome, detail, ...(subject !== undefined && { subject }) });
  }
}

function keyOf(login: string, address: string): string {
  return `${normaliseLogin(login)}\n${address}`;
}

function loginFailed(): WardlineError {
  return new WardlineError('login-failed', 'Login, password or code is wrong. Check all three and try again.');
}

function lockedOut(): WardlineError {
  return new WardlineError(
    'locked-out',
    'Too many wrong attempts. Wait a while, then try again; each further one makes it longer.',
  );
}
