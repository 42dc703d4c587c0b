// `npm run prove:vault`: a bare machine made whole by the README's lines, timed; ten rounds of live rotation; then a thousand kill -9 and some thousand power cuts of a loaded vault, every fifth load one that is brought up to date from the first format. Goes on where it was stopped; each try has
// its own seed, printed when it finds something. Options: --kills 1000 --cuts 4000 --minutes 60 --fresh --install (`npm ci` too)
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { killOnce } from '../../test/support/kill-load.ts';
import { rotateLive } from '../../test/support/live-rotation.ts';
import { buildWriteLog, RAM, runLoggedLoad, takeOldVault } from '../../test/support/power-cut.ts';
import { seeded } from '../../test/support/seeded.ts';
import { newFolders } from '../../test/support/vault-bench.ts';
import { proveBareMachine } from './bare-machine.ts';

interface State {
  readonly base: number;
  kills: number;
  cuts: number;
  faults: string[];
}

const LIVE_ROUNDS = 10;
/** Cuts of one recorded load. */
const CUTS_A_LOAD = 100;
const { values } = parseArgs({
  options: {
    ...{ kills: { type: 'string', default: '1000' }, cuts: { type: 'string', default: '4000' } },
    ...{ minutes: { type: 'string', default: '60' }, fresh: { type: 'boolean', default: false } },
    install: { type: 'boolean', default: false },
  },
});
const stateFile = join(import.meta.dirname, '../../node_modules/.cache/prove-vault.json');
const folder = mkdtempSync(join(RAM, 'wardline-prove-'));
const end = performance.now() + Number(values.minutes) * 60_000;
const state = readState();
try {
  state.faults.push(...(await proveBareMachine(values.install)));
  await proveLiveRotation();
  await proveCuts(Number(values.cuts));
  await proveKills(Number(values.kills));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const isDone = state.kills >= Number(values.kills) && state.cuts >= Number(values.cuts);
console.log(
  `${state.kills} kills and ${state.cuts} power cuts, ${state.faults.length} faults${isDone ? '' : '; run it again to go on'}`,
);
for (const fault of state.faults.slice(0, 20)) console.log(`  ${fault}`);
process.exitCode = state.faults.length > 0 ? 1 : isDone ? 0 : 2;

/** Every way in comes, goes and is replaced, again and again, beside twenty calls and whoever reads. */
async function proveLiveRotation(): Promise<void> {
  using folders = newFolders(RAM);
  const { faults, reads } = await rotateLive(folders, { calls: 20, rounds: LIVE_ROUNDS });
  console.log(`${LIVE_ROUNDS} rounds of rotation beside 20 calls and ${reads} reads, ${faults.length} faults`);
  state.faults.push(...faults.map((fault) => `live rotation: ${fault}`));
}

async function proveCuts(count: number): Promise<void> {
  const library = buildWriteLog(folder);
  if (library === undefined) return void console.log('No C compiler (cc) here: power cuts are NOT tried.');
  while (state.cuts < count && performance.now() < end) {
    const random = seeded(state.base + 1_000_000 + state.cuts);
    const backupTo = join(folder, `backup-${state.cuts}`);
    const isMigration = state.cuts % 500 === 400;
    const plan = { calls: 20, milliseconds: 4_000, backupTo, rotates: state.cuts % 300 === 0 };
    using load = isMigration
      ? await runLoggedLoad(library, { calls: 4, milliseconds: 300 }, takeOldVault)
      : await runLoggedLoad(library, plan);
    await load.cut(CUTS_A_LOAD, random, (where, faults) =>
      state.faults.push(`seed ${random.seed}: ${where}: ${faults.join('; ')}`),
    );
    rmSync(backupTo, { recursive: true, force: true });
    state.cuts += CUTS_A_LOAD;
    save();
  }
}

async function proveKills(count: number): Promise<void> {
  while (state.kills < count && performance.now() < end) {
    const random = seeded(state.base + state.kills);
    const faults = await killOnce(random, RAM);
    if (faults.length > 0) state.faults.push(`seed ${random.seed}: kill: ${faults.join('; ')}`);
    state.kills++;
    save();
  }
}

function readState(): State {
  const fresh: State = { base: Date.now() % 1_000_000_007, kills: 0, cuts: 0, faults: [] };
  return values.fresh || !existsSync(stateFile) ? fresh : (JSON.parse(readFileSync(stateFile, 'utf8')) as State);
}

function save(): void {
  if (process.stderr.isTTY)
    process.stderr.write(`\r\x1b[2K${state.cuts} cuts, ${state.kills} kills, ${state.faults.length} faults`);
  mkdirSync(dirname(stateFile), { recursive: true });
  writeFileSync(stateFile, JSON.stringify(state));
}
