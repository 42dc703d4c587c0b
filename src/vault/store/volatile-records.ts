// Sealed records outside the trail, written behind by a second: refreshed registrations, a session's last touch. FORMAT.md §4.3.
import type { Database, Statement } from 'better-sqlite3';
import type { Clock } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { openRecord, RECORD_SCHEMA, type RecordPlace, sealRecord } from '../keys/format.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { VolatileRecords } from './core.ts';

/** Rows in all spaces; the oldest phones and sessions of a clinic are far fewer. */
const MAX_ROWS = 50_000;
const WRITE_BEHIND_MS = 1_000;

interface VolatileRow {
  readonly space: string;
  readonly row: string;
  readonly schema: number;
  readonly body: Uint8Array;
}

export class VolatileStore implements VolatileRecords, Disposable {
  readonly #db: Database;
  readonly #keyring: Keyring;
  readonly #clock: Clock;
  readonly #onError: (thrown: unknown) => void;
  readonly #put: Statement;
  readonly #drop: Statement;
  readonly #spaces = new Map<string, Map<string, object>>();
  readonly #dirty = new Map<string, { space: string; row: string }>();
  #rows = 0;
  #timer: Disposable | undefined;

  constructor(
    db: Database,
    keyring: Keyring,
    clock: Clock,
    { onError, isReader }: { readonly onError: (thrown: unknown) => void; readonly isReader: boolean },
  ) {
    this.#db = db;
    this.#onError = onError;
    this.#keyring = keyring;
    this.#clock = clock;
    this.#put = db.prepare('INSERT OR REPLACE INTO volatile_records (space, row, schema, body) VALUES (?, ?, ?, ?)');
    this.#drop = db.prepare('DELETE FROM volatile_records WHERE space = ? AND row = ?');
    if (!isReader) this.#load();
  }

  put(space: string, row: string, value: object): void {
    const rows = this.#space(space);
    if (!rows.has(row) && ++this.#rows > MAX_ROWS) {
      this.#rows--;
      throw new WardlineError('vault-full', 'Too many registrations and sessions are kept at once.');
    }
    rows.set(row, value);
    this.#touch(space, row);
  }

  get<Value>(space: string, row: string): Value | undefined {
    return this.#spaces.get(space)?.get(row) as Value | undefined;
  }

  list<Value>(space: string): { row: string; value: Value }[] {
    return [...(this.#spaces.get(space) ?? [])].map(([row, value]) => ({ row, value: value as Value }));
  }

  delete(space: string, row: string): void {
    if (!this.#spaces.get(space)?.delete(row)) return;
    this.#rows--;
    this.#touch(space, row);
  }

  clear(space: string): void {
    for (const { row } of this.list(space)) this.delete(space, row);
  }

  /** Writes what waits; durable when it returns. */
  flush(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#dirty.size === 0) return;
    this.#db.transaction(() => {
      for (const { space, row } of this.#dirty.values()) this.#write(space, row);
    })();
    this.#dirty.clear();
  }

  /** Writes every row anew under the keys of now; only inside a transaction. */
  reseal(): void {
    for (const [space, rows] of this.#spaces) for (const row of rows.keys()) this.#write(space, row);
  }

  [Symbol.dispose](): void {
    this.flush();
  }

  /** A full disk must not end the process for what may be lost anyway; the next change or `flush` tries again. */
  #flushBehind(): void {
    this.#timer = undefined;
    try {
      this.flush();
    } catch (thrown) {
      this.#onError(thrown);
    }
  }

  #write(space: string, row: string): void {
    const value = this.#spaces.get(space)?.get(row);
    if (value === undefined) this.#drop.run(space, row);
    else {
      const body = sealRecord(this.#keyring.service.records, value, this.#place(space, row, RECORD_SCHEMA));
      this.#put.run(space, row, RECORD_SCHEMA, body);
    }
  }

  #touch(space: string, row: string): void {
    this.#dirty.set(`${space}\n${row}`, { space, row });
    this.#timer ??= this.#clock.after(WRITE_BEHIND_MS, () => this.#flushBehind());
  }

  #space(space: string): Map<string, object> {
    const rows = this.#spaces.get(space) ?? new Map<string, object>();
    this.#spaces.set(space, rows);
    return rows;
  }

  /** A row that does not open is left out: losing it does no harm, which is why it may be here. */
  #load(): void {
    const rows = this.#db.prepare('SELECT space, row, schema, body FROM volatile_records').all();
    for (const { space, row, schema, body } of rows as VolatileRow[]) {
      try {
        const value = openRecord<object>(this.#keyring.service.records, body, this.#place(space, row, schema));
        this.#space(space).set(row, value);
        this.#rows++;
      } catch {
        this.#drop.run(space, row);
      }
    }
  }

  #place(space: string, row: string, schema: number): RecordPlace {
    return { vault: this.#keyring.vaultId, table: 'volatile', row, kind: space, schema, version: 0, epoch: '' };
  }
}
