// Epochs: a key pair for each retention class and month; captured things are sealed to its public part. FORMAT.md §3.4.
import type { Database } from 'better-sqlite3';
import type { RowChange } from '../../audit/entry.ts';
import { canonicalBytes, type Json } from '../../kernel/canonical.ts';
import type { Clock } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { blake2b, isEqual, randomBytes, settled, sodium, wipe } from '../../seal/sodium.ts';
import { KEY_BYTES, rowHash } from '../keys/format.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { RecordsKeyPair, ServiceKeys } from '../keys/purpose-keys.ts';
import type { InnerTransaction, Transactor } from './transact.ts';

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

export interface EpochRow {
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
    const secrets = openSecret(row, bindingOf(row, this.#keyring.vaultId), pair, this.#keyring.service.epochMac);
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
  reseal(
    tx: InnerTransaction,
    { service, pair }: { readonly service: ServiceKeys; readonly pair: RecordsKeyPair },
  ): void {
    const update = this.#db.prepare('UPDATE epochs SET mac = ?, secret = ? WHERE id = ?');
    const recordsPublicKey = Buffer.from(this.#keyring.identity.recordsPublicKey, 'base64');
    for (const row of this.#all()) {
      const resealed = this.#resealed(row, service.epochMac, pair, recordsPublicKey) ?? row; // damaged or destroyed: it stays that
      update.run(resealed.mac, resealed.secret, row.id);
      tx.wroteMutable(describeEpoch(resealed));
    }
  }

  /** Every row as the trail knows it. */
  *describeAll(): Generator<Required<RowChange>> {
    for (const row of this.#all()) yield describeEpoch(row);
  }

  /** Destroys an epoch's secret, for good. */
  destroy(tx: InnerTransaction, id: string): void {
    const row = this.#db.prepare('SELECT * FROM epochs WHERE id = ?').get(id) as EpochRow;
    this.#db.prepare('UPDATE epochs SET secret = NULL WHERE id = ?').run(id);
    tx.changedMutable(describeEpoch(row), describeEpoch({ ...row, secret: null }));
  }

  #resealed(row: EpochRow, formerMac: Uint8Array, pair: RecordsKeyPair, recordsPublicKey: Uint8Array) {
    const binding = bindingOf(row, this.#keyring.vaultId);
    const isSound = isEqual(blake2b(canonicalBytes(binding), formerMac), row.mac);
    const secrets = isSound ? openSecret(row, binding, pair, formerMac) : undefined;
    if (secrets === undefined) return undefined;
    const { epochMac } = this.#keyring.service;
    const secret = sealSecret(secrets, binding, epochMac, recordsPublicKey);
    wipe(secrets.privateKey, secrets.wrapKey);
    return { ...row, mac: blake2b(canonicalBytes(binding), epochMac), secret };
  }

  #all(): EpochRow[] {
    return this.#db.prepare('SELECT * FROM epochs').all() as EpochRow[];
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
    for (const [retention, { epoch }] of this.#current) if (epoch.id === id) this.#current.delete(retention);
  }

  /** What opens captured things, as it is held now. */
  get held(): Uint8Array[] {
    return [...this.#secrets.values()].flatMap(({ privateKey, wrapKey }) => [privateKey, wrapKey]);
  }

  /** Forgets what opens captured things. */
  lock(): void {
    for (const { privateKey, wrapKey } of this.#secrets.values()) wipe(privateKey, wrapKey);
    this.#secrets.clear();
  }

  #create(retention: RetentionClass, month: string): EpochRow {
    const id = this.#nextId(retention, month);
    const { publicKey, privateKey } = sodium.crypto_box_keypair();
    const wrapKey = randomBytes(KEY_BYTES);
    const binding = bindingOf({ id, class: retention, month, public: publicKey }, this.#keyring.vaultId);
    const recordsPublicKey = Buffer.from(this.#keyring.identity.recordsPublicKey, 'base64');
    const { epochMac } = this.#keyring.service;
    const secret = sealSecret({ privateKey, wrapKey }, binding, epochMac, recordsPublicKey);
    wipe(privateKey, wrapKey);
    const mac = blake2b(canonicalBytes(binding), epochMac);
    const row: EpochRow = { id, class: retention, month, public: publicKey, mac, secret };
    this.#insert(row);
    return row;
  }

  /** One above the highest that is there; rows that somebody removed leave no number to be used twice within what is left. */
  #nextId(retention: RetentionClass, month: string): string {
    const ids = this.#db.prepare('SELECT id FROM epochs WHERE class = ? AND month = ?').pluck().all(retention, month);
    const numbers = (ids as string[]).map((id) => Number(id.split('-').at(-1)) || 0);
    return `${retention}-${month}-${Math.max(0, ...numbers) + 1}`;
  }

  #insert({ id, class: retention, month, public: publicKey, mac, secret }: EpochRow): void {
    const actor = { kind: 'service', name: 'vault' } as const;
    this.#transactor.transact({ action: 'epoch-created', actor, address: '', outcome: 'ok', subject: id }, (tx) => {
      const insert = 'INSERT INTO epochs (id, class, month, public, mac, secret) VALUES (?, ?, ?, ?, ?, ?)';
      this.#db.prepare(insert).run(id, retention, month, publicKey, mac, secret);
      tx.wroteMutable(describeEpoch({ id, class: retention, month, public: publicKey, mac, secret }));
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
export function bindingOf(row: Pick<EpochRow, 'id' | 'class' | 'month' | 'public'>, vaultId: string): Json {
  const publicKey = Buffer.from(row.public).toString('base64');
  return { purpose: 'wardline-epoch-1', vault: vaultId, epoch: row.id, class: row.class, month: row.month, publicKey };
}

/** An epoch as the trail knows it. */
export function describeEpoch({
  id,
  class: retention,
  month,
  public: publicKey,
  mac,
  secret,
}: EpochRow): Required<RowChange> {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const clear = { class: retention, month, mac: hex(mac), secret: secret === null ? null : hex(blake2b(secret)) };
  return { table: 'epochs', row: id, version: 1, hash: rowHash(publicKey, clear) };
}

/** Anybody can seal to the records key: the last part says that the holder of the service half made it. */
export function sealSecret(
  { privateKey, wrapKey }: Pick<EpochSecrets, 'privateKey' | 'wrapKey'>,
  binding: Json,
  epochMac: Uint8Array,
  recordsPublicKey: Uint8Array,
): Uint8Array {
  const keys = Buffer.concat([privateKey, wrapKey]);
  const plain = Buffer.concat([keys, secretMac(keys, binding, epochMac)]);
  const secret = sodium.crypto_box_seal(plain, recordsPublicKey);
  wipe(keys, plain);
  return secret;
}

function secretMac(keys: Uint8Array, binding: Json, epochMac: Uint8Array): Uint8Array {
  const input = Buffer.concat([canonicalBytes(binding), keys]);
  const mac = blake2b(input, epochMac);
  wipe(input);
  return mac;
}

/** What is in an epoch's `secret`, or undefined when it is not what the holder of the service half put there. */
export function openSecret(
  row: EpochRow,
  binding: Json,
  pair: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array },
  epochMac: Uint8Array,
): EpochSecrets | undefined {
  if (row.secret === null) return undefined;
  try {
    const plain = sodium.crypto_box_seal_open(row.secret, pair.publicKey, pair.privateKey);
    const privateKey = settled(plain.slice(0, KEY_BYTES));
    const isPair = isEqual(sodium.crypto_scalarmult_base(privateKey), new Uint8Array(row.public));
    const keys = plain.subarray(0, 2 * KEY_BYTES);
    const isOurs = isPair && isEqual(plain.slice(2 * KEY_BYTES), secretMac(keys, binding, epochMac));
    const wrapKey = settled(plain.subarray(KEY_BYTES, 2 * KEY_BYTES));
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
