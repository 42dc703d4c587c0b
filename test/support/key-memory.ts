// What opens a vault's records, and whether it lies anywhere in another process's memory, as Linux shows it to its parent.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { Keyring } from '../../src/vault/keys/keyring.ts';
import { bindingOf, type EpochRow, openSecret } from '../../src/vault/store/epochs.ts';
import type { Folders } from './vault-bench.ts';

const STEP_BYTES = 8 * 1024 * 1024;
const LARGEST_BYTES = 2 ** 32;

/** The records half, its private key, and both keys of every epoch, by name. */
export async function recordsKeys(folders: Folders, recoveryCode: string): Promise<Map<string, Uint8Array>> {
  const db = new SqliteDatabase(join(folders.dataFolder, 'vault.db'), { readonly: true });
  try {
    const keyring = await Keyring.open(db, 'recovery', recoveryCode, false);
    const { records } = await keyring.halves('recovery', recoveryCode);
    const keys = new Map([['records private key', keyring.records.privateKey]]);
    if (records !== undefined) keys.set('records half', records);
    for (const row of db.prepare('SELECT * FROM epochs').all() as EpochRow[]) {
      const secrets = openSecret(row, bindingOf(row, keyring.vaultId), keyring.records, keyring.service.epochMac);
      if (secrets === undefined) continue;
      keys.set(`private key of ${row.id}`, secrets.privateKey);
      keys.set(`wrap key of ${row.id}`, secrets.wrapKey);
    }
    return keys;
  } finally {
    db.close();
  }
}

/** Names of those keys that are found; undefined when the memory cannot be read. */
export function memoryHolds(pid: number, keys: ReadonlyMap<string, Uint8Array>): string[] | undefined {
  const found = new Set<string>();
  let memory: number;
  try {
    memory = openSync(`/proc/${pid}/mem`, 'r');
  } catch {
    return undefined;
  }
  const bytes = Buffer.alloc(STEP_BYTES);
  for (const [from, to] of readableParts(pid)) {
    for (let at = from; at < to; at += STEP_BYTES - 32) {
      const part = bytes.subarray(0, tryRead(memory, bytes, at, Math.min(STEP_BYTES, to - at)));
      for (const [name, key] of keys) if (!found.has(name) && part.includes(Buffer.from(key))) found.add(name);
    }
  }
  closeSync(memory);
  return [...found];
}

function readableParts(pid: number): [number, number][] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  const writable = lines.map((line) => /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line)).filter((match) => match !== null);
  const parts = writable.map(([, from = '', to = '']): [number, number] => [
    Number.parseInt(from, 16),
    Number.parseInt(to, 16),
  ]);
  return parts.filter(([from, to]) => to - from < LARGEST_BYTES);
}

function tryRead(memory: number, bytes: Buffer, at: number, length: number): number {
  try {
    return readSync(memory, bytes, 0, length, at);
  } catch {
    return 0; // gone meanwhile
  }
}
