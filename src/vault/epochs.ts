// Epochs: a key pair for each retention class and month; captured things are sealed to its public part. FORMAT.md §3.4.
import type { Database } from 'better-sqlite3';
import { canonicalBytes, type Json } from '../kernel/canonical.ts';
import type { Clock } from '../kernel/clock.ts';
import { WardlineError } from '../kernel/errors.ts';
import { blake2b, isEqual, sodium, wipe } from '../seal/sodium.ts';
import { KEY_BYTES, rowHash } from './format.ts';
import type { Keyring } from './keyring.ts';
import type { RecordsKeyPair, ServiceKeys } from './purpose-keys.ts';
import type { Transactor } from './transact.ts';

export type RetentionClass = 'cdr' | 'voicemail' | 'recording' | 'greeting';

export interface Epoch {
  readonly id: string;
  readonly publicKey: Uint8Array;
}

/** What opens an epoch's boxes, and what re-wraps the keys that were in them. */
export interface EpochSecrets {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
  readonly wrapKey: Uint8Array;
}

interface EpochRow {
  readonly id: string;
  readonly class: RetentionClass;
  readonly month: string;
  readonly public: Uint8Array;
  readonly mac: Uint8Array;
  readonly secret: Uint8Array | null;
}

export class Epochs {
  readonly #db: Database;
  readonly #keyring: Keyring;
  readonly #transactor: Transactor;
  readonly #clock: Clock;
  /** Verified public parts by class and month. */
  readonly #current = new Map<RetentionClass, { readonly month: string; readonly epoch: Epoch }>();
  readonly #secrets = new Map<string, EpochSecrets>();

  constructor(db: Database, keyring: Keyring, transactor: Transactor, clock: Clock) {
    this.#db = db;
    this.#keyring = keyring;
    this.#transactor = transactor;
    this.#clock = clock;
  }

  /** The epoch that is sealed to now; made when the month has none. Needs no records half. Never call it inside a transaction. */
  current(retention: RetentionClass): Epoch {
    const month = new Date(this.#clock.now()).toISOString().slice(0, 7);
    const cached = this.#current.get(retention);
    if (cached?.month === month) return cached.epoch;
    const newest = this.#newest(retention, month);
    // One that was changed from outside must not stop captures: the month gets another.
    const row = newest !== undefined && this.#isSound(newest) ? newest : this.#create(retention, month);
    const epoch = { id: row.id, publicKey: new Uint8Array(row.public) };
    this.#current.set(retention, { month, epoch });
    return epoch;
  }

  /** The verified public part of one epoch. @throws WardlineError `epoch-damaged` */
  get(id: string): Epoch {
    const row = this.#row(id);
    return { id, publicKey: new Uint8Array(row.public) };
  }

  /** @throws WardlineError `records-locked`, `epoch-damaged` */
  secrets(id: string): EpochSecrets {
    const pair = this.#keyring.records;
    const known = this.#secrets.get(id);
    if (known !== undefined) return known;
    const row = this.#row(id);
    const secrets = openSecret(row, bindingOf(row, this.#keyring.vaultId), pair);
    if (secrets === undefined) throw epochDamaged();
    this.#secrets.set(id, secrets);
    return secrets;
  }

  /** Begins new epochs for all that this month has one for: what is captured from now on has keys that no old root knew. */
  renew(): void {
    const month = new Date(this.#clock.now()).toISOString().slice(0, 7);
    this.#current.clear();
    const classes = this.#db.prepare('SELECT DISTINCT class FROM epochs WHERE month = ?').pluck().all(month);
    for (const retention of classes as RetentionClass[]) this.#create(retention, month);
  }

  /** Seals every epoch's secret to the records key of now, and MACs its public part; only inside a transaction. */
  reseal({ service, pair }: { readonly service: ServiceKeys; readonly pair: RecordsKeyPair }): void {
    const update = this.#db.prepare('UPDATE epochs SET mac = ?, secret = ? WHERE id = ?');
    const recordsPublicKey = Buffer.from(this.#keyring.identity.recordsPublicKey, 'base64');
    for (const row of this.#db.prepare('SELECT * FROM epochs').all() as EpochRow[]) {
      const binding = bindingOf(row, this.#keyring.vaultId);
      const isSound = isEqual(blake2b(canonicalBytes(binding), service.epochMac), row.mac);
      const secrets = openSecret(row, binding, pair);
      if (!isSound || secrets === undefined) continue; // damaged or destroyed: it stays that
      const { privateKey, wrapKey } = secrets;
      const plain = Buffer.concat([privateKey, wrapKey, blake2b(canonicalBytes(binding))]);
      const mac = blake2b(canonicalBytes(binding), this.#keyring.service.epochMac);
      update.run(mac, sodium.crypto_box_seal(plain, recordsPublicKey), row.id);
      wipe(plain, privateKey, wrapKey);
    }
  }

  /** Whether an epoch's secret can be had. Records must be unlocked. */
  opens(id: string): boolean {
    try {
      this.secrets(id);
      return true;
    } catch {
      return false;
    }
  }

  /** Forgets one that was destroyed. */
  forget(id: string): void {
    const known = this.#secrets.get(id);
    wipe(known?.privateKey, known?.wrapKey);
    this.#secrets.delete(id);
  }

  /** Forgets what opens captured things. */
  lock(): void {
    for (const { privateKey, wrapKey } of this.#secrets.values()) wipe(privateKey, wrapKey);
    this.#secrets.clear();
  }

  #create(retention: RetentionClass, month: string): EpochRow {
    const count = this.#db.prepare('SELECT count(*) FROM epochs WHERE class = ? AND month = ?').pluck();
    const id = `${retention}-${month}-${Number(count.get(retention, month)) + 1}`;
    const { publicKey, privateKey } = sodium.crypto_box_keypair();
    const wrapKey = sodium.randombytes_buf(KEY_BYTES);
    const binding = bindingOf({ id, class: retention, month, public: publicKey }, this.#keyring.vaultId);
    const plain = Buffer.concat([privateKey, wrapKey, blake2b(canonicalBytes(binding))]);
    const recordsPublicKey = Buffer.from(this.#keyring.identity.recordsPublicKey, 'base64');
    const secret = sodium.crypto_box_seal(plain, recordsPublicKey);
    wipe(plain, privateKey, wrapKey);
    const mac = blake2b(canonicalBytes(binding), this.#keyring.service.epochMac);
    const row: EpochRow = { id, class: retention, month, public: publicKey, mac, secret };
    this.#insert(row);
    return row;
  }

  #insert({ id, class: retention, month, public: publicKey, mac, secret }: EpochRow): void {
    const actor = { kind: 'service', name: 'vault' } as const;
    this.#transactor.transact({ action: 'epoch-created', actor, address: '', outcome: 'ok', subject: id }, (tx) => {
      const insert = 'INSERT INTO epochs (id, class, month, public, mac, secret) VALUES (?, ?, ?, ?, ?, ?)';
      this.#db.prepare(insert).run(id, retention, month, publicKey, mac, secret);
      tx.wrote('epochs', id, rowHash(publicKey, { class: retention, month }));
    });
  }

  #newest(retention: RetentionClass, month: string): EpochRow | undefined {
    const newest = this.#db.prepare('SELECT * FROM epochs WHERE class = ? AND month = ? ORDER BY rowid DESC LIMIT 1');
    return newest.get(retention, month) as EpochRow | undefined;
  }

  #row(id: string): EpochRow {
    const row = this.#db.prepare('SELECT * FROM epochs WHERE id = ?').get(id) as EpochRow | undefined;
    if (row === undefined || !this.#isSound(row)) throw epochDamaged();
    return row;
  }

  #isSound(row: EpochRow): boolean {
    const expected = blake2b(canonicalBytes(bindingOf(row, this.#keyring.vaultId)), this.#keyring.service.epochMac);
    return row.secret !== null && isEqual(expected, row.mac);
  }
}

/** What an epoch's MAC and its sealed secret bind. */
function bindingOf(row: Pick<EpochRow, 'id' | 'class' | 'month' | 'public'>, vaultId: string): Json {
  const publicKey = Buffer.from(row.public).toString('base64');
  return { purpose: 'wardline-epoch-1', vault: vaultId, epoch: row.id, class: row.class, month: row.month, publicKey };
}

function openSecret(
  row: EpochRow,
  binding: Json,
  pair: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array },
): EpochSecrets | undefined {
  if (row.secret === null) return undefined;
  try {
    const plain = sodium.crypto_box_seal_open(row.secret, pair.publicKey, pair.privateKey);
    const privateKey = plain.slice(0, KEY_BYTES);
    // Anybody can seal to the records key: only who made the epoch has the private part of its public key.
    const isPair = isEqual(sodium.crypto_scalarmult_base(privateKey), new Uint8Array(row.public));
    const isOurs = isPair && isEqual(plain.slice(2 * KEY_BYTES), blake2b(canonicalBytes(binding)));
    const wrapKey = plain.slice(KEY_BYTES, 2 * KEY_BYTES);
    wipe(plain);
    return isOurs ? { publicKey: new Uint8Array(row.public), privateKey, wrapKey } : undefined;
  } catch {
    return undefined; // libsodium throws when the box is not for this key
  }
}

function epochDamaged(): WardlineError {
  return new WardlineError(
    'epoch-damaged',
    'The key of a month was changed outside of the vault or destroyed; what was sealed to it cannot be opened.',
  );
}
