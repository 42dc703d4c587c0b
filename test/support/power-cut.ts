// Runs a load on a vault under the log of writes, cuts the power at chosen moments and says what was lost.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CutDisk, LEFTOVERS, readLog } from './cut-disk.ts';
import type { Seeded } from './seeded.ts';
import { CALLER, type Folders, filesBelow, makeVault, newFolders, openVault } from './vault-bench.ts';
import { findFaults, readMarks } from './vault-evidence.ts';
import type { LoadPlan } from './vault-load.ts';

const SOURCE = join(import.meta.dirname, '../fault/write-log.c');
const LOAD = join(import.meta.dirname, 'vault-load.ts');

/** The log of writes and syncs stands for the disk: a real one, slow while others use it, would only make the load stall. */
export const RAM = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Builds the logging library into `folder`; undefined when there is no C compiler. */
export function buildWriteLog(folder: string): string | undefined {
  const library = join(folder, 'write-log.so');
  const { status } = spawnSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, SOURCE, '-ldl', '-lpthread']);
  return status === 0 ? library : undefined;
}

export interface LoggedLoad extends Disposable {
  readonly folders: Folders;
  readonly operations: number;
  /** Cuts the power `count` times at moments of `random`'s choosing; answers what was wrong after each. */
  cut(count: number, random: Seeded, onFault: (where: string, faults: string[]) => void): Promise<void>;
}

/** Makes a vault (or takes the one that `prepare` puts there), runs the load once and keeps its log. */
export async function runLoggedLoad(
  library: string,
  plan: Omit<LoadPlan, 'folders' | 'marksFile'>,
  prepare: (folders: Folders) => Promise<unknown> = makeVault,
): Promise<LoggedLoad> {
  const folders = newFolders(RAM);
  mkdirSync(folders.spoolFolder, { recursive: true });
  await prepare(folders);
  const before = new Map(filesBelow(folders.root).map(({ path, bytes }) => [path, bytes]));
  const marksFile = join(folders.root, 'marks');
  const logFile = mkdtempSync(join(RAM, 'wardline-log-'));
  const env = {
    ...process.env,
    LD_PRELOAD: library,
    WARDLINE_LOG_ROOT: folders.root,
    WARDLINE_LOG_FILE: join(logFile, 'log'),
  };
  const { status, stderr } = spawnSync(process.execPath, [LOAD, JSON.stringify({ ...plan, folders, marksFile })], { env, encoding: 'utf8' }); // biome-ignore format: a call
  if (status !== 0) throw new Error(`the load ended with ${status}: ${stderr}`);
  const log = readLog(join(logFile, 'log'));
  rmSync(logFile, { recursive: true });
  return {
    folders,
    operations: log.length,
    cut: (count, random, onFault) => cutPower({ folders, before, marksFile, log, count, random, onFault }),
    [Symbol.dispose]: () => folders[Symbol.dispose](),
  };
}

interface Cutting {
  readonly folders: Folders;
  readonly before: ReadonlyMap<string, Buffer>;
  readonly marksFile: string;
  readonly log: ReturnType<typeof readLog>;
  readonly count: number;
  readonly random: Seeded;
  readonly onFault: (where: string, faults: string[]) => void;
}

async function cutPower({ folders, before, marksFile, log, count, random, onFault }: Cutting): Promise<void> {
  const disk = new CutDisk(folders.root, before, log, marksFile);
  const moments = Array.from({ length: count }, () => random.below(log.length + 1)).sort((a, b) => a - b);
  for (const [index, moment] of moments.entries()) {
    disk.advance(moment);
    const leftovers = LEFTOVERS[index % LEFTOVERS.length]!;
    using found = newFolders(RAM);
    disk.rebuild(found.root, leftovers, random);
    const faults = await findFaults(found, readMarks(disk.marks));
    if (faults.length > 0)
      onFault(`cut before operation ${moment} of ${log.length}, ${leftovers} of the unsynced`, faults);
  }
}

/** The oldest vault that was ever released, and the marks of what it holds. */
export async function takeOldVault(folders: Folders): Promise<void> {
  const fixture = join(import.meta.dirname, '../fixtures/vault-v1');
  const take = ({ root }: Folders) => {
    for (const name of ['data', 'keys']) cpSync(join(fixture, name), join(root, name), { recursive: true });
  };
  take(folders);
  using looked = newFolders();
  take(looked);
  await using vault = await openVault(looked);
  const { rows } = await vault.ask('calls.page', { caller: CALLER, page: { limit: 100 } });
  const { messageId, messageSeed, recordingId, recordingSeed } = JSON.parse(
    readFileSync(join(fixture, 'expected.json'), 'utf8'),
  ) as Record<string, string>;
  const marks = [
    ...rows.flatMap(({ callId }) => [`calling ${callId}`, `called ${callId}`]),
    ...[`opened ${messageId} ${messageSeed}`, `closed ${messageId} ${1_200 * 8} complete`],
    ...[`opened ${recordingId} ${recordingSeed}`, `closed ${recordingId} ${400 * 8} complete`],
  ];
  writeFileSync(join(folders.root, 'marks'), `${marks.join('\n')}\n`);
}
