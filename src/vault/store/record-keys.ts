// The keys of captured records and segments: boxed to an epoch by whoever captured, later adopted under its wrap key. FORMAT.md §3.5.
import type { Database, Statement } from 'better-sqlite3';
import type { Json } from '../../kernel/canonical.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { sodium, wipe } from '../../seal/sodium.ts';
import { openBlob, sealBlob } from '../keys/format.ts';
import type { Epochs } from './epochs.ts';

/** A row of `record_keys`. */
interface KeyRow {
  readonly owner: string;
  readonly row: string;
  readonly epoch: string;
  readonly form: 'boxed' | 'adopted' | 'unopenable';
  readonly key: Uint8Array;
}

/** A key as adoption keeps it. */
export interface AdoptedKey extends Omit<KeyRow, 'epoch'> {
  readonly form: 'adopted' | 'unopenable';
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

  get hasBoxed(): boolean {
    return this.#statements.hasBoxed.get() === 1;
  }

  /**
   * Up to `limit` keys that are still boxed to an epoch whose secret opens, as they are to be kept from now on; the right secret of a
   * damaged epoch may be put back. @throws WardlineError `records-locked`
   */
  rewrap(limit: number): AdoptedKey[] {
    const epochs = this.#statements.epochs.all() as string[];
    const closed = JSON.stringify(epochs.filter((epoch) => !this.#epochs.opens(epoch)));
    return (this.#statements.boxed.all(closed, limit) as KeyRow[]).map((row) => this.#adopted(row));
  }

  /** Writes what was re-wrapped; a key that was destroyed meanwhile stays so. Call it inside a transaction. */
  replace(keys: readonly AdoptedKey[]): void {
    for (const { owner, row, form, key } of keys) this.#statements.update.run(form, key, owner, row);
  }

  /** A box that does not open is marked, so that it is not tried again each time; reading its record says what is wrong. */
  #adopted(row: KeyRow): AdoptedKey {
    const key = this.#openRow(row);
    if (key === undefined) return { owner: row.owner, row: row.row, form: 'unopenable', key: row.key };
    const wrapped = sealBlob(this.#epochs.secrets(row.epoch).wrapKey, key, this.#binding(row));
    wipe(key);
    return { owner: row.owner, row: row.row, form: 'adopted', key: wrapped };
  }

  #openRow(row: KeyRow): Uint8Array | undefined {
    const { publicKey, privateKey, wrapKey } = this.#epochs.secrets(row.epoch);
    if (row.form === 'adopted') return openBlob(wrapKey, row.key, this.#binding(row));
    if (row.form !== 'boxed') return undefined;
    try {
      return sodium.crypto_box_seal_open(row.key, publicKey, privateKey);
    } catch {
      return undefined; // libsodium throws when the box is not for this key
    }
  }

  #binding({ owner, row, epoch }: KeyRow): Json {
    return { epoch, owner, purpose: 'wardline-key-1', row, vault: this.#vaultId };
  }
}

function prepare(db: Database): Record<'put' | 'get' | 'drop' | 'hasBoxed' | 'boxed' | 'epochs' | 'update', Statement> {
  return {
    put: db.prepare("INSERT INTO record_keys (owner, row, epoch, form, key) VALUES (?, ?, ?, 'boxed', ?)"),
    get: db.prepare('SELECT * FROM record_keys WHERE owner = ? AND row = ?'),
    drop: db.prepare('DELETE FROM record_keys WHERE owner = ? AND row = ?'),
    hasBoxed: db.prepare("SELECT EXISTS (SELECT 1 FROM record_keys WHERE form = 'boxed')").pluck(),
    boxed: db.prepare(
      "SELECT * FROM record_keys WHERE form = 'boxed' AND epoch NOT IN (SELECT value FROM json_each(?)) LIMIT ?",
    ),
    epochs: db.prepare('SELECT id FROM epochs').pluck(),
    update: db.prepare("UPDATE record_keys SET form = ?, key = ? WHERE owner = ? AND row = ? AND form = 'boxed'"),
  };
}

function keyGone(): WardlineError {
  return new WardlineError('record-damaged', 'The key of this record is gone or was changed outside of the vault.');
}
