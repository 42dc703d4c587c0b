// What the vault is compared with: plain SQLite, and SQLite whose file is encrypted as a whole (better-sqlite3-multiple-ciphers).
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import CipheredDatabase from 'better-sqlite3-multiple-ciphers';

/** The part of both drivers that a benchmark uses. */
export interface Comparator {
  readonly name: string;
  readonly db: SqliteDatabase.Database;
}

/** Both, opened as the vault opens its own: WAL and every commit synced. */
export function openComparators(folder: string): Comparator[] {
  const plain = new SqliteDatabase(join(folder, 'plain.db'));
  const ciphered = new CipheredDatabase(join(folder, 'ciphered.db'));
  ciphered.pragma("cipher = 'chacha20'");
  ciphered.pragma("key = 'a key of the benchmark'");
  for (const db of [plain, ciphered]) {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
  }
  return [
    { name: 'plain SQLite', db: plain },
    { name: 'SQLite, file encrypted as a whole', db: ciphered },
  ];
}
