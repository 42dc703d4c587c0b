// A clock that is set forward or back, while the vault runs or is off, destroys nothing before its time and stops nothing for good.
import { join } from 'node:path';
import t from 'tap';
import { ManualClock } from '../support/manual-clock.ts';
import { type BenchVault, CALLER, type Folders, makeVault, newFolders, openVault, sampleCdr } from '../support/vault-bench.ts'; // biome-ignore format: one import

const DAY_MS = 24 * 3_600_000;
const YEAR_MS = 365 * DAY_MS;

async function begin(rules = { cdr: 30 }): Promise<{ folders: Folders & Disposable; clock: ManualClock }> {
  const folders = newFolders('/dev/shm');
  const clock = new ManualClock();
  await makeVault(folders, clock);
  await using vault = await openVault(folders, { clock });
  await vault.ask('retention.set', { caller: CALLER, rules });
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  return { folders, clock };
}

const callsOf = async (vault: BenchVault) => (await vault.ask('status', {})).counts.calls;
/** Of a clock that stands before what the trail has seen. */
const AHEAD = /^The clock stands before .*vault retention set/;
const problemsOf = async (vault: BenchVault) => (await vault.ask('status', {})).problems;

/** Some sweeps have their turn. */
function sweep(clock: ManualClock): void {
  for (let turn = 0; turn < 2; turn++) clock.advance(61 * 60_000);
}

/** The vault is off for so many days, starts, and has so many calls left when it has swept. */
async function later(folders: Folders, clock: ManualClock, days: number, left: number, message = ''): Promise<void> {
  clock.advance(days * DAY_MS);
  await using vault = await openVault(folders, { clock });
  sweep(clock);
  t.equal(await callsOf(vault), left, message);
}

t.test('set forward while it runs: nothing is destroyed until somebody sets a rule again', async (t) => {
  const { folders, clock } = await begin();
  using _ = folders;
  await using vault = await openVault(folders, { clock });
  sweep(clock);
  clock.leap(40 * DAY_MS);
  sweep(clock);
  t.equal(await callsOf(vault), 1);
  t.match(await problemsOf(vault), [/^The clock leapt forward; nothing is destroyed/]);
  await vault.ask('retention.set', { caller: CALLER, rules: { cdr: 30 } });
  t.same(await problemsOf(vault), []);
  sweep(clock);
  t.equal(await callsOf(vault), 0, 'then what is past its rule goes');
});

t.test('set forward and back: nothing was destroyed, and the rules go on by themselves', async (t) => {
  const { folders, clock } = await begin();
  using _ = folders;
  {
    await using vault = await openVault(folders, { clock });
    clock.leap(YEAR_MS);
    sweep(clock);
    await vault.ask('cdr.put', { cdr: sampleCdr() }); // written in the wrong year
    clock.leap(-YEAR_MS);
    sweep(clock);
    t.match(await problemsOf(vault), [AHEAD], 'what was written meanwhile is named');
    await vault.ask('cdr.put', { cdr: sampleCdr() });
  }
  clock.advance(30.5 * DAY_MS);
  {
    await using vault = await openVault(folders, { clock });
    sweep(clock);
    t.equal(await callsOf(vault), 1, 'the one of the wrong year hides none of those behind it');
    t.match(await problemsOf(vault), [AHEAD]);
    await vault.ask('retention.set', { caller: CALLER, rules: { cdr: 30 } });
    t.same(await problemsOf(vault), [], 'somebody says that the clock is right now');
    const { rows } = await vault.ask('calls.page', { caller: CALLER, page: { limit: 1 } });
    const { keptUntil } = await vault.ask('call.get', { caller: CALLER, callId: rows[0]!.callId });
    t.equal(keptUntil, clock.now() + 30 * DAY_MS, 'its days count from then, and people are told');
  }
  await later(folders, clock, 29.5, 1, 'nothing goes before its time');
  await later(folders, clock, 1, 0);
});

t.test('years ahead, and believed by somebody: what was written then goes by its rule in the end', async (t) => {
  const { folders, clock } = await begin();
  using _ = folders;
  {
    await using vault = await openVault(folders, { clock });
    clock.leap(10 * YEAR_MS);
    sweep(clock);
    await vault.ask('retention.set', { caller: CALLER, rules: { cdr: 9_000 } });
    await vault.ask('cdr.put', { cdr: sampleCdr() });
    clock.leap(-10 * YEAR_MS);
    sweep(clock);
    t.match(await problemsOf(vault), [AHEAD]);
    await vault.ask('cdr.put', { cdr: sampleCdr() });
    await vault.ask('retention.set', { caller: CALLER, rules: { cdr: 30 } });
    t.same(await problemsOf(vault), []);
    clock.leap(2 * YEAR_MS);
    sweep(clock);
    t.match(await problemsOf(vault), [/^The clock leapt forward/], 'the next leap is noticed again');
    clock.leap(-2 * YEAR_MS);
    sweep(clock);
    t.same(await problemsOf(vault), [], 'no call was written meanwhile: there is nothing to look at');
  }
  await later(folders, clock, 29.5, 3);
  await later(folders, clock, 1, 0);
});

t.test('a clock that is behind for weeks is noted once, and what was taken first keeps its days', async (t) => {
  const { folders, clock } = await begin();
  using _ = folders;
  clock.leap(-20 * YEAR_MS);
  await using vault = await openVault(folders, { clock });
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  for (let hour = 0; hour < 120; hour++) clock.advance(3_600_000);
  const filter = { action: 'retention-changed' } as const;
  const { rows } = await vault.ask('audit.search', { caller: CALLER, filter, page: { limit: 100 } });
  t.equal(rows.filter(({ detail }) => detail === 'the clock was set back').length, 1);
  t.match(await problemsOf(vault), [AHEAD], 'and is named while it is so');
  clock.leap(20 * YEAR_MS);
  sweep(clock);
  t.equal(await callsOf(vault), 2);
  t.same(await problemsOf(vault), []);
});

t.test('set forward while it was off', async (t) => {
  const { folders, clock } = await begin();
  using _ = folders;
  clock.leap(40 * DAY_MS);
  {
    await using vault = await openVault(folders, { clock });
    sweep(clock);
    t.equal(await callsOf(vault), 1);
    t.equal((await problemsOf(vault)).length, 1);
  }
  clock.leap(-40 * DAY_MS);
  await using vault = await openVault(folders, { clock });
  t.same(await problemsOf(vault), [], 'the clock is right again');
});

t.test('a box whose clock begins in the past and is set right keeps what it took meanwhile', async (t) => {
  const { folders, clock } = await begin();
  using _ = folders;
  clock.leap(-20 * YEAR_MS);
  {
    await using vault = await openVault(folders, { clock });
    await vault.ask('cdr.put', { cdr: sampleCdr() });
    sweep(clock);
    clock.leap(20 * YEAR_MS);
    sweep(clock);
    t.equal(await callsOf(vault), 2);
    t.same(await problemsOf(vault), []);
  }
  for (const [days, left] of [
    [29, 2],
    [1.5, 0],
  ] as const) {
    clock.advance(days * DAY_MS);
    await using vault = await openVault(folders, { clock });
    sweep(clock);
    t.equal(await callsOf(vault), left, 'its time comes, and not before');
  }
});

t.test('a backup that was made while the clock was ahead does not keep the next ones away', async (t) => {
  const { folders, clock } = await begin();
  using _ = folders;
  const target = join(folders.root, 'backup');
  await using vault = await openVault(folders, { clock });
  clock.leap(YEAR_MS);
  await vault.ask('backup.create', { caller: CALLER, target });
  clock.leap(-YEAR_MS);
  clock.advance(16 * 60_000);
  const isNew = async () => ((await vault.ask('backup.status', {})).targets[0]?.lastAt ?? 0) <= clock.now();
  for (let turn = 0; turn < 500 && !(await isNew()); turn++) await new Promise((next) => setImmediate(next));
  t.ok(await isNew());
});
