// The keys of captured records and segments: boxed to an epoch by whoever captured, later adopted under its wrap key. FORMAT.md §3.5.
import type { Database, Statement } from 'better-sqlite3';
import type { Json } from '../kernel/canonical.ts';
import { WardlineError } from '../kernel/errors.ts';
import { sodium, wipe } from '../seal/sodium.ts';
import type { Epochs } from './epochs.ts';
import { openBlob, sealBlob } from './format.ts';

interface KeyRow {
  readonly owner: string;
  readonly row: string;
  readonly epoch: string;
  readonly form: 'boxed' | 'adopted';
  readonly key: Uint8Array;
}

export class RecordKeys {
  readonly #vaultId: string;
  readonly #epochs: Epochs;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: Database, vaultId: string, epochs: Epochs) {
    this.#vaultId = vaultId;
    this.#epochs = epochs;
    this.#statements = prepare(db);
  }

  /** Keeps a key that was sealed to the epoch's public key. */
  putBoxed(owner: string, row: string, epoch: string, sealedKey: Uint8Array): void {
    this.#statements.put.run(owner, row, epoch, sealedKey);
  }

  /** The key in clear; the caller wipes it. @throws WardlineError `records-locked`, `record-disposed`, `epoch-damaged` */
  open(owner: string, row: string): Uint8Array {
    const found = this.#statements.get.get(owner, row) as KeyRow | undefined;
    if (found === undefined) throw keyGone();
    const key = this.#openRow(found);
    if (key === undefined) throw keyGone();
    return key;
  }

  drop(owner: string, row: string): void {
    this.#statements.drop.run(owner, row);
  }

  /** Re-wraps up to `limit` boxed keys; answers how many it looked at. Call it inside a transaction. */
  adopt(limit: number): number {
    const rows = this.#statements.boxed.all(this.#closedEpochs(), limit) as KeyRow[];
    for (const row of rows) this.#adoptRow(row);
    return rows.length;
  }

  countBoxed(): number {
    return this.#statements.countBoxed.get(this.#closedEpochs()) as number;
  }

  /** Epochs whose secret is damaged: their boxes are left as they are, since the right secret may be put back. */
  #closedEpochs(): string {
    const epochs = this.#statements.boxedEpochs.all() as string[];
    return JSON.stringify(epochs.filter((epoch) => !this.#epochs.opens(epoch)));
  }

  /** A box that does not open is marked, so that it is not tried again each time; reading its record says what is wrong. */
  #adoptRow(row: KeyRow): void {
    const key = this.#openRow(row);
    if (key === undefined) {
      this.#statements.update.run('unopenable', row.key, row.owner, row.row);
      return;
    }
    const { wrapKey } = this.#epochs.secrets(row.epoch);
    this.#statements.update.run('adopted', sealBlob(wrapKey, key, this.#binding(row)), row.owner, row.row);
    wipe(key);
  }

  #openRow(row: KeyRow): Uint8Array | undefined {
    const { publicKey, privateKey, wrapKey } = this.#epochs.secrets(row.epoch);
    if (row.form === 'adopted') return openBlob(wrapKey, row.key, this.#binding(row));
    try {
      return sodium.crypto_box_seal_open(row.key, publicKey, privateKey);
    } catch {
      return undefined; // libsodium throws when the box is not for this key
    }
  }

  #binding({ owner, row, epoch }: KeyRow): Json {
    return { purpose: 'wardline-key-1', vault: this.#vaultId, owner, row, epoch };
  }
}

const OPENABLE = 'epoch NOT IN (SELECT value FROM json_each(?))';

function prepare(
  db: Database,
): Record<'put' | 'get' | 'drop' | 'boxed' | 'boxedEpochs' | 'countBoxed' | 'update', Statement> {
  return {
    put: db.prepare("INSERT INTO record_keys (owner, row, epoch, form, key) VALUES (?, ?, ?, 'boxed', ?)"),
    get: db.prepare('SELECT * FROM record_keys WHERE owner = ? AND row = ?'),
    drop: db.prepare('DELETE FROM record_keys WHERE owner = ? AND row = ?'),
    boxed: db.prepare(`SELECT * FROM record_keys WHERE form = 'boxed' AND ${OPENABLE} LIMIT ?`),
    boxedEpochs: db.prepare("SELECT DISTINCT epoch FROM record_keys WHERE form = 'boxed'").pluck(),
    countBoxed: db.prepare(`SELECT count(*) FROM record_keys WHERE form = 'boxed' AND ${OPENABLE}`).pluck(),
    update: db.prepare('UPDATE record_keys SET form = ?, key = ? WHERE owner = ? AND row = ?'),
  };
}

function keyGone(): WardlineError {
  return new WardlineError('record-damaged', 'The key of this record is gone or was changed outside of the vault.');
}
