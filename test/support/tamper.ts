// What somebody with the disk and no secret does to a vault's rows while it is closed.
import { join } from 'node:path';
import SqliteDatabase, { type Database } from 'better-sqlite3';
import type { Folders } from './vault-bench.ts';

export function tamper<Result>(folders: Folders, change: (db: Database) => Result): Result {
  const db = new SqliteDatabase(join(folders.dataFolder, 'vault.db'));
  try {
    return change(db);
  } finally {
    db.close();
  }
}
