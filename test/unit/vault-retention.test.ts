// Retention: what is past its rule is destroyed down to the month's key, what is held stays, and the trail says so.

import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import type { ArtifactId, CallId } from '../../src/kernel/id.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { type BenchVault, CALLER, CANARY_NUMBER, captureAll, type Folders, makeVault, newFolders, openVault, sampleCdr, tone, voicemailHeader } from '../support/vault-bench.ts'; // biome-ignore format: one import

const DAY_MS = 24 * 3_600_000;
const page = { limit: 50 };

async function leaveMessage(vault: BenchVault, clock: ManualClock): Promise<ArtifactId> {
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(1_000), clock);
  await vault.ask('artifact.close', { artifactId, keep: true });
  return artifactId;
}

/** Time passes while the vault is down, a month at most without a look; then its first sweep has its turn. */
async function reopenAfter(folders: Folders, clock: ManualClock, days: number): Promise<BenchVault> {
  let left = days;
  for (; left > 30; left -= 30) {
    clock.advance(30 * DAY_MS);
    await using _ = await openVault(folders, { clock });
  }
  clock.advance(left * DAY_MS);
  const vault = await openVault(folders, { clock });
  clock.advance(6 * 60_000);
  return vault;
}

t.test('what is past its rule goes, what is younger or held stays, and the emptied month loses its key', async (t) => {
  using folders = newFolders();
  const clock = new ManualClock();
  await makeVault(folders, clock);
  const call = sampleCdr();
  let old: ArtifactId;
  let held: ArtifactId;
  {
    await using vault = await openVault(folders, { clock });
    old = await leaveMessage(vault, clock);
    held = await leaveMessage(vault, clock);
    await vault.ask('cdr.put', { cdr: { ...call, artifacts: [held] } });
    await vault.ask('cdr.put', { cdr: sampleCdr() });
    const { holdId } = await vault.ask('hold.place', { caller: CALLER, subject: call.callId, reason: 'case 7' });
    t.match(await vault.ask('hold.list', {}), { holds: [{ id: holdId, subjects: [call.callId, held] }] });
    await t.rejects(vault.ask('artifact.dispose', { caller: CALLER, artifactId: held }), { code: 'on-hold' });
    await t.rejects(vault.ask('hold.place', { caller: CALLER, subject: 'nothing', reason: '' }), {
      code: 'artifact-unknown',
    });
    await t.rejects(vault.ask('retention.set', { caller: CALLER, rules: { cdr: 0 } }), { code: 'bad-rule' });
    await vault.ask('retention.set', { caller: CALLER, rules: { cdr: 30, voicemail: 30, recording: null } });
  }
  let young: ArtifactId;
  {
    await using vault = await reopenAfter(folders, clock, 29);
    t.equal((await vault.ask('calls.page', { caller: CALLER, page })).rows.length, 2, 'not yet');
    young = await leaveMessage(vault, clock);
  }
  {
    await using vault = await reopenAfter(folders, clock, 2);
    const { rows } = await vault.ask('artifacts.page', { caller: CALLER, kind: 'voicemail', page });
    t.same(rows.map(({ id }) => id), [young, held]); // biome-ignore format: short
    const calls = await vault.ask('calls.page', { caller: CALLER, page, number: CANARY_NUMBER });
    t.same(calls.rows.map(({ callId }) => callId as CallId), [call.callId], 'the held call stays'); // biome-ignore format: short
    t.same(await vault.ask('mailbox.counts', { mailbox: '1001' }), { unread: 2, read: 0 });
    const { rows: entries } = await vault.ask('audit.page', { caller: CALLER, page });
    const said = entries.find(({ action }) => action === 'artifact-disposed');
    t.ok(
      said?.rows.some(({ row, hash }) => row === old && hash === undefined),
      'the entry names what went',
    );
    for (const { id } of (await vault.ask('hold.list', {})).holds)
      await vault.ask('hold.release', { caller: CALLER, holdId: id });
  }
  {
    await using vault = await reopenAfter(folders, clock, 90);
    t.equal((await vault.ask('artifacts.page', { caller: CALLER, kind: 'voicemail', page })).rows.length, 0);
    t.same((await vault.ask('status', {})).problems, []);
    t.equal((await vault.ask('audit.verify', { caller: CALLER })).ok, true);
    const { rows: entries } = await vault.ask('audit.page', { caller: CALLER, page });
    t.ok(entries.some(({ action }) => action === 'epoch-destroyed'));
    await t.resolves(leaveMessage(vault, clock), 'and captures go on');
  }
  {
    await using vault = await openVault(folders, { clock });
    t.same((await vault.ask('status', {})).problems, [], 'a destroyed month is no damage');
  }
  const db = new SqliteDatabase(join(folders.dataFolder, 'vault.db'), { readonly: true });
  const left = db.prepare("SELECT count(*) FROM epochs WHERE class = 'voicemail' AND secret IS NOT NULL").pluck().get();
  const keys = db.prepare("SELECT count(*) FROM record_keys WHERE owner IN ('artifacts', 'segments')").pluck().get();
  db.close();
  t.same([left, keys], [1, 2], 'only the key of today and of the newest message are left');
});

t.test('a hold on a message that is being left keeps it, also when its caller throws it away', async (t) => {
  using folders = newFolders('/dev/shm');
  const clock = new ManualClock();
  await makeVault(folders, clock);
  await using vault = await openVault(folders, { clock });
  const begin = async () => {
    const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
    await captureAll(vault, artifactId, tone(500), clock);
    return artifactId;
  };
  const [held, free] = [await begin(), await begin()];
  await vault.ask('hold.place', { caller: CALLER, subject: held, reason: 'litigation' });
  for (const artifactId of [held, free]) await vault.ask('artifact.close', { artifactId, keep: false });
  const { rows } = await vault.ask('artifacts.page', { caller: CALLER, kind: 'voicemail', page });
  t.same(rows.map(({ id }) => id), [held]); // biome-ignore format: short
  const search = { caller: CALLER, filter: { subject: held }, page };
  const trail = (await vault.ask('audit.search', search)).rows;
  t.ok(trail.some(({ action, outcome, detail }) => action === 'artifact-disposed' && outcome === 'refused' && detail === 'on hold'), 'the trail says so'); // biome-ignore format: one look
});

t.test('a hold on everything stops all of it', async (t) => {
  using folders = newFolders();
  const clock = new ManualClock();
  await makeVault(folders, clock);
  {
    await using vault = await openVault(folders, { clock });
    await leaveMessage(vault, clock);
    await vault.ask('retention.set', { caller: CALLER, rules: { voicemail: 1 } });
    await vault.ask('hold.place', { caller: CALLER, subject: 'everything', reason: 'litigation' });
  }
  await using vault = await reopenAfter(folders, clock, 100);
  t.equal((await vault.ask('artifacts.page', { caller: CALLER, kind: 'voicemail', page })).rows.length, 1);
});
