// Enrolment: a one-time link of 24 hours leads to a password and an authenticator app, and straight into the first session.
import type { UtcMs } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import type { UserId } from '../../kernel/id.ts';
import type { AnswerTo, Ask } from '../contract.ts';
import type { Handlers } from '../handlers.ts';
import type { Transaction, VaultCore } from '../store/core.ts';
import type { Login } from './login.ts';
import { hashPassword } from './password.ts';
import { checkPassword } from './password-policy.ts';
import type { EnrolmentRecord, UserRecord } from './records.ts';
import { actorOf, spaces } from './records.ts';
import type { Sessions } from './sessions.ts';
import { acceptedStep, newTotpSecret, totpUri } from './totp.ts';

export const ENROLMENT_MS = 24 * 3_600_000;
const TOKEN_BYTES = 32;

export class Enrolment {
  readonly #core: VaultCore;
  readonly #sessions: Sessions;
  readonly #login: Login;
  readonly #clinicName: () => string;

  constructor(core: VaultCore, parts: { sessions: Sessions; login: Login; clinicName: () => string }) {
    this.#core = core;
    this.#sessions = parts.sessions;
    this.#login = parts.login;
    this.#clinicName = parts.clinicName;
  }

  handlers(): Pick<Handlers, 'enrolment.begin' | 'enrolment.finish'> {
    return { 'enrolment.begin': (ask) => this.#begin(ask), 'enrolment.finish': (ask) => this.#finish(ask) };
  }

  /** A new link for `userId` inside the transaction that invites; an earlier one stops working. */
  invite(tx: Transaction, userId: UserId): string {
    this.cancel(tx, userId);
    const token = Buffer.from(this.#core.random(TOKEN_BYTES)).toString('base64url');
    const record: EnrolmentRecord = {
      userId,
      totpSecret: newTotpSecret((bytes) => this.#core.random(bytes)),
      expiresAt: (this.#core.clock.now() + ENROLMENT_MS) as UtcMs,
    };
    tx.put(spaces.enrolment, this.#row(token), record, { user: userId });
    return token;
  }

  cancel(tx: Transaction, userId: UserId): void {
    const open = this.#core.records.find<EnrolmentRecord>(spaces.enrolment, 'user', userId);
    for (const { row } of open) tx.delete(spaces.enrolment, row);
  }

  #begin({ token, address }: Ask<'enrolment.begin'>): AnswerTo<'enrolment.begin'> {
    const { user, totpSecret } = this.#open(token, address);
    const clinic = this.#clinicName();
    const issuer = clinic === '' ? 'Wardline' : clinic;
    return { login: user.login, name: user.name, totpSecret, totpUri: totpUri(totpSecret, user.login, issuer) };
  }

  async #finish({ token, password, code, address }: Ask<'enrolment.finish'>): Promise<AnswerTo<'enrolment.finish'>> {
    const { user: invited } = this.#open(token, address);
    checkPassword(password, { login: invited.login, name: invited.name, clinicName: this.#clinicName() });
    const hash = await hashPassword(password);
    // The link may have been used or replaced while the hash was made; from here on nothing waits.
    const { user, totpSecret } = this.#open(token, address);
    const step = acceptedStep(totpSecret, code, this.#core.clock.now(), 0);
    if (step === undefined) {
      throw new WardlineError(
        'enrolment-code',
        'The code does not fit. Enter the six digits that the app shows right now.',
      );
    }
    const enrolled: UserRecord = { ...user, password: hash, totpSecret };
    const about = { actor: actorOf(user), address, outcome: 'ok', subject: user.id } as const;
    this.#core.transact({ action: 'user-enrolled', ...about }, (tx) => {
      tx.put(spaces.user, user.id, enrolled, { login: user.login });
      tx.put(spaces.guard, user.id, { failures: 0, lockedUntil: 0, lastStep: step });
      tx.delete(spaces.enrolment, this.#row(token));
    });
    return this.#core.transact({ action: 'logged-in', ...about }, (tx) => this.#sessions.begin(tx, enrolled, address));
  }

  #open(token: string, address: string): { user: UserRecord; totpSecret: string } {
    this.#login.refuseLockedAddress(address);
    const enrolment = this.#core.records.get<EnrolmentRecord>(spaces.enrolment, this.#row(token))?.value;
    const user = enrolment && this.#core.records.get<UserRecord>(spaces.user, enrolment.userId)?.value;
    if (enrolment !== undefined && user !== undefined && enrolment.expiresAt > this.#core.clock.now()) {
      return { user, totpSecret: enrolment.totpSecret };
    }
    const actor = { kind: 'service', name: 'enrolment' } as const;
    this.#core.record({ action: 'login-failed', actor, address, outcome: 'failed', detail: 'enrolment link' });
    this.#login.failedFrom(address);
    throw new WardlineError('enrolment-invalid', 'This link was used before or is too old. Ask for a new one.');
  }

  #row(token: string): string {
    return this.#core.blindRow(spaces.enrolment, token);
  }
}
