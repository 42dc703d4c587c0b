// Sessions: an opaque token with the person, its blind in the vault; over after 15 minutes idle, after 12 hours, or when ended.
import type { UtcMs } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import type { UserId } from '../../kernel/id.ts';
import type { AnswerTo } from '../contract.ts';
import type { Handlers } from '../handlers.ts';
import type { SessionInfo, UserAccount } from '../shapes.ts';
import type { StoredRecord, Transaction, VaultCore } from '../store/core.ts';
import type { SessionRecord, UserRecord } from './records.ts';
import { accountOf, actorOf, spaces } from './records.ts';

export const IDLE_MS = 15 * 60_000;
export const LONGEST_MS = 12 * 3_600_000;
/** Of one person; the oldest is ended first. */
const MAX_SESSIONS = 10;
const SWEEP_EVERY_MS = 60_000;
const TOKEN_BYTES = 32;

export class Sessions {
  readonly #core: VaultCore;
  #sweptAt = 0;

  constructor(core: VaultCore) {
    this.#core = core;
  }

  handlers(): Pick<Handlers, 'session.check' | 'session.logout' | 'session.list' | 'session.endOthers'> {
    return {
      'session.check': ({ sessionToken, isBackground }) => this.#check(sessionToken, isBackground === true),
      'session.logout': ({ sessionToken, address }) => this.#logOut(sessionToken, address),
      'session.list': ({ sessionToken }) => this.#list(sessionToken),
      'session.endOthers': ({ sessionToken, address }) => this.#endOthers(sessionToken, address),
    };
  }

  /** Begins a session inside the transaction of the entry that says so. */
  begin(tx: Transaction, user: UserRecord, address: string): { sessionToken: string; session: SessionInfo } {
    const sessionToken = Buffer.from(this.#core.random(TOKEN_BYTES)).toString('base64url');
    const startedAt = this.#core.clock.now();
    const record: SessionRecord = { userId: user.id, startedAt, address };
    const open = this.#of(user.id);
    for (const { row } of open.slice(0, Math.max(0, open.length + 1 - MAX_SESSIONS))) this.#forget(tx, row);
    const row = this.#row(sessionToken);
    tx.put(spaces.session, row, record, { user: user.id });
    this.#core.volatile.put(spaces.touch, row, { at: startedAt });
    return { sessionToken, session: this.#info(row, record, user) };
  }

  /** Ends all of a person's sessions inside a transaction, but that of `exceptToken`. Answers how many. */
  endAll(tx: Transaction, userId: UserId, exceptToken?: string): number {
    const kept = exceptToken === undefined ? undefined : this.#row(exceptToken);
    const ended = this.#of(userId).filter(({ row }) => row !== kept);
    for (const { row } of ended) this.#forget(tx, row);
    return ended.length;
  }

  /** How many a person has open. */
  count(userId: UserId): number {
    return this.#open(userId).length;
  }

  /** Whose token it is. @throws WardlineError `no-session` */
  userOf(sessionToken: string): UserAccount {
    return this.#check(sessionToken, true).user;
  }

  /** Ends what is over; called now and then, since nobody comes back for it. */
  sweep(): void {
    const now = this.#core.clock.now();
    if (Math.abs(now - this.#sweptAt) < SWEEP_EVERY_MS) return;
    this.#sweptAt = now;
    for (const session of this.#core.records.list<SessionRecord>(spaces.session)) {
      if (this.#expiresAt(session.row, session.value) <= now) this.#end(session);
    }
  }

  #check(sessionToken: string, isBackground: boolean): SessionInfo {
    const row = this.#row(sessionToken);
    const session = this.#core.records.get<SessionRecord>(spaces.session, row);
    if (session === undefined) throw noSession();
    const user = this.#core.records.get<UserRecord>(spaces.user, session.value.userId)?.value;
    const now = this.#core.clock.now();
    if (user === undefined || this.#expiresAt(row, session.value) <= now) {
      this.#end(session);
      throw noSession();
    }
    if (!isBackground) this.#core.volatile.put(spaces.touch, row, { at: now });
    this.sweep();
    return this.#info(row, session.value, user);
  }

  #logOut(sessionToken: string, address: string): Record<string, never> {
    const row = this.#row(sessionToken);
    const session = this.#core.records.get<SessionRecord>(spaces.session, row);
    if (session === undefined) return {};
    const user = this.#core.records.get<UserRecord>(spaces.user, session.value.userId)?.value;
    const actor = user === undefined ? ({ kind: 'service', name: 'sessions' } as const) : actorOf(user);
    const entry = { action: 'logged-out', actor, address, outcome: 'ok', subject: session.value.userId } as const;
    this.#core.transact(entry, (tx) => this.#forget(tx, row));
    return {};
  }

  #list(sessionToken: string): AnswerTo<'session.list'> {
    const own = this.#row(sessionToken);
    const sessions = this.#open(this.userOf(sessionToken).id).map(({ row, value: { startedAt, address = '' } }) => {
      return { startedAt, seenAt: this.#touchedAt(row, startedAt), address, isThis: row === own };
    });
    return { sessions: sessions.toReversed() };
  }

  #endOthers(sessionToken: string, address: string): AnswerTo<'session.endOthers'> {
    const { id, login } = this.userOf(sessionToken);
    const actor = { kind: 'user', id, login } as const;
    const entry = {
      action: 'session-ended',
      actor,
      address,
      outcome: 'ok',
      subject: id,
      detail: 'all others',
    } as const;
    return { ended: this.#core.transact(entry, (tx) => this.endAll(tx, id, sessionToken)) };
  }

  /** Those that are not over, oldest first. */
  #open(userId: UserId): StoredRecord<SessionRecord>[] {
    const now = this.#core.clock.now();
    return this.#of(userId).filter(({ row, value }) => this.#expiresAt(row, value) > now);
  }

  #end({ row, value }: StoredRecord<SessionRecord>): void {
    const isLong = this.#core.clock.now() >= value.startedAt + LONGEST_MS;
    const entry = {
      action: 'session-ended',
      actor: { kind: 'service', name: 'sessions' },
      address: '',
      outcome: 'ok',
      subject: value.userId,
      detail: isLong ? 'after 12 hours' : 'idle for 15 minutes',
    } as const;
    this.#core.transact(entry, (tx) => this.#forget(tx, row));
  }

  #forget(tx: Transaction, row: string): void {
    tx.delete(spaces.session, row);
    this.#core.volatile.delete(spaces.touch, row);
  }

  #of(userId: UserId): StoredRecord<SessionRecord>[] {
    return this.#core.records.find<SessionRecord>(spaces.session, 'user', userId);
  }

  #row(sessionToken: string): string {
    return this.#core.blindRow(spaces.session, sessionToken);
  }

  /** A touch that was lost counts from the start, which only ends the session sooner. */
  #expiresAt(row: string, { startedAt }: SessionRecord): UtcMs {
    // One that lies ahead was begun by a clock that was ahead: it is over.
    if (startedAt > this.#core.clock.now() + IDLE_MS) return 0 as UtcMs;
    return Math.min(this.#touchedAt(row, startedAt) + IDLE_MS, startedAt + LONGEST_MS) as UtcMs;
  }

  #touchedAt(row: string, startedAt: UtcMs): UtcMs {
    return this.#core.volatile.get<{ at: UtcMs }>(spaces.touch, row)?.at ?? startedAt;
  }

  #info(row: string, record: SessionRecord, user: UserRecord): SessionInfo {
    const { startedAt } = record;
    return { user: accountOf(this.#core, user), startedAt, expiresAt: this.#expiresAt(row, record) };
  }
}

function noSession(): WardlineError {
  return new WardlineError('no-session', 'You are logged out. Log in to go on.');
}
