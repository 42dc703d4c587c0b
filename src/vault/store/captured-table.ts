// A table of captured records, each sealed under its own key, which is boxed to an epoch; inserted once, never updated. FORMAT.md §4.2.
import type { Database, Statement } from 'better-sqlite3';
import type { Json } from '../../kernel/canonical.ts';
import { randomBytes, sodium, wipe } from '../../seal/sodium.ts';
import { KEY_BYTES, openRecord, RECORD_SCHEMA, type RecordPlace, rowHash, sealRecord } from '../keys/format.ts';
import type { Epoch } from './epochs.ts';
import type { RecordKeys } from './record-keys.ts';
import type { InnerTransaction } from './transact.ts';

/** A column in clear beside the sealed body. */
export type ClearColumns = Readonly<Record<string, string | number | Uint8Array | null>>;

export interface CapturedRow {
  readonly seq: number;
  readonly row: string;
  readonly epoch: string;
  /** Of the sealed JSON. */
  readonly schema: number;
  readonly body: Uint8Array;
  /** The audit entry it was written with. */
  readonly entry: number;
}

export interface CapturedTableOptions {
  readonly db: Database;
  readonly vaultId: string;
  readonly keys: RecordKeys;
  readonly table: string;
  readonly kind: string;
  readonly columns: readonly string[];
}

export class CapturedTable {
  readonly name: string;
  readonly #options: CapturedTableOptions;
  readonly #insert: Statement;
  readonly #get: Statement;
  readonly #drop: Statement;

  constructor(options: CapturedTableOptions) {
    const { db, table, columns } = options;
    this.name = table;
    this.#options = options;
    const all = ['row', 'epoch', 'schema', 'body', 'entry', ...columns];
    const marks = all.map(() => '?').join(', ');
    this.#insert = db.prepare(`INSERT INTO ${table} (${all.join(', ')}) VALUES (${marks})`);
    this.#get = db.prepare(`SELECT * FROM ${table} WHERE row = ?`);
    this.#drop = db.prepare(`DELETE FROM ${table} WHERE row = ?`);
  }

  /** Seals and inserts; `terms` are blind digests kept in another table, which the row's hash covers. Answers its place in order. */
  insert(
    tx: InnerTransaction,
    row: string,
    epoch: Epoch,
    value: object,
    clear: ClearColumns = {},
    terms: readonly Uint8Array[] = [],
  ): number {
    const key = randomBytes(KEY_BYTES);
    const body = sealRecord(key, value, this.#place(row, epoch.id, RECORD_SCHEMA));
    this.#options.keys.putBoxed(this.name, row, epoch.id, sodium.crypto_box_seal(key, epoch.publicKey));
    wipe(key);
    const columns = this.#options.columns.map((column) => clear[column] ?? null);
    const { lastInsertRowid } = this.#insert.run(row, epoch.id, RECORD_SCHEMA, body, tx.entry, ...columns);
    tx.wrote(this.name, row, rowHash(body, clearJson(this.#options.columns, clear, terms)));
    return Number(lastInsertRowid);
  }

  get(row: string): (CapturedRow & ClearColumns) | undefined {
    return this.#get.get(row) as (CapturedRow & ClearColumns) | undefined;
  }

  /** @throws WardlineError `records-locked`, `record-damaged` */
  open<Value>({ row, epoch, schema, body }: CapturedRow): Value {
    const key = this.#options.keys.open(this.name, row);
    try {
      return openRecord<Value>(key, body, this.#place(row, epoch, schema));
    } finally {
      wipe(key);
    }
  }

  /** Destroys the record and its key. */
  dispose(tx: InnerTransaction, row: string): void {
    this.#options.keys.drop(this.name, row);
    if (this.#drop.run(row).changes > 0) tx.removed(this.name, row);
  }

  /** What the trail says of the row as it is now. */
  hashOf(row: CapturedRow, terms: readonly Uint8Array[] = []): string {
    return rowHash(row.body, clearJson(this.#options.columns, row as CapturedRow & ClearColumns, terms));
  }

  #place(row: string, epoch: string, schema: number): RecordPlace {
    const { vaultId, table, kind } = this.#options;
    return { vault: vaultId, table, row, kind, schema, version: 1, epoch };
  }
}

function clearJson(columns: readonly string[], clear: ClearColumns, terms: readonly Uint8Array[]): Json {
  const values: Record<string, Json> = {};
  for (const column of columns) values[column] = plain(clear[column] ?? null);
  return { columns: values, terms: terms.map((term) => Buffer.from(term).toString('hex')).sort() };
}

function plain(value: string | number | Uint8Array | null): Json {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}
