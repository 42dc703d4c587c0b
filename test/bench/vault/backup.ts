// A day's audio backed up, the next backup when nothing is new, and a restore on a bare machine beside a plain copy.
import { cpSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../src/kernel/clock.ts';
import { restoreVault } from '../../../src/vault/backup/restore.ts';
import { type BenchVault, CALLER, captureAll, type Folders, makeVault, newFolders, openVault, tone, voicemailHeader } from '../../support/vault-bench.ts'; // biome-ignore format: one import
import { say } from '../figures.ts';

/** Ten minutes of one channel. */
const ARTIFACT_MS = 600_000;
const SHARE_OF_A_DAY = 0.5;

export async function benchBackup(parent: string, megabytes: number): Promise<void> {
  using folders = newFolders(parent);
  const { recoveryCode } = await makeVault(folders);
  const target = join(folders.root, 'backup');
  {
    await using vault = await openVault(folders);
    await record(vault, megabytes * SHARE_OF_A_DAY);
    await vault.ask('backup.create', { caller: CALLER, target });
    const before = bytesBelow(target);
    await record(vault, megabytes * SHARE_OF_A_DAY);
    const seconds = await secondsOf(() => vault.ask('backup.create', { caller: CALLER, target }));
    const added = (bytesBelow(target) - before) / 1e6;
    say(`an incremental backup of ${added.toFixed(0)} MB`, `${seconds.toFixed(2)} s`, '1 GB in <= 60 s');
    say('  at', `${(added / seconds).toFixed(0)} MB/s`, '>= 17 MB/s');
    const nothing = await secondsOf(() => vault.ask('backup.create', { caller: CALLER, target }));
    say('the next one, nothing new', `${nothing.toFixed(2)} s`);
  }
  await benchRestore({ parent, source: folders, recoveryCode });
}

async function record(vault: BenchVault, megabytes: number): Promise<void> {
  const audio = tone(ARTIFACT_MS);
  for (let bytes = 0; bytes < megabytes * 1e6; bytes += audio.length) {
    const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
    await captureAll(vault, artifactId, audio);
    await vault.ask('artifact.close', { artifactId, keep: true });
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
  const restore = { from, dataFolder, keyFile, headsFile, unlock, clock: systemClock, caller: CALLER };
  const seconds = await secondsOf(() => restoreVault(restore));
  mkdirSync(join(bare.root, 'copy'));
  const copied = await secondsOf(async () => cpSync(from, join(bare.root, 'copy'), { recursive: true }));
  const size = statSync(join(dataFolder, 'vault.db')).size / 1e6;
  say(`restore of ${size.toFixed(0)} MB on a bare machine`, `${seconds.toFixed(2)} s`);
  say('  as a ratio to cp', (seconds / copied).toFixed(1), '(told, no aim)');
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
}
