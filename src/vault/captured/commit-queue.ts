// Writes of many recordings in one transaction a tick; what one of them spoils the others do not feel. FORMAT.md §6.
import type { Database, Transaction } from 'better-sqlite3';
import type { Clock } from '../../kernel/clock.ts';
import { codeOf } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import { writeFailed } from './intake-checks.ts';

const COMMIT_TICK_MS = 50;
/** Bytes that wait for a commit; more means that the disk does not keep up. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

interface Waiting<Owner> {
  readonly owner: Owner;
  readonly insert: () => void;
  readonly done: PromiseWithResolvers<void>;
}

export interface CommitQueueParts<Owner> {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  /** Some of the owner's writes are lost; called before those who wait for them are told. */
  readonly onFailed: (owner: Owner) => void;
}

export class CommitQueue<Owner> {
  readonly #parts: CommitQueueParts<Owner>;
  readonly #commit: Transaction<(waiting: readonly Waiting<Owner>[]) => void>;
  #waiting: Waiting<Owner>[] = [];
  #waitingBytes = 0;
  #tick: Disposable | undefined;

  constructor(parts: CommitQueueParts<Owner>) {
    this.#parts = parts;
    this.#commit = parts.db.transaction((waiting) => {
      for (const { insert } of waiting) insert();
    });
  }

  /** Settles after the commit, with `vault-write-failed` where it fails; undefined, and nothing taken, when too much waits. */
  add(owner: Owner, bytes: number, insert: () => void): Promise<void> | undefined {
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) return undefined;
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ owner, insert, done });
    this.#waitingBytes += bytes;
    this.#tick ??= this.#parts.clock.after(COMMIT_TICK_MS, () => this.flush());
    return done.promise;
  }

  holds(owner: Owner): boolean {
    return this.#waiting.some((waiting) => waiting.owner === owner);
  }

  /** Commits what waits; those who sent it are answered. */
  flush(): void {
    this.#tick?.[Symbol.dispose]();
    this.#tick = undefined;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const thrown = this.#tryCommit(waiting);
    if (thrown === undefined) return;
    // One recording whose rows the database refuses does not fail the others of its tick; a broken disk fails them all.
    const each = Map.groupBy(waiting, ({ owner }) => owner);
    const isOfOne = each.size > 1 && codeOf(thrown).startsWith('SQLITE_CONSTRAINT');
    if (!isOfOne) this.#failAll(waiting, thrown);
    else
      for (const own of each.values()) {
        const fault = this.#tryCommit(own);
        if (fault !== undefined) this.#failAll(own, fault);
      }
  }

  #tryCommit(waiting: readonly Waiting<Owner>[]): unknown {
    try {
      this.#commit(waiting);
    } catch (thrown) {
      return thrown;
    }
    for (const { done } of waiting) done.resolve();
    return undefined;
  }

  /** The disk is full or broken: these recordings fail and say so; calls go on. */
  #failAll(waiting: readonly Waiting<Owner>[], thrown: unknown): void {
    const { log, onFailed } = this.#parts;
    log.error({ err: thrown }, 'sealed audio could not be written');
    for (const { owner, done } of waiting) {
      onFailed(owner);
      done.reject(writeFailed());
    }
  }
}
