// The root halves as this process holds them, the vault's identity, and the slots that open it. FORMAT.md §3.
import type { Database } from 'better-sqlite3';
import { canonicalBytes, canonicalText } from '../../kernel/canonical.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { blake2b, isEqual, wipe } from '../../seal/sodium.ts';
import { FORMAT_VERSION } from './format.ts';
import { deriveRecordsKeyPair, deriveServiceKeys, type RecordsKeyPair, type ServiceKeys } from './purpose-keys.ts';
import { type FormerRoot, readFormerRoots } from './roots.ts';
import { openSlot, type RootHalves, readParameters, type Slot, type SlotKind, type SlotParameters } from './slots.ts';

/** What `meta` says in clear; its MAC is under a service key. */
export interface VaultIdentity {
  readonly format: number;
  readonly vaultId: string;
  readonly createdAt: number;
  /** Of today's root: 1, and one more for each rotation. */
  readonly generation: number;
  /** X25519, base64: epoch secrets are sealed to it. */
  readonly recordsPublicKey: string;
  /** Ed25519, base64: signs heads of the trail. */
  readonly auditPublicKey: string;
}

/** Makes manifests of backups that end at `untilEntry` or before. */
export interface ManifestKey {
  readonly key: Uint8Array;
  readonly untilEntry: number;
}

interface SlotRow {
  readonly slot: string;
  readonly kind: SlotKind;
  readonly opens: 'service' | 'both';
  readonly parameters: string;
  readonly wrapped: Uint8Array;
}

export class Keyring {
  readonly #db: Database;
  #identity: VaultIdentity;
  #service: ServiceKeys;
  #former: readonly FormerRoot[];
  /** Generations whose row of `roots` is gone or does not open. */
  readonly missingRoots: readonly number[];
  #records: RecordsKeyPair | undefined;
  #isDisposed = false;
  /** Called after keys came, went or changed. */
  onChange: (() => void) | undefined;

  private constructor(
    db: Database,
    identity: VaultIdentity,
    service: ServiceKeys,
    records: RecordsKeyPair | undefined,
  ) {
    this.#db = db;
    this.#identity = identity;
    const { former, missing } = readFormerRoots(db, identity.vaultId, service.records, identity.generation);
    this.#former = former;
    this.missingRoots = missing;
    this.#service = withFirstBlind(service, this.#former);
    this.#records = records;
  }

  /** @throws WardlineError `wrong-secret`, `vault-damaged`, `vault-newer`, `key-file-damaged` */
  static async open(db: Database, kind: SlotKind, secret: string, serviceOnly: boolean): Promise<Keyring> {
    const text = db.prepare("SELECT value FROM meta WHERE name = 'vault'").pluck().get() as string | undefined;
    if (text === undefined) throw notAVault();
    const identity = parseIdentity(text);
    if (identity.format > FORMAT_VERSION) {
      throw new WardlineError(
        'vault-newer',
        'The vault was written by a newer Wardline; install that version or a later one.',
      );
    }
    const halves = await openAny(db, identity.vaultId, kind, secret);
    if (halves === undefined) {
      throw new WardlineError(
        'wrong-secret',
        `That ${kind} does not open this vault; use the one that was made with it.`,
      );
    }
    const service = deriveServiceKeys(halves.service);
    const mac = db.prepare("SELECT mac FROM meta WHERE name = 'vault'").pluck().get() as Uint8Array;
    if (!isEqual(mac, identityMac(identity, service))) throw notAVault();
    const records = halves.records === undefined || serviceOnly ? undefined : deriveRecordsKeyPair(halves.records);
    wipe(halves.service, halves.records);
    return new Keyring(db, identity, service, records);
  }

  /** For a thread that reads with keys which another opened. @throws WardlineError `vault-damaged` */
  static forReader(db: Database, service: ServiceKeys, records: RecordsKeyPair | undefined): Keyring {
    const found = db.prepare("SELECT value, mac FROM meta WHERE name = 'vault'").get() as {
      value: string;
      mac: Uint8Array;
    };
    const identity = JSON.parse(found.value) as VaultIdentity;
    if (!isEqual(found.mac, identityMac(identity, service))) throw notAVault();
    return new Keyring(db, identity, service, records);
  }

  /** The keyring of a vault that is being made; its records half is not needed for that. */
  static made(db: Database, identity: VaultIdentity, service: ServiceKeys): Keyring {
    return new Keyring(db, identity, service, undefined);
  }

  get identity(): VaultIdentity {
    return this.#identity;
  }

  get service(): ServiceKeys {
    return this.#service;
  }

  /** Roots before this one, oldest first. */
  get former(): readonly FormerRoot[] {
    return this.#former;
  }

  /** The keys that sealed and MACed an entry of the trail. */
  keysOfEntry(sequence: number): ServiceKeys {
    return this.#former.find(({ untilEntry }) => sequence <= untilEntry)?.service ?? this.#service;
  }

  /** Whether a head of that entry may be signed by that key. */
  isAuditKey(publicKey: string, sequence: number): boolean {
    if (publicKey === this.#identity.auditPublicKey) return true;
    return this.#former.some((root) => root.auditPublicKey === publicKey && sequence <= root.untilEntry);
  }

  /** Takes a new root in place of `old`; nothing of it is written yet. `restore` goes back. */
  replaceRoot({ halves, old, untilEntry, auditKey }: NewRoot) {
    const before = { identity: this.#identity, service: this.#service, former: this.#former, records: this.#records };
    const { auditPublicKey, generation } = this.#identity;
    const serviceHalf = new Uint8Array(old.service);
    const root = { generation, untilEntry, serviceHalf, service: this.#service, auditPublicKey };
    const pair = deriveRecordsKeyPair(halves.records);
    const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
    this.#identity = {
      ...before.identity,
      generation: generation + 1,
      recordsPublicKey: base64(pair.publicKey),
      auditPublicKey: base64(auditKey),
    };
    this.#former = [...this.#former, root];
    this.#service = withFirstBlind(deriveServiceKeys(halves.service), this.#former);
    if (this.#records !== undefined) this.#records = pair;
    const restore = () => {
      this.#identity = before.identity;
      this.#service = before.service;
      this.#former = before.former;
      this.#records = before.records;
    };
    const formerPair = deriveRecordsKeyPair(old.records);
    const forget = () => wipe(before.records?.privateKey, formerPair.privateKey);
    return { service: before.service, pair: formerPair, restore, forget };
  }

  /** Writes what `meta` says of the vault as it is now. */
  writeIdentity(): void {
    const update = this.#db.prepare("UPDATE meta SET value = ?, mac = ? WHERE name = 'vault'");
    update.run(canonicalText({ ...this.#identity }), identityMac(this.#identity, this.#service));
  }

  get vaultId(): string {
    return this.identity.vaultId;
  }

  get isUnlocked(): boolean {
    return this.#records !== undefined;
  }

  /** @throws WardlineError `records-locked` */
  get records(): RecordsKeyPair {
    if (this.#records === undefined) throw recordsLocked();
    return this.#records;
  }

  /** Keys that may have made a backup's manifest: today's root, and those before it for what ends before their last entry. */
  manifestKeys(): ManifestKey[] {
    const former = this.#former.map(({ service, untilEntry }) => ({ key: service.manifest, untilEntry }));
    return [{ key: this.#service.manifest, untilEntry: Number.POSITIVE_INFINITY }, ...former];
  }

  /** The halves themselves, to be wrapped once more; the caller wipes them. @throws WardlineError `wrong-secret` */
  async halves(kind: SlotKind, secret: string): Promise<RootHalves> {
    const { generation } = this.#identity;
    const halves = await openAny(this.#db, this.vaultId, kind, secret);
    if (halves === undefined) throw wrongSecret();
    if (this.#isDisposed || this.#identity.generation !== generation) {
      wipe(halves.service, halves.records);
      throw new WardlineError('vault-closing', 'The vault is closing or has a new root since; try again in a moment.');
    }
    return halves;
  }

  /** Opens the records half by one slot. @throws WardlineError `wrong-secret`, `code-mistyped`, `key-file-damaged` */
  async unlock(kind: SlotKind, secret: string): Promise<void> {
    const halves = await this.halves(kind, secret);
    if (halves.records === undefined) {
      wipe(halves.service);
      throw wrongSecret();
    }
    wipe(this.#records?.privateKey);
    this.#records = deriveRecordsKeyPair(halves.records);
    wipe(halves.service, halves.records);
    this.onChange?.();
  }

  lock(): void {
    wipe(this.#records?.privateKey);
    this.#records = undefined;
    this.onChange?.();
  }

  slots(): Slot[] {
    return readSlots(this.#db);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.lock();
    wipe(...Object.values(this.service));
  }
}

interface NewRoot {
  readonly halves: Required<RootHalves>;
  readonly old: Required<RootHalves>;
  /** The last entry that the old root sealed. */
  readonly untilEntry: number;
  /** Ed25519, public. */
  readonly auditKey: Uint8Array;
}

/** Blind digests stand in rows that are never updated and in row ids: their key is the first root's, for good. */
function withFirstBlind(service: ServiceKeys, former: readonly FormerRoot[]): ServiceKeys {
  const first = former[0];
  return first?.generation !== 1 ? service : { ...service, blind: new Uint8Array(first.service.blind) };
}

/** Writes the vault's identity; once, at its making. */
export function writeIdentity(db: Database, identity: VaultIdentity, service: ServiceKeys): void {
  db.prepare("INSERT INTO meta (name, value, mac) VALUES ('vault', ?, ?)").run(
    canonicalText({ ...identity }),
    identityMac(identity, service),
  );
}

export function readSlots(db: Database): Slot[] {
  const rows = db.prepare('SELECT * FROM keyring ORDER BY rowid').all() as SlotRow[];
  return rows.map(({ slot, kind, opens, parameters, wrapped }) => {
    return { id: slot, kind, opens, wrapped, parameters: parseParameters(parameters) };
  });
}

/** A damaged slot does not open, is named by the check, and does not keep others from opening. */
function parseParameters(text: string): SlotParameters {
  try {
    return readParameters(JSON.parse(text));
  } catch {
    return { stretch: 'unreadable' };
  }
}

/** Of a file that nothing has proved yet. @throws WardlineError `vault-damaged` */
function parseIdentity(text: string): VaultIdentity {
  try {
    const identity = JSON.parse(text) as VaultIdentity;
    if (typeof identity.format === 'number' && typeof identity.vaultId === 'string') return identity;
  } catch {
    // as below
  }
  throw notAVault();
}

export function recordsLocked(): WardlineError {
  return new WardlineError('records-locked', 'The records are locked; unlock them with `wardline vault unlock`.');
}

function wrongSecret(): WardlineError {
  return new WardlineError('wrong-secret', 'That does not unlock the records; check it and try again.');
}

async function openAny(db: Database, vaultId: string, kind: SlotKind, secret: string): Promise<RootHalves | undefined> {
  for (const slot of readSlots(db)) {
    const halves = slot.kind === kind ? await openSlot(vaultId, slot, secret) : undefined;
    if (halves !== undefined) return halves;
  }
  return undefined;
}

function identityMac(identity: VaultIdentity, service: ServiceKeys): Uint8Array {
  return blake2b(canonicalBytes({ ...identity }), service.meta);
}

function notAVault(): WardlineError {
  return new WardlineError(
    'vault-damaged',
    'The database is not a vault or is damaged; put the right file there or restore a backup.',
  );
}
