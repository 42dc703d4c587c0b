// One run of a backup: a reader writes the files, and then the slots and the signed manifest that names them get their place. FORMAT.md §11.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'; // biome-ignore format: one import
import { dirname, join } from 'node:path';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import { blake2b } from '../../seal/sodium.ts';
import type { InnerCore } from '../engine.ts';
import { problemOf, readText } from './check-files.ts';
import {
  FILE_NAME,
  MANIFEST_NAME,
  type Manifest,
  manifestText,
  readManifest,
  type Sign,
  SLOTS_NAME,
} from './manifest.ts';
import type { WriteFilesAsk, WrittenFiles } from './write-files.ts';

export interface RunOptions {
  readonly core: InnerCore;
  readonly target: string;
  /** The id of this run, which its files' names hold. */
  readonly run: string;
  readonly sign: Sign;
  /** Writes the files, here or on a thread of its own. */
  readonly write: (ask: WriteFilesAsk) => Promise<WrittenFiles>;
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
  const { core, target, run, sign, write } = options;
  const { generation, vaultId } = core.keyring.identity;
  try {
    prepareTarget(core, target);
    const before = wholeBefore(core, target);
    using _journal = core.journal.hold();
    const { slots, bytes, rows, ...written } = await write({ target, run, ...(before !== undefined && { before }) });
    // Its slots are of the root of then, and the manifest would be of the root of now.
    if (core.keyring.identity.generation !== generation) throw rootChanged();
    const manifest: Manifest = {
      ...{ vaultId, run, createdAt: core.clock.now(), ...written },
      slots: Buffer.from(blake2b(Buffer.from(slots, 'utf8'))).toString('hex'),
    };
    syncPath(target);
    replaceFile(join(target, SLOTS_NAME), slots);
    replaceFile(join(target, MANIFEST_NAME), manifestText(manifest, core.keyring.service.manifest, sign));
    tidy(target, manifest);
    return { manifest, bytes, rows };
  } catch (thrown) {
    if (thrown instanceof WardlineError) throw thrown;
    const sentence = `The backup to ${target} failed (${codeOf(thrown)}); check that disk. What was there before still holds.`;
    throw new WardlineError('backup-failed', sentence, { cause: thrown });
  }
}

/** What this run goes on from; one that lost a file, which nobody could restore, is begun anew. */
function wholeBefore(core: InnerCore, target: string): Manifest | undefined {
  const before = readTarget(core, target);
  return before?.files.every((file) => problemOf(target, file) === undefined) ? before : undefined;
}

/** The newest manifest in the folder, checked; undefined when there is none. @throws WardlineError `backup-damaged`, `backup-other` */
export function readTarget(core: InnerCore, target: string): Manifest | undefined {
  const path = join(target, MANIFEST_NAME);
  if (!existsSync(path)) return undefined;
  return readManifest(readText(path), core.keyring.manifestKeys());
}

function prepareTarget(core: InnerCore, target: string): void {
  makeFolder(target);
  const inside = `${realpathSync(target)}/`;
  if (!inside.startsWith(`${realpathSync(dirname(core.db.name))}/`)) return;
  throw new WardlineError(
    'backup-target',
    'A backup inside of the data folder is none; name a folder on another disk.',
  );
}

/** One by one: the runtime's own `recursive` never comes back from a place where nothing can be made, like /proc or an automounter's. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder, { mode: 0o700 });
}

function rootChanged(): WardlineError {
  return new WardlineError('backup-failed', 'The vault got a new root while it was backed up; run the backup again.');
}

/** Removes what no manifest names: the bundles of earlier runs, with their keys, and what an interrupted run left. */
function tidy(target: string, { files, bundle }: Manifest): void {
  const kept = new Set([...files, bundle].map(({ name }) => name));
  for (const name of readdirSync(target)) {
    if (FILE_NAME.test(name) && !kept.has(name)) rmSync(join(target, name));
  }
  syncPath(target);
}

function replaceFile(path: string, text: string): void {
  const draft = `${path}.new`;
  rmSync(draft, { force: true }); // of a run that was cut off, or a link that somebody put there
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true });
  renameSync(draft, path);
  syncPath(dirname(path));
}

/** Makes a file, or the names in a folder, durable. */
export function syncPath(path: string): void {
  const opened = openSync(path, 'r');
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}
