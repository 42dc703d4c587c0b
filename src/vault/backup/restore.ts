// Makes a vault out of a backup and one unlock secret, on a machine that has neither: verified before parsed. FORMAT.md §11.4.
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Database, Statement } from 'better-sqlite3';
import type { Clock } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { sodium, wipe } from '../../seal/sodium.ts';
import { checkMutableRows } from '../checks/trail-check.ts';
import { keyFileText, newCore, newSlot, removeDatabase, writeFirstHead } from '../create.ts';
import { Keyring } from '../keys/keyring.ts';
import { deriveServiceKeys } from '../keys/purpose-keys.ts';
import { openSlot, type RootHalves, type SlotKind } from '../keys/slots.ts';
import type { Caller } from '../shapes.ts';
import { asDiskFault, createDatabase, DATABASE_NAME, lockFolder, mustHoldNoJournal } from '../store/database.ts';
import { syncPath } from '../store/sync-path.ts';
import { checkFiles, readText, slotsTexts } from './check-files.ts';
import { damagedBackup, hashOfSlots, MANIFEST_NAME, type Manifest, manifestSignature, readManifest, readSlotsText } from './manifest.ts'; // biome-ignore format: one import
import { type Cell, readRows, type TableColumns } from './row-file.ts';
import { IMMUTABLE_COLUMNS, REPLACED_COLUMNS } from './tables.ts';

export interface RestoreOptions {
  /** The folder of the backup. */
  readonly from: string;
  readonly dataFolder: string;
  /** Used when it is there, else made: the vault then starts unattended with it. */
  readonly keyFile: string;
  readonly headsFile: string;
  readonly unlock: { readonly slot: SlotKind; readonly secret: string };
  readonly clock: Clock;
  readonly caller: Caller;
  readonly onProgress?: (phase: 'checking' | 'restoring', done: number, all: number) => void;
}

export interface Restored {
  readonly createdAt: number;
  /** The trail's length in the backup: what came after is lost. */
  readonly until: number;
  readonly rows: number;
  /** Rows in old files that were disposed of since, and are not restored. */
  readonly disposed: number;
  readonly problems: readonly string[];
}

/** @throws WardlineError `backup-missing`, `backup-damaged`, `wrong-secret`, `vault-exists`, `vault-in-use`, `folder-unwritable` */
export async function restoreVault(options: RestoreOptions): Promise<Restored> {
  const { from, dataFolder } = options;
  using _lock = lockFolder(dataFolder);
  const path = join(dataFolder, DATABASE_NAME);
  if (existsSync(path)) {
    const sentence = `There is a vault in ${dataFolder} already; move it away first, or restore into another folder.`;
    throw new WardlineError('vault-exists', sentence);
  }
  mustHoldNoJournal(path);
  const { halves, manifest, slotId } = await openBackup(options);
  const progress = progressOf(options, manifest);
  const files = [...manifest.files, manifest.bundle];
  const problems = await checkFiles({ target: from, files }, progress('checking'));
  if (problems[0] !== undefined) {
    throw new WardlineError('backup-damaged', `${problems[0]} Nothing was restored; use another backup.`);
  }
  const draft = `${path}.restoring`;
  removeDatabase(draft);
  const db = createDatabase(draft, dataFolder);
  try {
    const counts = await fill(db, from, manifest, progress('restoring'));
    const found = await settle(db, { options, halves, manifest, slotId });
    db.pragma('journal_mode = DELETE');
    db.close();
    syncPath(draft);
    renameSync(draft, path);
    syncPath(dataFolder);
    return { createdAt: manifest.createdAt, until: manifest.until, ...counts, problems: found };
  } catch (thrown) {
    throw asDiskFault(dataFolder, thrown);
  } finally {
    db.close();
    removeDatabase(draft);
    wipe(halves.service, halves.records);
  }
}

/** Opens one slot, which proves itself, and with its root the manifest. */
async function openBackup({
  from,
  unlock,
}: RestoreOptions): Promise<{ halves: RootHalves; manifest: Manifest; slotId: string }> {
  let isOther = false;
  for (const slotsText of slotsTexts(from)) {
    const { vaultId, slots } = readSlotsText(slotsText);
    for (const slot of slots.filter(({ kind }) => kind === unlock.slot)) {
      const halves = await openSlot(vaultId, slot, unlock.secret);
      if (halves === undefined) continue;
      const service = deriveServiceKeys(halves.service);
      const manifest = readManifest(readText(join(from, MANIFEST_NAME)), [
        { key: service.manifest, untilEntry: Number.POSITIVE_INFINITY },
      ]);
      if (manifest.vaultId !== vaultId) throw damagedBackup();
      isOther = hashOfSlots(slotsText) !== manifest.slots;
      if (!isOther) return { halves, manifest, slotId: slot.id };
    }
  }
  if (isOther) throw damagedBackup();
  throw new WardlineError(
    'wrong-secret',
    `That ${unlock.slot} does not open this backup; use one that the vault had when the backup was made.`,
  );
}

type Tick = (bytes: number) => Promise<void>;
/** How often is told how far it is. */
const TOLD_BYTES = 16 * 1024 * 1024;
/** For indexes over random ids: with a million calls they are some tens of megabytes. */
const CACHE_KB = 128 * 1024;

function progressOf({ onProgress }: RestoreOptions, { files, bundle }: Manifest) {
  const all = [...files, bundle].reduce((sum, { bytes }) => sum + bytes, 0);
  return (phase: 'checking' | 'restoring'): Tick => {
    let done = 0;
    return async (bytes) => {
      done += bytes;
      onProgress?.(phase, done, all);
      await new Promise((next) => setImmediate(next));
    };
  };
}

/** The bundle first: a row of an older file whose key it does not hold was disposed of, and stays away. */
async function fill(db: Database, from: string, { files, bundle }: Manifest, tick: Tick) {
  // Until it is whole it is nobody's vault: what goes wrong before is removed, and nothing needs to be taken back or synced.
  for (const pragma of ['synchronous = OFF', 'journal_mode = OFF', `cache_size = -${CACHE_KB}`]) db.pragma(pragma);
  let rows = 0;
  for (const file of [bundle, ...files]) {
    const insert = inserter(db, file === bundle ? REPLACED_COLUMNS : IMMUTABLE_COLUMNS);
    db.exec('BEGIN');
    let untold = 0;
    for (const { table, columns, cells, bytes } of readRows(join(from, file.name))) {
      insert(table, columns, cells);
      rows++;
      untold += bytes;
      if (untold < TOLD_BYTES) continue;
      await tick(untold);
      untold = 0;
    }
    db.exec('COMMIT');
    await tick(untold);
  }
  const disposed = dropDisposed(db);
  return { rows: rows - disposed, disposed };
}

/** Puts the rows of one file where they belong; its columns are the same array for all rows of a table. */
function inserter(db: Database, known: TableColumns) {
  const statements = new Map<readonly string[], Statement<unknown[]>>();
  return (table: string, columns: readonly string[], cells: readonly Cell[]) => {
    const statement = statements.get(columns) ?? prepareInsert(db, known, table, columns);
    statements.set(columns, statement);
    statement.run(...cells);
  };
}

function prepareInsert(db: Database, known: TableColumns, table: string, columns: readonly string[]) {
  if (!columns.every((column) => known[table]?.includes(column))) throw damagedBackup();
  const names = columns.map((column) => `"${column}"`).join(', ');
  return db.prepare<unknown[]>(`INSERT INTO ${table} (${names}) VALUES (${columns.map(() => '?').join(', ')})`);
}

const WITHOUT_KEY = (table: string) =>
  `DELETE FROM ${table} WHERE NOT EXISTS (SELECT 1 FROM record_keys k WHERE k.owner = '${table}' AND k.row = ${table}.row)`;
const DISPOSED = [
  "DELETE FROM call_numbers WHERE NOT EXISTS (SELECT 1 FROM calls c JOIN record_keys k ON k.owner = 'calls' AND k.row = c.row WHERE c.seq = call_numbers.seq)",
  ...['calls', 'artifacts', 'artifact_marks', 'notes'].map(WITHOUT_KEY),
  ...['closings', 'read_marks', 'segments', 'chunks'].map(
    // Asked so, the index alone is read: chunks are nearly all of the database.
    (table) =>
      `DELETE FROM ${table} WHERE artifact IN (SELECT artifact FROM ${table} EXCEPT SELECT row FROM artifacts)`,
  ),
];

function dropDisposed(db: Database): number {
  return DISPOSED.reduce((sum, sql) => sum + db.prepare(sql).run().changes, 0);
}

interface Settling {
  readonly options: RestoreOptions;
  readonly halves: RootHalves;
  readonly manifest: Manifest;
  readonly slotId: string;
}

/** The restored vault gets a slot to start with, an entry that says so, and a head outside. */
async function settle(db: Database, { options, halves, manifest, slotId }: Settling): Promise<readonly string[]> {
  const { clock, caller, keyFile, headsFile, unlock } = options;
  using keyring = await Keyring.open(db, unlock.slot, unlock.secret, true);
  const core = newCore(db, keyring, clock);
  mustBeSigned(options.from, keyring.identity.auditPublicKey);
  const { problems } = checkMutableRows(core);
  const fresh = { ...caller, address: '', outcome: 'ok' } as const;
  if (unlock.slot !== 'key-file') {
    const opens = halves.records === undefined ? 'service' : 'both';
    const slot = await newSlot(keyring.vaultId, 'key-file', opens, keyFileText(keyFile), halves);
    core.transact({ action: 'slot-added', ...fresh, subject: slot.id, detail: 'restored' }, (tx) => tx.putSlot(slot));
    for (const lost of keyring.slots().filter(({ id, kind }) => kind === 'key-file' && id !== slot.id)) {
      const entry = { action: 'slot-removed', ...fresh, subject: lost.id, detail: 'of the machine before' } as const;
      core.transact(entry, (tx) => tx.deleteSlot(lost));
    }
  }
  const detail = `from a backup that ends at entry ${manifest.until}, by slot ${slotId}`;
  core.record({ action: 'vault-restored', ...fresh, detail });
  if (existsSync(headsFile)) renameSync(headsFile, `${headsFile}.before-restore-${clock.now()}`);
  const signing = core.records.get<{ privateKey: string }>('keys', 'audit-signing');
  if (signing !== undefined) writeFirstHead(core, headsFile, Buffer.from(signing.value.privateKey, 'base64'));
  return problems;
}

function mustBeSigned(from: string, publicKey: string): void {
  const { message, signature } = manifestSignature(readText(join(from, MANIFEST_NAME)));
  const key = Buffer.from(publicKey, 'base64');
  if (signature.length !== 64 || !sodium.crypto_sign_verify_detached(signature, message, key)) throw damagedBackup();
}
