// What the vault is compared with: plain SQLite, and SQLite whose file is encrypted as a whole (better-sqlite3-multiple-ciphers).
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import CipheredDatabase from 'better-sqlite3-multiple-ciphers';

/** The part of both drivers that a benchmark uses. */
export interface Comparator {
  readonly name: string;
  readonly db: SqliteDatabase.Database;
}

/** Each is opened as the vault opens its own: WAL and every commit synced. */
const OPENERS: Readonly<Record<string, (folder: string) => SqliteDatabase.Database>> = {
  'plain SQLite': (folder) => inWal(new SqliteDatabase(join(folder, 'plain.db'))),
  'SQLite, file encrypted as a whole': (folder) => {
    const ciphered = new CipheredDatabase(join(folder, 'ciphered.db'));
    ciphered.pragma("cipher = 'chacha20'");
    ciphered.pragma("key = 'a key of the benchmark'");
    return inWal(ciphered);
  },
};
export const COMPARATORS = Object.keys(OPENERS);

export function openComparators(folder: string): Comparator[] {
  return COMPARATORS.map((name) => openComparator(name, folder));
}

export function openComparator(name: string, folder: string): Comparator {
  const open = OPENERS[name];
  if (open === undefined) throw new Error(`There is no comparator '${name}'.`);
  return { name, db: open(folder) };
}

function inWal(db: SqliteDatabase.Database): SqliteDatabase.Database {
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  return db;
}

/** A transaction that keeps so many pieces of audio. */
export function blobsInto(db: Comparator['db'], count: number): (audio: Uint8Array) => void {
  db.exec('CREATE TABLE blobs (id INTEGER PRIMARY KEY, body BLOB)');
  const insert = db.prepare('INSERT INTO blobs (body) VALUES (?)');
  return db.transaction((audio: Uint8Array) => {
    for (let index = 0; index < count; index++) insert.run(audio);
  });
}
