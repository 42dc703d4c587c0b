// Makes a vault: its key halves and slots, the private CA and certificates, the signing key, and the first audit entries.
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { Clock } from '../kernel/clock.ts';
import { codeOf, WardlineError } from '../kernel/errors.ts';
import { newId } from '../kernel/id.ts';
import { createLogger } from '../kernel/logger.ts';
import type { Clinic } from '../model/clinic.ts';
import { randomBytes, sodium, wipe } from '../seal/sodium.ts';
import { SETTINGS } from './clinic/settings.ts';
import { makeTlsMaterial, putTlsMaterial, type TlsMaterial } from './clinic/tls.ts';
import { FORMAT_VERSION, KEY_BYTES } from './keys/format.ts';
import { Keyring, writeIdentity } from './keys/keyring.ts';
import { deriveRecordsKeyPair, deriveServiceKeys } from './keys/purpose-keys.ts';
import { newRecoveryCode } from './keys/recovery-code.ts';
import { newKeyFileText, newParameters, type RootHalves, type Slot, type SlotKind, wrapSlot } from './keys/slots.ts';
import { asDiskFault, createDatabase, DATABASE_NAME, lockFolder, mustHoldNoJournal } from './store/database.ts';
import { Heads } from './store/heads.ts';
import { buildCore, type InnerCore } from './store/inner-core.ts';
import { syncPath } from './store/sync-path.ts';

export interface NewVault {
  readonly dataFolder: string;
  /** Made with mode 0400 when absent. */
  readonly keyFile: string;
  readonly headsFile: string;
  readonly clock: Clock;
  /** The name in the console's URL and the certificates. */
  readonly hostName: string;
  /** IP addresses for the certificates, beside loopback. */
  readonly addresses: readonly string[];
  /** The digest realm, fixed from here on. */
  readonly realm: string;
  readonly clinic: Clinic;
  /** `service`: records stay locked at every start until somebody unlocks them. Default `both`. */
  readonly keyFileOpens?: 'service' | 'both';
}

const SYSTEM_ACTOR = { kind: 'service', name: 'init' } as const;

/** Whether there is a vault in `dataFolder`. */
export function hasVault(dataFolder: string): boolean {
  return existsSync(join(dataFolder, DATABASE_NAME));
}

/**
 * Makes the vault and closes it again. The recovery code is shown once, by the caller, and kept nowhere.
 * A making that was interrupted leaves no vault, and is simply done again.
 * @throws WardlineError `vault-exists`, `vault-in-use`, `folder-unwritable`, `key-file-damaged`
 */
export async function createVault(options: NewVault): Promise<{ recoveryCode: string }> {
  const { dataFolder, keyFile, hostName, addresses, clock } = options;
  using _lock = lockFolder(dataFolder);
  const path = join(dataFolder, DATABASE_NAME);
  if (existsSync(path))
    throw new WardlineError('vault-exists', `There is a vault in ${dataFolder} already; it is left as it is.`);
  mustHoldNoJournal(path);
  const draft = `${path}.new`;
  removeDatabase(draft);
  const secret = keyFileText(keyFile);
  const tls = await makeTlsMaterial({ hostName, addresses }, { clock });
  const recoveryCode = newRecoveryCode();
  const db = createDatabase(draft, dataFolder);
  try {
    await fill(db, options, { secret, recoveryCode, tls });
    db.pragma('wal_checkpoint(TRUNCATE)');
    db.pragma('journal_mode = DELETE');
  } catch (thrown) {
    throw asDiskFault(dataFolder, thrown);
  } finally {
    db.close();
  }
  renameSync(draft, path);
  syncPath(dataFolder);
  removeDatabase(draft);
  return { recoveryCode };
}

interface Ingredients {
  readonly secret: string;
  readonly recoveryCode: string;
  readonly tls: TlsMaterial;
}

async function fill(db: Database, options: NewVault, { secret, recoveryCode, tls }: Ingredients): Promise<void> {
  const { clock, keyFileOpens = 'both' } = options;
  const halves = { service: randomBytes(KEY_BYTES), records: randomBytes(KEY_BYTES) };
  const signing = sodium.crypto_sign_keypair();
  const vaultId = newId<'vault'>();
  const service = deriveServiceKeys(halves.service);
  const records = deriveRecordsKeyPair(halves.records);
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const [recordsPublicKey, auditPublicKey] = [base64(records.publicKey), base64(signing.publicKey)];
  const createdAt = clock.now();
  const identity = { format: FORMAT_VERSION, vaultId, createdAt, generation: 1, recordsPublicKey, auditPublicKey };
  writeIdentity(db, identity, service);
  const keyring = Keyring.made(db, identity, service);
  const core = newCore(db, keyring, clock);
  putSlot(core, await newSlot(vaultId, 'key-file', keyFileOpens, secret, halves));
  putSlot(core, await newSlot(vaultId, 'recovery', 'both', recoveryCode, halves));
  const entry = { action: 'vault-created', actor: SYSTEM_ACTOR, address: '', outcome: 'ok', subject: vaultId } as const;
  core.transact(entry, (tx) => {
    tx.put('keys', 'audit-signing', { privateKey: base64(signing.privateKey) });
    tx.put(SETTINGS, 'realm', { realm: options.realm });
    tx.put(SETTINGS, 'clinic', options.clinic);
    putTlsMaterial(tx, tls);
  });
  writeFirstHead(core, options.headsFile, signing.privateKey);
  wipe(halves.service, halves.records, records.privateKey, signing.privateKey);
  keyring[Symbol.dispose]();
}

/** The inner parts on a database that nobody uses yet. */
export function newCore(db: Database, keyring: Keyring, clock: Clock): InnerCore {
  const log = createLogger({ role: 'vault', level: 'silent' });
  return buildCore({ db, keyring, clock, log, notify: () => undefined });
}

function putSlot(core: InnerCore, slot: Slot): void {
  const entry = { action: 'slot-added', actor: SYSTEM_ACTOR, address: '', outcome: 'ok', subject: slot.id } as const;
  core.transact(entry, (tx) => tx.putSlot(slot));
}

export function newSlot(
  vaultId: string,
  kind: SlotKind,
  opens: 'service' | 'both',
  secret: string,
  halves: RootHalves,
): Promise<Slot> {
  return wrapSlot(vaultId, { id: newId(), kind, opens, parameters: newParameters(kind) }, secret, halves);
}

export function writeFirstHead({ keyring, trail, clock }: InnerCore, path: string, privateKey: Uint8Array): void {
  const onError = (cause: unknown) => {
    throw new WardlineError('folder-unwritable', `The file ${path} cannot be written; check its folder.`, { cause });
  };
  new Heads({ path, keyring, trail, clock, privateKey, onError }).write();
}

/** The key file's text; makes it, readable by its owner alone, when there is none. */
export function keyFileText(path: string): string {
  try {
    if (existsSync(path)) return readOwnFile(path);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const text = newKeyFileText();
    writeFileSync(path, text, { mode: 0o400, flag: 'wx', flush: true });
    chmodSync(path, 0o400);
    return text;
  } catch (cause) {
    if (cause instanceof WardlineError) throw cause;
    const sentence = `The key file ${path} cannot be made (${codeOf(cause)}); check its folder.`;
    throw new WardlineError('folder-unwritable', sentence, { cause });
  }
}

/** A key that others may read or replace protects nothing. @throws WardlineError `key-file-damaged` */
function readOwnFile(path: string): string {
  const { mode, uid } = statSync(path);
  if ((mode & 0o077) === 0 && uid === process.getuid?.()) return readFileSync(path, 'utf8');
  const sentence = `Others may read or replace the key file ${path}; give it to the appliance's user with mode 0400, or move it away.`;
  throw new WardlineError('key-file-damaged', sentence);
}

export function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
}
