// What a domain of the vault works with: the transactor, sealed service records, volatile records and blind indexes.
//
// A domain (settings, bindings, users, sessions …) is a function `(core: VaultCore) => Pick<Handlers, …>` in a file of its own, plugged
// in by `open-vault.ts`. Inside it:
// - `core.transact(entry, (tx) => …)` changes records and writes the audit entry in one SQLite transaction, durable when it
//   returns. The function given must be synchronous; when it throws nothing is written, the entry neither.
// - `core.record(entry)` writes an audit entry alone (a failed log-in, a list that was read).
// - `core.records` reads service-half records: any JSON value, sealed, known by (space, row). A row id rests in clear, so it is
//   random (`newId()`) or blind (`core.blindRow(...)`), never a name or number.
// - `tx.put(space, row, value, { login: 'ada' })` also indexes the value blindly; `core.records.find(space, 'login', 'ada')` finds it.
// - `core.volatile` keeps what changes too often for the trail (a session's last touch): sealed, but outside the trail.
import type { AuditEntry } from '../../audit/entry.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/logger.ts';

export interface StoredRecord<Value> {
  readonly row: string;
  readonly version: number;
  readonly value: Value;
}

/** Kind → value or values to find a record by. The caller normalises (lower case, digits only). */
export type IndexTerms = Readonly<Record<string, string | readonly string[]>>;

/** Reads service-half records. `Value` is what the same domain put there. */
export interface ServiceRecords {
  get<Value>(space: string, row: string): StoredRecord<Value> | undefined;
  /** All of a space, in order of insertion. */
  list<Value>(space: string): StoredRecord<Value>[];
  /** Those whose `kind` term equals `value`, in order of insertion. */
  find<Value>(space: string, kind: string, value: string): StoredRecord<Value>[];
  count(space: string): number;
}

/** Changes service-half records; exists only inside `transact`. */
export interface Transaction {
  /** Inserts or replaces; answers the row's new version. The terms replace the row's earlier ones. */
  put(space: string, row: string, value: object, terms?: IndexTerms): number;
  /** Answers whether there was one. */
  delete(space: string, row: string): boolean;
}

export type Transact = <Result>(entry: AuditEntry, change: (tx: Transaction) => Result) => Result;

/** Sealed records outside the trail, for what is rewritten all the time and may be lost or rolled back without harm. */
export interface VolatileRecords {
  put(space: string, row: string, value: object): void;
  get<Value>(space: string, row: string): Value | undefined;
  list<Value>(space: string): { row: string; value: Value }[];
  delete(space: string, row: string): void;
  clear(space: string): void;
}

export interface VaultCore {
  readonly clock: Clock;
  readonly log: Logger;
  readonly transact: Transact;
  readonly records: ServiceRecords;
  readonly volatile: VolatileRecords;
  /** An audit entry without a change of rows. */
  record(entry: AuditEntry): void;
  /** A row id that tells nothing to who lacks the vault's keys and is the same each time for the same value. */
  blindRow(space: string, value: string): string;
  /** Keyed BLAKE2b of a token or the like, hex: fit to be stored instead of it. */
  blind(kind: string, value: string): string;
  random(bytes: number): Uint8Array;
  /** To every link. */
  notify(type: string, payload: object): void;
}
