// The vault's side of the intake: resending does no harm, what does not fit is refused, a disk that does not write fails the recording.
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import type { ArtifactId } from '../../src/kernel/id.ts';
import { CaptureSealer, type SealedFrame } from '../../src/seal/capture-sealer.ts';
import { ManualClock } from '../support/manual-clock.ts';
import {
  type BenchVault,
  CALLER,
  makeVault,
  newFolders,
  openVault,
  tone,
  voicemailHeader,
} from '../support/vault-bench.ts';

async function begin(vault: BenchVault): Promise<{ artifactId: ArtifactId; sealer: CaptureSealer }> {
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  return { artifactId, sealer: new CaptureSealer(artifactId, vault.inner.intake.begin(artifactId)) };
}

function send(vault: BenchVault, frames: readonly SealedFrame[]): Promise<unknown> {
  const { intake } = vault.inner;
  const sent = frames.map((frame) =>
    frame.type === 'intake.segment' ? intake.segment(frame.ask, frame.body) : intake.chunk(frame.ask, frame.body),
  );
  return Promise.all(sent);
}

t.test('frames sent twice, before and after their commit, are kept once', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  const { artifactId, sealer } = await begin(vault);
  const frames = [...sealer.write(tone(1_000), 0), ...sealer.end()];
  const first = send(vault, frames);
  await send(vault, frames);
  await first;
  await send(vault, frames);
  await vault.inner.intake.end(artifactId, sealer.chunks);
  t.match(await vault.ask('artifact.close', { artifactId, keep: true }), { state: 'complete', durationMs: 1_000 });
  const range = { caller: CALLER, artifactId, fromSample: 0, samples: 8_000, play: true };
  t.ok(Buffer.from((await vault.askForBytes('artifact.audio', range)).body).equals(Buffer.from(tone(1_000))));
});

t.test('what does not follow, is too long, or differs from what is kept is refused', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  const { sealer } = await begin(vault);
  const [segment, chunk, next] = sealer.write(tone(500), 0);
  const malformed = { code: 'intake-malformed' };
  await t.rejects(send(vault, [chunk!]), malformed, 'a chunk before its segment');
  await send(vault, [segment!]);
  await t.rejects(send(vault, [next!]), malformed, 'a chunk out of order');
  const { intake } = vault.inner;
  if (chunk?.type !== 'intake.chunk') throw new Error('the second frame is a chunk');
  await t.rejects(intake.chunk({ ...chunk.ask, samples: 1_999 }, chunk.body), malformed, 'a length that is not so');
  await t.rejects(intake.chunk({ ...chunk.ask, samples: 4_001 }, Buffer.alloc(4_018)), malformed, 'more than 500 ms');
  await t.rejects(intake.chunk({ ...chunk.ask, firstSample: 8_000 * 60 }, chunk.body), malformed, 'beyond 60 s');
  await send(vault, [chunk]);
  const other = Buffer.from(chunk.body);
  other[0]! ^= 1;
  await t.rejects(intake.chunk(chunk.ask, other), { code: 'chunk-differs' });
});

t.test('a writer that was restarted goes on in the next segment', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  const { artifactId, sealer } = await begin(vault);
  await send(vault, sealer.write(tone(1_000), 0));
  const { intake } = vault.inner;
  const second = new CaptureSealer(artifactId, intake.begin(artifactId));
  await send(vault, [...second.write(tone(1_000, 2), 12_000), ...second.end()]);
  await intake.end(artifactId, second.chunks);
  const closed = await vault.ask('artifact.close', { artifactId, keep: true });
  t.same(closed, { state: 'cut-off', durationMs: 2_500 }, 'the first segment has no end');
  const range = { caller: CALLER, artifactId, fromSample: 12_000, samples: 8_000, play: true };
  t.ok(Buffer.from((await vault.askForBytes('artifact.audio', range)).body).equals(Buffer.from(tone(1_000, 2))));
});

t.test('a database that cannot be written fails the recording and nothing else', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  const { artifactId, sealer } = await begin(vault);
  const other = new SqliteDatabase(join(folders.dataFolder, 'vault.db'));
  other.exec('BEGIN IMMEDIATE');
  await t.rejects(send(vault, sealer.write(tone(500), 0)), { code: 'vault-write-failed' });
  other.exec('ROLLBACK');
  other.close();
  await t.rejects(
    send(vault, sealer.write(tone(500), 4_000)),
    { code: 'vault-write-failed' },
    'it has failed for good',
  );
  const failure = 'the disk did not keep up';
  t.match(await vault.ask('artifact.close', { artifactId, keep: true, failure }), { state: 'failed' });
  const again = await begin(vault);
  await send(vault, [...again.sealer.write(tone(500), 0), ...again.sealer.end()]);
  await vault.inner.intake.end(again.artifactId, again.sealer.chunks);
  t.match(await vault.ask('artifact.close', { artifactId: again.artifactId, keep: true }), { state: 'complete' });
});

t.test('what a controller that died left open is closed by the vault itself', async (t) => {
  using folders = newFolders();
  const clock = new ManualClock();
  await makeVault(folders, clock);
  await using vault = await openVault(folders, { clock });
  const done = await begin(vault);
  const sent = send(vault, [...done.sealer.write(tone(500), 0), ...done.sealer.end()]);
  clock.advance(100);
  await sent;
  await vault.inner.intake.end(done.artifactId, done.sealer.chunks);
  const silent = await begin(vault);
  const stateOf = async (artifactId: ArtifactId) =>
    (await vault.ask('artifact.get', { caller: CALLER, artifactId })).state;
  clock.advance(60_000);
  t.equal(await stateOf(done.artifactId), 'open', 'a minute later it may still be closed in order');
  clock.advance(180_000);
  t.equal(await stateOf(done.artifactId), 'complete');
  t.equal(await stateOf(silent.artifactId), 'open', 'a paused recording may be silent for long');
  clock.advance(3 * 3_600_000);
  t.equal(await stateOf(silent.artifactId), 'cut-off');
});

t.test('a message takes hardly more of the disk than its audio', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  using disk = {
    db: new SqliteDatabase(join(folders.dataFolder, 'vault.db'), { readonly: true }),
    [Symbol.dispose]: () => disk.db.close(),
  };
  const bytes = () =>
    Number(disk.db.pragma('page_count', { simple: true })) * Number(disk.db.pragma('page_size', { simple: true }));
  const before = bytes();
  const audio = tone(240_000);
  const { sealer } = await begin(vault);
  await send(vault, [...sealer.write(audio, 0), ...sealer.end()]);
  const ratio = (bytes() - before) / audio.length;
  t.ok(ratio > 1 && ratio < 1.2, `${ratio.toFixed(2)} bytes a byte of audio`);
});
