// Drills by themselves: due once a week and at night, on record, an alarm when one fails; and rules of single mailboxes and queues.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { backupChecks, memoryChecks } from '../../src/ops/doctor/vault-checks.ts';
import { runOnThread } from '../../src/vault/backup/drill-worker.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { type BenchVault, CALLER, captureAll, LOCAL, makeVault, newFolders, openVault, sampleCdr, tone, voicemailHeader } from '../support/vault-bench.ts'; // biome-ignore format: one import

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const page = { limit: 50 };

/** Time passes half an hour at a time, and what is begun then is done. */
async function pass(vault: BenchVault, clock: ManualClock, hours: number): Promise<void> {
  for (let half = 0; half < hours * 2; half++) {
    clock.advance(HOUR_MS / 2);
    await vault.inner.idle();
  }
}

t.test('a drill is held every week, and is an alarm when it fails, until one succeeds', async (t) => {
  using folders = newFolders('/dev/shm');
  const clock = new ManualClock();
  await makeVault(folders, clock);
  const target = join(folders.root, 'backup');
  await using vault = await openVault(folders, { clock });
  const notices: string[] = [];
  using _ = vault.onNotice(({ type }) => notices.push(type));
  t.match(await backupChecks(vault), [{ name: 'backup', verdict: 'warning', sentence: /Nothing is backed up/ }]);
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  await vault.ask('backup.create', { caller: CALLER, target });
  t.match(await vault.ask('drill.get', {}), { everyDays: 7, last: undefined });
  await pass(vault, clock, 6 * 24);
  t.equal((await vault.ask('drill.get', {})).last, undefined, 'not yet');
  await pass(vault, clock, 2 * 24);
  const first = (await vault.ask('drill.get', {})).last;
  t.match(first, { from: target, problems: [], calls: 1, isLocked: false });
  t.match(await backupChecks(vault), [{ verdict: 'ok' }, { verdict: 'ok' }, { name: 'drill', verdict: 'ok' }]);
  t.notOk(existsSync(join(folders.dataFolder, 'drill')), 'nothing of it stays');
  t.same(
    readdirSync(folders.spoolFolder).filter((name) => name.startsWith('drill-keys')),
    [],
  );

  await vault.ask('drill.schedule', { caller: CALLER, everyDays: 1 });
  const bundle = readdirSync(target).find((name) => name.startsWith('rows-')) ?? '';
  const bytes = readFileSync(join(target, bundle));
  bytes[bytes.length - 1]! ^= 1; // a file of another size would be written anew by the next run
  writeFileSync(join(target, bundle), bytes);
  await pass(vault, clock, 47);
  t.match(await vault.ask('status', {}), { problems: [/The last drill failed: The file rows-.* was changed/] });
  t.ok(notices.includes('drill.failed'));
  t.match((await backupChecks(vault)).at(-1), { name: 'drill', verdict: 'problem' });
  const [{ id: targetId } = { id: '' }] = (await vault.ask('backup.status', {})).targets;
  await vault.ask('backup.forget', { caller: CALLER, targetId });
  rmSync(target, { recursive: true });
  await vault.ask('backup.create', { caller: CALLER, target });
  await pass(vault, clock, 47);
  t.match(await vault.ask('status', {}), { problems: [] });

  await vault.ask('drill.schedule', { caller: CALLER, everyDays: null });
  const { at } = (await vault.ask('drill.get', {})).last ?? { at: 0 };
  await pass(vault, clock, 72);
  t.equal((await vault.ask('drill.get', {})).last?.at, at, 'by command alone');
  const trail = await vault.ask('audit.search', { caller: CALLER, filter: { action: 'drill-run' }, page });
  t.ok(trail.rows.some(({ outcome }) => outcome === 'failed') && trail.rows.some(({ outcome }) => outcome === 'ok'));
  await t.rejects(vault.ask('drill.schedule', { caller: CALLER, everyDays: 0 }), { code: 'bad-rule' });
  const report = { ...first!, problems: ['by hand'] };
  await vault.ask('drill.report', { caller: LOCAL, report });
  t.match(await vault.ask('status', {}), { problems: [/by hand/] });
});

t.test('a mailbox or a queue has a rule of its own, longer or shorter than the common one', async (t) => {
  using folders = newFolders('/dev/shm');
  const clock = new ManualClock();
  await makeVault(folders, clock);
  const left = async (vault: BenchVault, mailbox: string, kind: 'voicemail' | 'recording' = 'voicemail') => {
    const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader({ mailbox, kind }) });
    await captureAll(vault, artifactId, tone(300), clock);
    await vault.ask('artifact.close', { artifactId, keep: true });
    return artifactId;
  };
  const rules = { voicemail: 30, places: { '1001': 10, '1002': null, '500': 5 } };
  const ids: Record<string, string> = {};
  {
    await using vault = await openVault(folders, { clock });
    for (const mailbox of ['1001', '1002', '1003']) ids[mailbox] = await left(vault, mailbox);
    ids.queue = await left(vault, '500', 'recording');
    ids.recording = await left(vault, '', 'recording');
    for (const places of [{ 'front desk': 3 }, { '1001': 0 }]) {
      await t.rejects(vault.ask('retention.set', { caller: CALLER, rules: { places } }), { code: 'bad-rule' });
    }
    await vault.ask('retention.set', { caller: CALLER, rules });
    t.same((await vault.ask('retention.get', {})).rules, rules);
  }
  const after = async (days: number) => {
    clock.advance(days * DAY_MS);
    await using vault = await openVault(folders, { clock });
    clock.advance(6 * 60_000);
    const kinds = ['voicemail', 'recording'] as const;
    const pages = kinds.map((kind) => vault.ask('artifacts.page', { caller: CALLER, kind, page }));
    const rows = (await Promise.all(pages)).flatMap((each) => each.rows).map(({ id }) => id as string);
    return Object.keys(ids)
      .filter((name) => rows.includes(ids[name] ?? ''))
      .sort();
  };
  t.same(await after(6), ['1001', '1002', '1003', 'recording'], "the queue's five days are over");
  t.same(await after(5), ['1002', '1003', 'recording'], 'so are the ten of 1001');
  t.same(await after(30), ['1002', 'recording'], 'the common rule takes 1003, and 1002 is kept');
});

t.test("doctor says of the vault's memory what Linux says", async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  await using vault = await openVault(folders);
  const { swappedKb, coreLimit, hasReports } = await vault.ask('memory', {});
  t.ok(swappedKb >= 0);
  t.match(coreLimit, /^(\d+|unlimited)$/);
  t.equal(hasReports, false);
  const answers = (answer: object) => ({ ask: async () => answer }) as unknown as BenchVault;
  const verdicts = async (answer: object) => (await memoryChecks(answers(answer))).map(({ verdict }) => verdict);
  t.same(await verdicts({ swappedKb: 0, coreLimit: '0', hasReports: false }), ['ok', 'ok']);
  t.same(await verdicts({ swappedKb: 4, coreLimit: 'unlimited', hasReports: true }), ['problem', 'problem', 'problem']);
});

t.test('a drill on a thread of its own finds the same, and says why it cannot', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  await using vault = await openVault(folders);
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  const target = join(folders.root, 'backup');
  await vault.ask('backup.create', { caller: CALLER, target });
  const unlock = { slot: 'key-file', secret: readFileSync(folders.keyFile, 'utf8') } as const;
  const task = { scratch: folders.root, unlock, caller: CALLER };
  t.match(await runOnThread({ ...task, from: target }), { problems: [], calls: 1, isLocked: false });
  await t.rejects(runOnThread({ ...task, from: join(folders.root, 'nothing') }), { code: 'backup-missing' });
});
