// The transactor: a change, the list of rows it touched and its chained audit entry in one SQLite transaction. FORMAT.md §7.
// Domains use it through `core.ts`; what captured tables need beside that is `InnerTransaction`.
import type { Database } from 'better-sqlite3';
import type { AuditEntry, RowChange } from '../../audit/entry.ts';
import { canonicalText } from '../../kernel/canonical.ts';
import type { Clock } from '../../kernel/clock.ts';
import { rowHash } from '../keys/format.ts';
import type { Keyring } from '../keys/keyring.ts';
import { type Slot, slotColumns } from '../keys/slots.ts';
import type { IndexTerms, Transaction } from './core.ts';
import type { ServiceRecordStore } from './service-records.ts';
import { StateDigest } from './state-digest.ts';
import type { Trail } from './trail.ts';

export interface InnerTransaction extends Transaction {
  /** The sequence number of this transaction's entry. */
  readonly entry: number;
  /** An immutable row was written; `hash` is its `rowHash`. */
  wrote(table: string, row: string, hash: string): void;
  removed(table: string, row: string): void;
  /** A mutable row was written by other means than `put`. */
  wroteMutable(change: Required<RowChange>): void;
  removedMutable(before: Required<RowChange>): void;
  /** A mutable row that was `before` became `after`. */
  changedMutable(before: Required<RowChange>, after: Required<RowChange>): void;
  putSlot(slot: Slot): void;
  deleteSlot(slot: Slot): void;
}

export type InnerTransact = <Result>(entry: AuditEntry, change: (tx: InnerTransaction) => Result) => Result;

export class Transactor {
  readonly #db: Database;
  readonly #trail: Trail;
  readonly #records: ServiceRecordStore;
  readonly #state: StateDigest;
  readonly #clock: Clock;
  readonly #slots: ReturnType<typeof prepareSlots>;
  /** Called after each commit, with the trail's length. */
  onCommit: ((sequence: number) => void) | undefined;

  constructor(db: Database, keyring: Keyring, trail: Trail, records: ServiceRecordStore, clock: Clock) {
    this.#db = db;
    this.#trail = trail;
    this.#records = records;
    this.#clock = clock;
    this.#state = new StateDigest(keyring.service.state);
    this.#slots = prepareSlots(db);
  }

  /** The digest that the next entry starts from: taken from the last entry at start, so that a difference stays visible. */
  get state(): StateDigest {
    return this.#state;
  }

  /** Writes `change` and `entry`, both or neither; durable when it returns. `change` must not wait for anything. */
  transact<Result>(entry: AuditEntry, change: (tx: InnerTransaction) => Result): Result {
    if (this.#db.inTransaction) throw new Error('a transaction cannot begin inside another');
    const stateBefore = this.#state.value;
    const rows: RowChange[] = [];
    const sequence = this.#trail.sequence + 1;
    try {
      const result = this.#db
        .transaction(() => {
          const answer = change(this.#open(sequence, rows));
          this.#trail.append({ ...entry, at: this.#clock.now(), sequence, rows, state: this.#state.hex });
          return answer;
        })
        .immediate();
      this.onCommit?.(sequence);
      return result;
    } catch (thrown) {
      if (this.#trail.sequence === sequence) this.#trail.reload();
      this.#state.set(stateBefore);
      throw thrown;
    }
  }

  #open(entry: number, rows: RowChange[]): InnerTransaction {
    return {
      entry,
      put: (space, row, value, terms = {}) => this.#put(rows, space, row, value, terms),
      delete: (space, row) => this.#delete(rows, space, row),
      wrote: (table, row, hash) => rows.push({ table, row, version: 1, hash }),
      removed: (table, row) => rows.push({ table, row, version: 1 }),
      wroteMutable: (change) => {
        this.#state.add(change);
        rows.push(change);
      },
      removedMutable: (before) => {
        this.#state.remove(before);
        rows.push({ table: before.table, row: before.row, version: before.version });
      },
      changedMutable: (before, after) => {
        this.#state.remove(before);
        this.#state.add(after);
        rows.push(after);
      },
      putSlot: (slot) => this.#putSlot(rows, slot),
      deleteSlot: (slot) => this.#deleteSlot(rows, slot),
    };
  }

  #put(rows: RowChange[], space: string, row: string, value: object, terms: IndexTerms): number {
    const before = this.#records.current(space, row);
    if (before !== undefined) this.#state.remove(before);
    const after = this.#records.put(space, row, (before?.version ?? 0) + 1, value, terms);
    this.#state.add(after);
    rows.push(after);
    return after.version;
  }

  #delete(rows: RowChange[], space: string, row: string): boolean {
    const before = this.#records.current(space, row);
    if (before === undefined) return false;
    this.#state.remove(before);
    this.#records.delete(space, row);
    rows.push({ table: space, row, version: before.version });
    return true;
  }

  #putSlot(rows: RowChange[], slot: Slot): void {
    const { id, kind, opens, parameters, wrapped } = slot;
    this.#slots.put.run(id, kind, opens, canonicalText({ ...parameters }), wrapped);
    const change = describeSlot(slot);
    this.#state.add(change);
    rows.push(change);
  }

  #deleteSlot(rows: RowChange[], slot: Slot): void {
    this.#slots.drop.run(slot.id);
    this.#state.remove(describeSlot(slot));
    rows.push({ table: 'keyring', row: slot.id, version: 1 });
  }
}

/** A slot as the trail knows it. A slot is never changed: it is added and removed. */
export function describeSlot(slot: Slot): Required<RowChange> {
  return { table: 'keyring', row: slot.id, version: 1, hash: rowHash(slot.wrapped, slotColumns(slot)) };
}

function prepareSlots(db: Database) {
  return {
    put: db.prepare('INSERT INTO keyring (slot, kind, opens, parameters, wrapped) VALUES (?, ?, ?, ?, ?)'),
    drop: db.prepare('DELETE FROM keyring WHERE slot = ?'),
  };
}
