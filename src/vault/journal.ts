// The journal's scrubbing: what was deleted must not stay readable in it, but a snapshot that a backup reads must not be waited for.
import type { Database } from 'better-sqlite3';

export class Journal {
  readonly #db: Database;
  #holders = 0;
  #isDue = false;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Empties the journal into the database now, or as soon as nobody reads an older state. */
  scrub(): void {
    this.#isDue = this.#holders > 0 || !this.#isEmptied();
  }

  /** What another reader keeps in the journal is emptied at the next occasion. */
  #isEmptied(): boolean {
    const [answer] = this.#db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    return answer?.busy === 0;
  }

  /** Empties it when that could not be done before. */
  retry(): void {
    if (this.#isDue) this.scrub();
  }

  /** Keeps the journal as it is until disposed. */
  hold(): Disposable {
    this.#holders++;
    return {
      [Symbol.dispose]: () => {
        this.#holders--;
        if (this.#isDue) this.scrub();
      },
    };
  }
}
