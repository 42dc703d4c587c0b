// The journal's scrubbing: what was deleted must not stay readable in it, but nobody waits for a snapshot that a backup or a reader holds.
import type { Database } from 'better-sqlite3';
import type { Clock } from '../../kernel/clock.ts';

const AGAIN_MS = 25;
const BUSY_MS = 2_000;

export class Journal {
  readonly #db: Database;
  readonly #clock: Clock;
  #holders = 0;
  #isDue = false;
  #again: Disposable | undefined;
  #waiting: (() => void)[] = [];

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Empties the journal into the database now, or as soon as nobody reads an older state. */
  scrub(): void {
    this.#isDue = this.#holders > 0 || !this.#isEmptied();
    if (!this.#isDue) for (const done of this.#waiting.splice(0)) done();
    else if (this.#holders === 0) this.#again ??= this.#clock.after(AGAIN_MS, () => this.#retryLater());
  }

  /** Empties it when that could not be done before. */
  retry(): void {
    if (this.#isDue) this.scrub();
  }

  /** Settles when it is empty; at once while a backup holds it, which empties it at its end. */
  async emptied(): Promise<void> {
    if (this.#isDue && this.#holders === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Keeps the journal as it is until disposed. */
  hold(): Disposable {
    this.#holders++;
    return {
      [Symbol.dispose]: () => {
        this.#holders--;
        this.retry();
      },
    };
  }

  #retryLater(): void {
    this.#again = undefined;
    if (this.#db.open) this.retry();
    else for (const done of this.#waiting.splice(0)) done();
  }

  /** A reader is in the middle of something, for some milliseconds: it is not waited for on this thread. */
  #isEmptied(): boolean {
    this.#db.pragma('busy_timeout = 0');
    try {
      const [answer] = this.#db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
      return answer?.busy === 0;
    } finally {
      this.#db.pragma(`busy_timeout = ${BUSY_MS}`);
    }
  }
}
