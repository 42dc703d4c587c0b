// Records of the service half in one table: sealed, versioned, blindly indexed. FORMAT.md §4.1.
import type { Database } from 'better-sqlite3';
import type { RowChange } from '../../audit/entry.ts';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import { openRecord, RECORD_SCHEMA, type RecordPlace, rowHash, sealRecord } from '../keys/format.ts';
import type { Keyring } from '../keys/keyring.ts';
import { blindDigest } from '../keys/purpose-keys.ts';
import type { IndexTerms, ServiceRecords, StoredRecord } from './core.ts';

interface Row {
  readonly space: string;
  readonly row: string;
  readonly version: number;
  readonly schema: number;
  readonly body: Uint8Array;
}

/** Bytes of one sealed value. */
const MAX_RECORD_BYTES = 12 * 1024 * 1024;

export class ServiceRecordStore implements ServiceRecords {
  readonly #keyring: Keyring;
  readonly #statements: ReturnType<typeof prepare>;
  /** Told of rows that do not open. */
  onDamaged: ((space: string, row: string) => void) | undefined;

  constructor(db: Database, keyring: Keyring) {
    this.#keyring = keyring;
    this.#statements = prepare(db);
  }

  get<Value>(space: string, row: string): StoredRecord<Value> | undefined {
    const found = this.#statements.get.get(space, row) as Row | undefined;
    return found && this.#open<Value>(found);
  }

  /** A damaged row is left out and named: it must not keep the others from being used. */
  list<Value>(space: string): StoredRecord<Value>[] {
    return (this.#statements.list.all(space) as Row[]).flatMap((row) => this.#tryOpen<Value>(row));
  }

  /** All of a space or nothing. @throws WardlineError `record-damaged` */
  listWhole<Value>(space: string): StoredRecord<Value>[] {
    return (this.#statements.list.all(space) as Row[]).map((row) => this.#open<Value>(row));
  }

  find<Value>(space: string, kind: string, value: string): StoredRecord<Value>[] {
    const rows = this.#statements.find.all(space, kind, this.#digest(space, kind, value)) as Row[];
    return rows.flatMap((row) => this.#tryOpen<Value>(row));
  }

  count(space: string): number {
    return this.#statements.count.get(space) as number;
  }

  /** What the row is now, for the trail; undefined when there is none. */
  current(space: string, row: string): Required<RowChange> | undefined {
    const found = this.#statements.get.get(space, row) as Row | undefined;
    return found && this.#describe(found);
  }

  /** Every row as the trail knows it, one by one. */
  *all(): Generator<Required<RowChange>> {
    for (const row of this.#statements.all.iterate() as IterableIterator<Row>) yield this.#describe(row);
  }

  /** Rows that do not open, as `<space>/<row>`. */
  *damaged(): Generator<string> {
    for (const found of this.#statements.all.iterate() as IterableIterator<Row>) {
      if (this.#tryOpen(found).length === 0) yield `${found.space}/${found.row}`;
    }
  }

  put(space: string, row: string, version: number, value: object, terms: IndexTerms): Required<RowChange> {
    const body = sealRecord(this.#keyring.service.records, value, this.#place(space, row, version, RECORD_SCHEMA));
    if (body.length > MAX_RECORD_BYTES) {
      throw new WardlineError('too-large', 'What was to be kept is too large; make it shorter.');
    }
    this.#statements.put.run(space, row, version, RECORD_SCHEMA, body);
    this.#statements.dropTerms.run(space, row);
    for (const [kind, values] of Object.entries(terms)) {
      for (const term of new Set(typeof values === 'string' ? [values] : values)) {
        this.#statements.addTerm.run(space, kind, this.#digest(space, kind, term), row);
      }
    }
    return this.#describe({ space, row, version, schema: RECORD_SCHEMA, body });
  }

  /** Seals every row anew, as its next version, under the keys of now; answers each as the trail will know it. */
  *reseal(formerKey: Uint8Array): Generator<Required<RowChange>> {
    for (const { space, row, version, schema, body } of this.#statements.all.all() as Row[]) {
      const value = openRecord<object>(formerKey, body, this.#place(space, row, version, schema));
      const next = sealRecord(this.#keyring.service.records, value, this.#place(space, row, version + 1, schema));
      this.#statements.put.run(space, row, version + 1, schema, next);
      yield this.#describe({ space, row, version: version + 1, schema, body: next });
    }
  }

  delete(space: string, row: string): void {
    this.#statements.dropTerms.run(space, row);
    this.#statements.drop.run(space, row);
  }

  #open<Value>(found: Row): StoredRecord<Value> {
    const { space, row, version, schema, body } = found;
    const value = openRecord<Value>(this.#keyring.service.records, body, this.#place(space, row, version, schema));
    return { row, version, value };
  }

  #tryOpen<Value>(found: Row): StoredRecord<Value>[] {
    try {
      return [this.#open<Value>(found)];
    } catch (thrown) {
      if (codeOf(thrown) !== 'record-damaged') throw thrown;
      this.onDamaged?.(found.space, found.row);
      return [];
    }
  }

  /** The hash covers the blind index too, so that a term cannot be pointed at another row. */
  #describe({ space, row, version, body }: Row): Required<RowChange> {
    const terms = this.#statements.terms.all(space, row) as { kind: string; digest: Buffer }[];
    const clear = terms.map(({ kind, digest }) => `${kind}:${digest.toString('hex')}`);
    return { table: space, row, version, hash: rowHash(body, clear) };
  }

  #digest(space: string, kind: string, value: string): Uint8Array {
    return blindDigest(this.#keyring.service, `${space}/${kind}`, value);
  }

  #place(space: string, row: string, version: number, schema: number): RecordPlace {
    return { vault: this.#keyring.vaultId, table: space, row, kind: space, schema, version, epoch: '' };
  }
}

function prepare(db: Database) {
  const columns = 'r.space, r.row, r.version, r.schema, r.body';
  return {
    get: db.prepare(`SELECT ${columns} FROM service_records r WHERE space = ? AND row = ?`),
    list: db.prepare(`SELECT ${columns} FROM service_records r WHERE space = ? ORDER BY seq`),
    all: db.prepare(`SELECT ${columns} FROM service_records r ORDER BY seq`),
    find: db.prepare(`SELECT ${columns} FROM blind_index b JOIN service_records r USING (space, row)
      WHERE b.space = ? AND b.kind = ? AND b.digest = ? ORDER BY r.seq`),
    count: db.prepare('SELECT count(*) FROM service_records WHERE space = ?').pluck(),
    put: db.prepare(`INSERT INTO service_records (space, row, version, schema, body) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (space, row) DO UPDATE SET version = excluded.version, schema = excluded.schema, body = excluded.body`),
    drop: db.prepare('DELETE FROM service_records WHERE space = ? AND row = ?'),
    terms: db.prepare('SELECT kind, digest FROM blind_index WHERE space = ? AND row = ? ORDER BY kind, digest'),
    addTerm: db.prepare('INSERT INTO blind_index (space, kind, digest, row) VALUES (?, ?, ?, ?)'),
    dropTerms: db.prepare('DELETE FROM blind_index WHERE space = ? AND row = ?'),
  };
}
