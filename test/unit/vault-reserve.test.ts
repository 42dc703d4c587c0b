// A disk that fills up: what was set aside lets the vault start and write its small things; recordings stop, say so, and go on when there is room.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { CaptureSealer } from '../../src/seal/capture-sealer.ts';
import { RESERVE_BYTES, Reserve } from '../../src/vault/store/reserve.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { CALLER, makeVault, newFolders, openVault, sampleCdr, tone, voicemailHeader } from '../support/vault-bench.ts';

t.test('room is set aside, given up on a full disk, and set aside again', async (t) => {
  using folders = newFolders('/dev/shm');
  const clock = new ManualClock();
  await makeVault(folders, clock);
  const path = join(folders.dataFolder, 'vault.reserve');
  let free = 1e9;
  const reserve = new Reserve(folders.dataFolder, () => free);
  await using vault = await openVault(folders, { clock, reserve });
  t.equal(statSync(path).size, RESERVE_BYTES);
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  const { intake } = vault.inner;
  const sealer = new CaptureSealer(artifactId, intake.begin(artifactId));
  free = 1e6;
  clock.advance(60_000);
  t.notOk(existsSync(path), 'the disk is full');
  free += RESERVE_BYTES;
  await t.rejects(vault.ask('artifact.open', { header: voicemailHeader() }), { code: 'disk-full' });
  const [first] = sealer.write(tone(500), 0);
  if (first?.type !== 'intake.segment') throw new Error('a recording begins with a segment');
  await t.rejects(intake.segment(first.ask, first.body), { code: 'vault-write-failed' });
  t.match(await vault.ask('artifact.close', { artifactId, keep: true, failure: 'full' }), { state: 'failed' });
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  t.match(await vault.ask('status', {}), {
    counts: { calls: 1 },
    problems: [/^The disk is full: nothing is recorded/],
  });
  const { rows } = await vault.ask('audit.page', { caller: CALLER, page: { limit: 10 } });
  t.equal(rows.filter(({ action }) => action === 'recording-failed').length, 2);
  free = 1e9;
  clock.advance(60_000);
  t.ok(existsSync(path));
  t.match(await vault.ask('status', {}), { problems: [] });
  await t.resolves(vault.ask('artifact.open', { header: voicemailHeader() }));
});

t.test('a start on a full disk gives it up first', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  const path = join(folders.dataFolder, 'vault.reserve');
  new Reserve(folders.dataFolder, () => 1e9).look();
  t.ok(existsSync(path));
  await using vault = await openVault(folders, { reserve: new Reserve(folders.dataFolder, () => 0) });
  t.notOk(existsSync(path));
  t.equal((await vault.ask('status', {})).problems.length, 1);
});
