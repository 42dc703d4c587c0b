// One run of a backup: a reader writes the files, and then the slots and the signed manifest that names them get their place. FORMAT.md §11.
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs'; // biome-ignore format: one import
import { dirname, join } from 'node:path';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import type { InnerCore } from '../store/inner-core.ts';
import { syncPath } from '../store/sync-path.ts';
import { problemOf, readText } from './check-files.ts';
import {
  FILE_NAME,
  hashOfSlots,
  MANIFEST_NAME,
  type Manifest,
  manifestText,
  readManifest,
  type Sign,
  SLOTS_DRAFT,
  SLOTS_NAME,
} from './manifest.ts';
import type { WriteFilesAsk, WrittenFiles } from './write-files.ts';

export interface RunOptions {
  readonly core: InnerCore;
  readonly target: string;
  /** The id of this run, which its files' names hold. */
  readonly run: string;
  /** Whether all of it is written again, so that nothing is left of what was disposed of. */
  readonly isAnew: boolean;
  readonly sign: Sign;
  /** Writes the files, here or on a thread of its own. */
  readonly write: (ask: WriteFilesAsk) => Promise<WrittenFiles>;
}

/** Not worth beginning anew for. */
const LITTLE_BYTES = 256 * 1024;

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
  const { core, target, run, isAnew, sign, write } = options;
  const { generation, vaultId } = core.keyring.identity;
  let isNamed = false;
  try {
    prepareTarget(core, target);
    const before = isAnew ? undefined : worthKeeping(core, target);
    using _journal = core.journal.hold();
    const { slots, bytes, rows, ...written } = await write({ target, run, ...(before !== undefined && { before }) });
    // Its slots are of the root of then, and the manifest would be of the root of now.
    if (core.keyring.identity.generation !== generation) throw rootChanged();
    const manifest: Manifest = {
      ...{ vaultId, run, createdAt: core.clock.now(), ...written, slots: hashOfSlots(slots) },
    };
    // Two names cannot change at once: until the manifest has its own, both slots are there.
    const [named, opened] = [join(target, MANIFEST_NAME), join(target, SLOTS_NAME)];
    writeDraft(join(target, SLOTS_DRAFT), slots);
    writeDraft(`${named}.new`, manifestText(manifest, core.keyring.service.manifest, sign));
    syncPath(target);
    isNamed = true;
    rename(`${named}.new`, named);
    rename(join(target, SLOTS_DRAFT), opened);
    tidy(target, manifest);
    return { manifest, bytes, rows };
  } catch (thrown) {
    if (!isNamed) dropRun(target, run);
    if (thrown instanceof WardlineError) throw thrown;
    const sentence = `The backup to ${target} failed (${codeOf(thrown)}); check that disk. What was there before still holds.`;
    throw new WardlineError('backup-failed', sentence, { cause: thrown });
  }
}

/**
 * What this run goes on from. One that lost a file, which nobody could restore, is begun anew, and so is one that is mostly
 * ciphertext of what was disposed of since, when the disk has room for both.
 */
function worthKeeping(core: InnerCore, target: string): Manifest | undefined {
  const before = readTarget(core, target);
  if (before === undefined || before.files.some((file) => problemOf(target, file) !== undefined)) return undefined;
  const pages = (pragma: string) => Number(core.db.pragma(pragma, { simple: true }));
  const live = (pages('page_count') - pages('freelist_count')) * pages('page_size');
  const kept = before.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const { bavail, bsize } = statfsSync(target);
  return kept > 2 * live + LITTLE_BYTES && bavail * bsize > live + LITTLE_BYTES ? undefined : before;
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
  removeFiles(target, (name) => !kept.has(name));
}

/** What a run wrote that failed: the next one needs the room. */
function dropRun(target: string, run: string): void {
  try {
    removeFiles(target, (name) => name.includes(run));
  } catch {
    // the disk is gone; the next run that succeeds clears it away
  }
}

function removeFiles(target: string, isChosen: (name: string) => boolean): void {
  for (const name of readdirSync(target)) {
    if (FILE_NAME.test(name) && isChosen(name)) rmSync(join(target, name));
  }
  syncPath(target);
}

function writeDraft(path: string, text: string): void {
  rmSync(path, { force: true }); // of a run that was cut off, or a link that somebody put there
  writeFileSync(path, text, { mode: 0o600, flag: 'wx', flush: true });
}

function rename(draft: string, path: string): void {
  renameSync(draft, path);
  syncPath(dirname(path));
}
