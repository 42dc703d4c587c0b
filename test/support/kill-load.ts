// One plain kill -9 of a loaded vault at a moment of chance, and what was wrong after it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Seeded } from './seeded.ts';
import { type Folders, makeVault, newFolders } from './vault-bench.ts';
import { findFaults, readMarks } from './vault-evidence.ts';
import type { LoadPlan } from './vault-load.ts';

const LOAD = join(import.meta.dirname, 'vault-load.ts');
const MAX_RUN_MS = 1_200;

/** Starts a load in a new vault, kills it within a second or so and answers the faults; none is how it must be. */
export async function killOnce(random: Seeded, parent: string): Promise<string[]> {
  using folders = newFolders(parent);
  await makeVault(folders);
  const marksFile = join(folders.root, 'marks');
  const plan: LoadPlan = { folders: plainFolders(folders), marksFile, calls: 6, milliseconds: 60_000 };
  const child = spawn(process.execPath, [LOAD, JSON.stringify(plan)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (text: Buffer) => {
    complaint += text.toString();
  });
  const exited = once(child, 'exit');
  while (!existsSync(marksFile) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, random.below(MAX_RUN_MS)));
  child.kill('SIGKILL');
  await exited;
  if (complaint !== '') return [complaint];
  return await findFaults(folders, readMarks(readFileSync(marksFile, 'utf8')));
}

function plainFolders({ root, dataFolder, keyFile, headsFile, spoolFolder }: Folders): Folders {
  return { root, dataFolder, keyFile, headsFile, spoolFolder };
}
