// One run of a backup: a snapshot of the vault while it works, new immutable rows to new files, all keys to one new bundle. FORMAT.md §11.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'; // biome-ignore format: one import
import { dirname, join } from 'node:path';
import SqliteDatabase, { type Database } from 'better-sqlite3';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/id.ts';
import { blake2b } from '../../seal/sodium.ts';
import type { InnerCore } from '../engine.ts';
import { readSlots } from '../keyring.ts';
import { type BackupFile, MANIFEST_NAME, type Manifest, manifestText, readManifest, type Sign, SLOTS_NAME, slotsText } from './manifest.ts'; // biome-ignore format: one import
import { type Cell, RowWriter } from './row-file.ts';
import { IMMUTABLE_COLUMNS, immutableRows, REPLACED_COLUMNS, replacedRows } from './tables.ts';

/** A file of immutable rows is ended when it is this long. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

export interface RunOptions {
  readonly core: InnerCore;
  readonly target: string;
  readonly sign: Sign;
  /** Lets others have their turn after each megabyte; rejects when the vault is closing. */
  readonly pause: (bytes: number) => Promise<void>;
}

export interface RunResult {
  readonly manifest: Manifest;
  /** Written by this run. */
  readonly bytes: number;
  readonly rows: number;
}

/**
 * Backs the vault up into the folder `target`; what was there stays valid until the new manifest is in its place.
 * @throws WardlineError `backup-target`, `backup-damaged`, `backup-other`, `backup-failed`
 */
export async function runBackup(options: RunOptions): Promise<RunResult> {
  const { core, target } = options;
  try {
    prepareTarget(core, target);
    const before = readTarget(core, target);
    using _journal = core.journal.hold();
    using snapshot = openSnapshot(core.db.name);
    const until = lastEntry(snapshot.db);
    mustFollow(snapshot.db, before, until.sequence);
    const result = await new Run(options, snapshot.db, before).write(until);
    tidy(target, result.manifest);
    return result;
  } catch (thrown) {
    if (thrown instanceof WardlineError) throw thrown;
    const sentence = `The backup to ${target} failed (${codeOf(thrown)}); check that disk. What was there before still holds.`;
    throw new WardlineError('backup-failed', sentence, { cause: thrown });
  }
}

/** The newest manifest in the folder, checked; undefined when there is none. @throws WardlineError `backup-damaged`, `backup-other` */
export function readTarget(core: InnerCore, target: string): Manifest | undefined {
  const path = join(target, MANIFEST_NAME);
  if (!existsSync(path)) return undefined;
  return readManifest(readFileSync(path, 'utf8'), core.keyring.manifestKeys());
}

class Run {
  readonly #options: RunOptions;
  readonly #db: Database;
  readonly #before: Manifest | undefined;
  readonly #run = newId();
  #bytes = 0;
  #rows = 0;

  constructor(options: RunOptions, db: Database, before: Manifest | undefined) {
    this.#options = options;
    this.#db = db;
    this.#before = before;
  }

  async write({ sequence, link }: { sequence: number; link: string }): Promise<RunResult> {
    const { core, target, sign } = this.#options;
    const files = [...(this.#before?.files ?? []), ...(await this.#immutable(sequence))];
    const bundle = await this.#bundle();
    const { vaultId } = core.keyring;
    const slots = slotsText(vaultId, readSlots(this.#db));
    const manifest: Manifest = {
      ...{ vaultId, run: this.#run, createdAt: core.clock.now(), until: sequence, link, files, bundle },
      slots: Buffer.from(blake2b(Buffer.from(slots, 'utf8'))).toString('hex'),
    };
    syncFolder(target);
    replaceFile(join(target, SLOTS_NAME), slots);
    replaceFile(join(target, MANIFEST_NAME), manifestText(manifest, core.keyring.service.manifest, sign));
    return { manifest, bytes: this.#bytes, rows: this.#rows };
  }

  async #immutable(until: number): Promise<BackupFile[]> {
    const files: BackupFile[] = [];
    const after = this.#before?.until ?? 0;
    let writer: RowWriter | undefined;
    const close = () => {
      if (writer !== undefined) files.push(this.#finish(writer, this.#name('rows', files.length)));
      writer = undefined;
    };
    for (const table of Object.keys(IMMUTABLE_COLUMNS)) {
      for (const cells of immutableRows(this.#db, table, after, until)) {
        writer ??= new RowWriter(join(this.#options.target, this.#name('rows', files.length)), IMMUTABLE_COLUMNS);
        const written = writer.bytes;
        if (writer.put(table, cells as Cell[])) await this.#options.pause(writer.bytes - written);
        if (writer.bytes > MAX_FILE_BYTES) close();
      }
    }
    close();
    return files;
  }

  async #bundle(): Promise<BackupFile> {
    const name = this.#name('bundle', 0);
    const writer = new RowWriter(join(this.#options.target, name), REPLACED_COLUMNS);
    for (const table of Object.keys(REPLACED_COLUMNS)) {
      for (const cells of replacedRows(this.#db, table)) {
        const written = writer.bytes;
        if (writer.put(table, cells as Cell[])) await this.#options.pause(writer.bytes - written);
      }
    }
    return this.#finish(writer, name);
  }

  #finish(writer: RowWriter, name: string): BackupFile {
    const { bytes, hash } = writer.finish();
    writer[Symbol.dispose]();
    this.#bytes += bytes;
    this.#rows += writer.rows;
    return { name, bytes, hash };
  }

  #name(kind: 'rows' | 'bundle', number: number): string {
    return `${kind}-${this.#run}-${number}`;
  }
}

/** A second connection that sees one state of the database, whatever is written meanwhile. */
function openSnapshot(path: string): Disposable & { readonly db: Database } {
  const db = new SqliteDatabase(path, { readonly: true, fileMustExist: true });
  db.exec('BEGIN');
  return { db, [Symbol.dispose]: () => db.close() };
}

function lastEntry(db: Database): { sequence: number; link: string } {
  const last = db.prepare('SELECT sequence, link FROM trail ORDER BY sequence DESC LIMIT 1').get() as
    | { sequence: number; link: Buffer }
    | undefined;
  return { sequence: last?.sequence ?? 0, link: last?.link.toString('hex') ?? '' };
}

function mustFollow(db: Database, before: Manifest | undefined, until: number): void {
  if (before === undefined) return;
  const link = db.prepare('SELECT link FROM trail WHERE sequence = ?').pluck().get(before.until) as Buffer | undefined;
  if (before.until <= until && link?.toString('hex') === before.link) return;
  throw new WardlineError(
    'backup-other',
    'That folder holds a backup of another vault, or of another past of this one; name an empty folder.',
  );
}

function prepareTarget(core: InnerCore, target: string): void {
  mkdirSync(target, { recursive: true, mode: 0o700 });
  const inside = `${realpathSync(target)}/`;
  if (!inside.startsWith(`${realpathSync(dirname(core.db.name))}/`)) return;
  throw new WardlineError(
    'backup-target',
    'A backup inside of the data folder is none; name a folder on another disk.',
  );
}

/** Removes what no manifest names: the bundles of earlier runs, with their keys, and what an interrupted run left. */
function tidy(target: string, { files, bundle }: Manifest): void {
  const kept = new Set([...files, bundle].map(({ name }) => name));
  for (const name of readdirSync(target)) {
    if (/^(rows|bundle)-/.test(name) && !kept.has(name)) rmSync(join(target, name));
  }
  syncFolder(target);
}

function replaceFile(path: string, text: string): void {
  const draft = `${path}.new`;
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  renameSync(draft, path);
  syncFolder(dirname(path));
}

export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
