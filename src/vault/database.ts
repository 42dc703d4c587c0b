// Opens the SQLite file as the vault needs it, and the lock that keeps a second process out.
import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase, { type Database } from 'better-sqlite3';
import { codeOf, WardlineError } from '../kernel/errors.ts';
import { APPLICATION_ID, mendSchema, migrate } from './schema.ts';

export const DATABASE_NAME = 'vault.db';
const LOCK_NAME = 'vault.lock';
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
    if (/^(SQLITE_(READONLY|CANTOPEN|FULL|IOERR|PERM)|E[A-Z]+$)/.test(code)) throw unwritable(dataFolder, thrown);
    throw thrown;
  }
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
    `The folder ${folder} cannot be written; check its owner and the disk.`,
    {
      cause,
    },
  );
}
