// A day's audio backed up, the next backup when nothing is new, and a restore on a bare machine beside a plain copy of the same files:
// each with what was written synced. Memory is what the process took at most above where it began.
import { closeSync, copyFileSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../src/kernel/clock.ts';
import { restoreVault } from '../../../src/vault/backup/restore.ts';
import { type BenchVault, CALLER, captureAll, type Folders, makeVault, newFolders, openVault, tone, voicemailHeader } from '../../support/vault-bench.ts'; // biome-ignore format: one import
import { say } from '../figures.ts';
import { blobsInto, openComparators } from './comparators.ts';

/** Ten minutes of one channel. */
const ARTIFACT_MS = 600_000;
const DAY_MEGABYTES = 1_000;
const SAMPLE_MEMORY_MS = 50;

export async function benchBackup(parent: string, megabytes: number): Promise<void> {
  using folders = newFolders(parent);
  const { recoveryCode } = await makeVault(folders);
  const target = join(folders.root, 'backup');
  const day = Math.min(DAY_MEGABYTES, megabytes / 2);
  {
    await using vault = await openVault(folders);
    await record(vault, megabytes - day);
    await vault.ask('backup.create', { caller: CALLER, target });
    await record(vault, day);
    const before = bytesBelow(target);
    const { seconds, memory } = await measured(() => vault.ask('backup.create', { caller: CALLER, target }));
    const added = (bytesBelow(target) - before) / 1e6;
    say(`an incremental backup of ${added.toFixed(0)} MB`, `${seconds.toFixed(2)} s`, '1 GB in <= 60 s');
    say('  at', `${(added / seconds).toFixed(0)} MB/s`, '>= 17 MB/s');
    say('  memory', `${memory.toFixed(0)} MB`, 'flat');
    const nothing = await measured(() => vault.ask('backup.create', { caller: CALLER, target }));
    say('the next one, nothing new', `${nothing.seconds.toFixed(2)} s`);
  }
  await benchComparators(folders.root, day);
  await benchRestore({ parent, source: folders, recoveryCode });
}

/** They have no backup of what is new alone: a day's audio in a file of its own, copied as a whole. */
async function benchComparators(folder: string, megabytes: number): Promise<void> {
  const audio = tone(1_000);
  for (const { name, db } of openComparators(folder)) {
    const commit = blobsInto(db, 125); // a megabyte
    for (let done = 0; done < megabytes; done++) commit(audio);
    db.pragma('wal_checkpoint(TRUNCATE)');
    const copy = `${db.name}.copy`;
    const { seconds } = await measured(async () => {
      copyFileSync(db.name, copy);
      syncFile(copy);
    });
    rmSync(copy);
    db.close();
    say(`  in ${name}: its file copied`, `${seconds.toFixed(2)} s`, '(comparator)');
  }
}

async function record(vault: BenchVault, megabytes: number): Promise<void> {
  const audio = tone(ARTIFACT_MS);
  for (let bytes = 0; bytes < megabytes * 1e6; bytes += audio.length) {
    const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
    await captureAll(vault, artifactId, audio);
    await vault.ask('artifact.close', { artifactId, keep: true });
    if (process.stderr.isTTY) process.stderr.write(`\r${(bytes / 1e6).toFixed(0)} of ${megabytes} MB recorded `);
  }
}

function bytesBelow(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

async function benchRestore(options: { parent: string; source: Folders; recoveryCode: string }): Promise<void> {
  using bare = newFolders(options.parent);
  const { dataFolder, keyFile, headsFile } = bare;
  const unlock = { slot: 'recovery', secret: options.recoveryCode } as const;
  const from = join(options.source.root, 'backup');
  let told = 0;
  const onProgress = () => void told++;
  const restore = { from, dataFolder, keyFile, headsFile, unlock, clock: systemClock, caller: CALLER, onProgress };
  const copied = await measured(async () => copyAll(from, join(bare.root, 'copy')));
  rmSync(join(bare.root, 'copy'), { recursive: true });
  const { seconds, memory } = await measured(() => restoreVault(restore));
  const size = statSync(join(dataFolder, 'vault.db')).size / 1e6;
  say('cp of the same files', `${copied.seconds.toFixed(2)} s`, '(comparator)');
  say(`restore of ${size.toFixed(0)} MB on a bare machine`, `${seconds.toFixed(2)} s`);
  say('  as a ratio to cp', (seconds / copied.seconds).toFixed(1), '(told, no aim)');
  say('  memory', `${memory.toFixed(0)} MB`, 'flat');
  say('  times that its progress was told', String(told));
}

function copyAll(from: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    copyFileSync(join(from, name), join(to, name));
    syncFile(join(to, name));
  }
  syncFile(to);
}

function syncFile(path: string): void {
  const file = openSync(path, 'r');
  fsyncSync(file);
  closeSync(file);
}

/** Seconds, and the megabytes that the process took at most above where it began. */
async function measured(work: () => Promise<unknown>): Promise<{ seconds: number; memory: number }> {
  const before = process.memoryUsage.rss();
  let most = before;
  const sampling = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, SAMPLE_MEMORY_MS);
  const begun = performance.now();
  await work();
  clearInterval(sampling);
  return { seconds: (performance.now() - begun) / 1000, memory: (most - before) / 1e6 };
}
