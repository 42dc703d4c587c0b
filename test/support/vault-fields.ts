// One flaw in any one field of a vault's database, and what the vault says of it.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase, { type Database } from 'better-sqlite3';
import { DATABASE_NAME } from '../../src/vault/store/database.ts';
import type { Seeded } from './seeded.ts';
import { CALLER, captureAll, type Folders, makeVault, newFolders, openVault, sampleCdr, sampleClinic, tone, voicemailHeader } from './vault-bench.ts'; // biome-ignore format: one import

export interface Field {
  readonly table: string;
  readonly column: string;
}

/**
 * Fields that may be changed unseen, each for a reason that FORMAT.md gives: insertion sequences (§8) and rows that may be lost
 * or rolled back without harm (§4.3).
 */
export const UNCOVERED: ReadonlySet<string> = new Set([
  ...['calls.seq', 'artifacts.seq', 'artifact_marks.seq', 'service_records.seq', 'call_numbers.seq', 'chunks.id'],
  ...['volatile_records.space', 'volatile_records.row', 'volatile_records.schema', 'volatile_records.body'],
]);

/** A closed vault with at least a row in every table. */
export async function fillEveryTable(folders: Folders): Promise<void> {
  const { recoveryCode } = await makeVault(folders);
  await using vault = await openVault(folders);
  for (let call = 0; call < 3; call++) await vault.ask('cdr.put', { cdr: sampleCdr() });
  await vault.ask('clinic.put', { caller: CALLER, clinic: { ...sampleClinic(), name: 'Renamed' }, summary: 'renamed' });
  for (const mailbox of ['1001', '']) {
    const header = voicemailHeader({ kind: mailbox === '' ? 'recording' : 'voicemail', mailbox });
    const { artifactId } = await vault.ask('artifact.open', { header });
    await vault.ask('artifact.mark', { artifactId, mark: 'notice-played', atMs: 0 });
    await captureAll(vault, artifactId, tone(1_500));
    await vault.ask('artifact.close', { artifactId, keep: true });
    const range = { caller: CALLER, artifactId, fromSample: 0, samples: 12_000, play: true };
    await vault.askForBytes('artifact.audio', range);
  }
  await vault.ask('root.rotate', { caller: CALLER, using: { slot: 'recovery', secret: recoveryCode } });
  await vault.ask('artifact.open', { header: voicemailHeader() });
}

/** Every column of every table that has a row. */
export function fieldsOf(folders: Folders): Field[] {
  const db = openFile(folders);
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
  const fields = (tables.pluck().all() as string[])
    .filter((table) => db.prepare(`SELECT EXISTS (SELECT 1 FROM ${table})`).pluck().get() === 1)
    .flatMap((table) =>
      (db.pragma(`table_info(${table})`) as { name: string }[]).map(({ name }) => ({ table, column: name })),
    );
  db.close();
  return fields;
}

/** Flips one bit of that field in one row of a copy of the vault; answers what the vault then says, nothing when it is content. */
export async function flaw(source: Folders, field: Field, random: Seeded): Promise<string[]> {
  using copy = newFolders('/dev/shm');
  for (const folder of ['data', 'keys'])
    cpSync(join(source.root, folder), join(copy.root, folder), { recursive: true });
  const db = openFile(copy);
  flip(db, field, random);
  db.close();
  return await complaints(copy);
}

function openFile({ dataFolder }: Folders): Database {
  return new SqliteDatabase(join(dataFolder, DATABASE_NAME));
}

function flip(db: Database, { table, column }: Field, random: Seeded): void {
  db.pragma('ignore_check_constraints = ON');
  const triggers = db.prepare("SELECT sql, name FROM sqlite_master WHERE type = 'trigger'").all() as {
    name: string;
    sql: string;
  }[];
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  const isKeyed = (db.prepare('SELECT sql FROM sqlite_master WHERE name = ?').pluck().get(table) as string).includes(
    'WITHOUT ROWID',
  );
  if (isKeyed) {
    const rows = db.prepare(`SELECT ${column} AS value FROM ${table}`).all() as { value: Value }[];
    const { value } = rows[random.below(rows.length)]!;
    db.prepare(`UPDATE OR REPLACE ${table} SET ${column} = ? WHERE ${column} IS ?`).run(flipped(value, random), value);
  } else {
    const values = db.prepare(`SELECT rowid AS at, ${column} AS value FROM ${table} WHERE ${column} IS NOT NULL`);
    const rows = values.all() as { at: number; value: Value }[];
    const row = rows[random.below(rows.length)]!;
    db.prepare(`UPDATE OR REPLACE ${table} SET ${column} = ? WHERE rowid = ?`).run(flipped(row.value, random), row.at);
  }
  for (const { sql } of triggers) db.exec(sql);
}

type Value = Buffer | string | number;

function flipped(value: Value, random: Seeded): Value {
  if (typeof value === 'number') return value + 1;
  const bytes = Buffer.from(value as string);
  if (bytes.length === 0) return typeof value === 'string' ? 'x' : Buffer.of(1);
  const bit = 1 << random.below(typeof value === 'string' ? 3 : 8);
  bytes[random.below(bytes.length)]! ^= bit;
  return typeof value === 'string' ? bytes.toString('latin1') : bytes;
}

/** What a careful owner is told: at the opening, by a check of everything, and by the trail's verification. */
async function complaints(folders: Folders): Promise<string[]> {
  try {
    await using vault = await openVault(folders);
    const { problems } = await vault.inner.checkEverything();
    const { ok, firstBad } = await vault.ask('audit.verify', { caller: CALLER });
    return ok ? problems : [...problems, String(firstBad?.problem)];
  } catch (thrown) {
    return [thrown instanceof Error ? thrown.message : String(thrown)];
  }
}
