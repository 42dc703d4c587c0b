// Opens the SQLite file as the vault needs it, and the lock that keeps a second process out.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs'; // biome-ignore format: one import
import { dirname, join } from 'node:path';
import SqliteDatabase, { type Database } from 'better-sqlite3';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import { APPLICATION_ID, mendSchema, migrate, SCHEMA_VERSION } from './schema.ts';
import { syncPath } from './sync-path.ts';

export const DATABASE_NAME = 'vault.db';
const LOCK_NAME = 'vault.lock';
const COPY_BYTES = 4 * 1024 * 1024;
/** Up to this size every page is looked at before the first call; a larger file would keep the telephones waiting. */
const QUICK_CHECK_BYTES = 32 * 1024 * 1024;

/**
 * Takes the data folder for this process. The lock is the kernel's, on an SQLite file of its own: it goes with the process,
 * however that ends.
 * @throws WardlineError `vault-in-use`, `folder-unwritable`
 */
export function lockFolder(dataFolder: string): Disposable {
  const path = join(dataFolder, LOCK_NAME);
  try {
    mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
    createFile(path);
    const lock = new SqliteDatabase(path, { timeout: 0 });
    lock.pragma('locking_mode = EXCLUSIVE');
    lock.exec('BEGIN EXCLUSIVE');
    return { [Symbol.dispose]: () => lock.close() };
  } catch (thrown) {
    const code = codeOf(thrown);
    if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
      throw new WardlineError(
        'vault-in-use',
        `An appliance already runs on ${dataFolder}; stop it or talk to it instead.`,
      );
    }
    throw unwritable(dataFolder, thrown);
  }
}

/** A journal that was left behind would be played into the database that gets its name. @throws WardlineError `vault-exists` */
export function mustHoldNoJournal(path: string): void {
  const left = ['-wal', '-journal'].map((suffix) => path + suffix).find((each) => existsSync(each));
  if (left === undefined) return;
  const sentence = `${left} is left of another vault, and may hold its newest records; move it to the rest of that vault first.`;
  throw new WardlineError('vault-exists', sentence);
}

/** @throws WardlineError `vault-missing`, `vault-damaged`, `vault-newer`, `folder-unwritable` */
export function openDatabase(path: string, dataFolder: string): Database {
  if (!existsSync(path)) {
    throw new WardlineError('vault-missing', `There is no vault in ${dataFolder}; make one with \`wardline init\`.`);
  }
  return prepare(path, dataFolder, (db) => {
    if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) throw notOurs(path);
    const isSmall = statSync(path).size <= QUICK_CHECK_BYTES;
    if (isSmall && db.pragma('quick_check(1)', { simple: true }) !== 'ok') throw notOurs(path);
    migrate(db);
  });
}

export function createDatabase(path: string, dataFolder: string): Database {
  return prepare(path, dataFolder, (db) => {
    db.pragma(`application_id = ${APPLICATION_ID}`);
    migrate(db);
  });
}

/**
 * A database of an older version is copied first, its journal too; the copy stays until the new one has opened (`dropCopies`). Before
 * SQLite opens it: closing any descriptor of a file drops this process's locks on it.
 */
function keepCopy(path: string): void {
  const version = versionInHeader(path);
  if (version === 0 || version >= SCHEMA_VERSION) return;
  const files = [path, `${path}-wal`].filter((each) => existsSync(each));
  const size = files.reduce((sum, each) => sum + statSync(each).size, 0);
  const { bavail, bsize } = statfsSync(dirname(path));
  if (bavail * bsize < size) {
    const needed = Math.ceil(size / 1_000_000);
    const sentence = `The vault is of an older version, and a copy is kept while it is brought up to date: free ${needed} MB for ${dirname(path)}.`;
    throw new WardlineError('folder-unwritable', sentence);
  }
  const copy = copyName(path, version);
  for (const suffix of ['', '-wal']) rmSync(copy + suffix, { force: true }); // of a start that was cut off
  for (const file of files) copyDurably(file, copy + file.slice(path.length));
}

const HEADER_BYTES = 100;
const MAGIC = 'SQLite format 3\0';

/** `user_version` as the file's own header says (SQLite file format §1.3); 0 for what is no vault. */
function versionInHeader(path: string): number {
  const header = Buffer.alloc(HEADER_BYTES);
  const file = openSync(path, 'r');
  try {
    const isWhole = readSync(file, header, 0, HEADER_BYTES, 0) === HEADER_BYTES;
    const isOurs = header.toString('latin1', 0, MAGIC.length) === MAGIC && header.readUInt32BE(68) === APPLICATION_ID;
    return isWhole && isOurs ? header.readUInt32BE(60) : 0;
  } finally {
    closeSync(file);
  }
}

/** In plain steps, which the proof by power cuts sees; the copy is durable, name and all, before anything is changed. */
function copyDurably(from: string, to: string): void {
  const source = openSync(from, 'r');
  const target = openSync(to, 'wx', 0o600);
  try {
    const chunk = Buffer.alloc(COPY_BYTES);
    for (let read = readSync(source, chunk); read > 0; read = readSync(source, chunk))
      writeSync(target, chunk, 0, read);
    fsyncSync(target);
  } finally {
    closeSync(target);
    closeSync(source);
  }
  syncPath(dirname(to));
}

function copyName(path: string, version: number): string {
  return `${path}.version-${version}`;
}

/** After the vault has opened: the copy holds keys, and what is disposed of from now on must be gone. */
export function dropCopies(dataFolder: string): void {
  for (const name of readdirSync(dataFolder)) {
    if (name.startsWith(copyName(DATABASE_NAME, 0).slice(0, -1))) rmSync(join(dataFolder, name));
  }
}

/** A second connection for a thread that only reads; the first has brought the schema up to date. */
export function openReadOnly(path: string): Database {
  const db = new SqliteDatabase(path, { readonly: true, fileMustExist: true, timeout: 2_000 });
  db.pragma('query_only = ON');
  db.pragma('trusted_schema = OFF');
  db.pragma('temp_store = MEMORY');
  return db;
}

/** What was foreign in the schema, after it was mended. */
export function mend(db: Database): string[] {
  const expected = new SqliteDatabase(':memory:');
  try {
    return mendSchema(db, expected);
  } finally {
    expected.close();
  }
}

function prepare(path: string, dataFolder: string, ready: (db: Database) => void): Database {
  let db: Database | undefined;
  try {
    createFile(path);
    keepCopy(path);
    db = new SqliteDatabase(path, { timeout: 2_000 });
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    db.pragma('secure_delete = ON');
    db.pragma('trusted_schema = OFF');
    db.pragma('temp_store = MEMORY');
    ready(db);
    return db;
  } catch (thrown) {
    db?.close();
    if (thrown instanceof WardlineError) throw thrown;
    const code = codeOf(thrown);
    if (['SQLITE_NOTADB', 'SQLITE_CORRUPT'].some((known) => code.startsWith(known))) throw notOurs(path);
    throw asDiskFault(dataFolder, thrown);
  }
}

/** What SQLite or the file system says of a disk, as a sentence; anything else as it is. */
export function asDiskFault(folder: string, thrown: unknown): unknown {
  const isOfDisk = /^(SQLITE_(READONLY|CANTOPEN|FULL|IOERR|PERM)|E[A-Z]+$)/.test(codeOf(thrown));
  return isOfDisk && !(thrown instanceof WardlineError) ? unwritable(folder, thrown) : thrown;
}

/**
 * Makes the file readable by its owner alone, before SQLite would make it readable by all. One that is there is not touched:
 * closing any descriptor of a locked file drops this process's locks on it (POSIX fcntl).
 */
function createFile(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, 'ax', 0o600));
}

function notOurs(path: string): WardlineError {
  return new WardlineError(
    'vault-damaged',
    `${path} is not a vault or is damaged; put the right file there or restore a backup.`,
  );
}

function unwritable(folder: string, cause: unknown): WardlineError {
  return new WardlineError(
    'folder-unwritable',
    /^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(codeOf(cause))
      ? `The disk of ${folder} is full; free some space.`
      : `The folder ${folder} cannot be written; check its owner and the disk.`,
    { cause },
  );
}
