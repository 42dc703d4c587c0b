// The capturing side: chunks of at most 240 ms, segments of at most 60 s that end in FINAL, a queue that outlives the vault's restart.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { LinkServer } from '../../src/ipc/server.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { WardlineError } from '../../src/kernel/errors.ts';
import { CaptureSealer, CHUNK_MS, type SealedFrame } from '../../src/seal/capture-sealer.ts';
import type { ChunkAsk, IntakeGrant } from '../../src/seal/intake.ts';
import { connectIntake } from '../../src/seal/intake-client.ts';
import { SegmentOpener, SegmentSealer } from '../../src/seal/segment.ts';
import { sodium } from '../../src/seal/sodium.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { tone } from '../support/vault-bench.ts';

const ARTIFACT = 'a'.repeat(26);
const pair = sodium.crypto_box_keypair();

function grant(overrides: Partial<IntakeGrant> = {}): IntakeGrant {
  const publicKey = Buffer.from(pair.publicKey).toString('base64');
  return {
    epoch: 'voicemail-2026-01-1',
    publicKey,
    encoding: 'ulaw-8000',
    channels: 1,
    nextSegment: 0,
    nextSample: 0,
    ...overrides,
  };
}

/** Opens what was sealed, as the vault would with records unlocked. */
function openAll(frames: readonly SealedFrame[], { encoding, channels }: IntakeGrant) {
  const chunks: { ask: ChunkAsk; audio: Uint8Array }[] = [];
  let opener: SegmentOpener | undefined;
  for (const { type, ask, body } of frames) {
    if (type === 'intake.segment') {
      const key = sodium.crypto_box_seal_open(body.subarray(0, 80), pair.publicKey, pair.privateKey);
      opener = new SegmentOpener(key, body.subarray(80));
      continue;
    }
    const audio = opener?.open(body, { ...ask, encoding, channels });
    if (audio === undefined) throw new Error(`chunk ${ask.segment}/${ask.chunk} does not open`);
    chunks.push({ ask, audio });
  }
  return chunks;
}

t.test('packets become chunks of 240 ms and one segment, whose last one ends the artifact', async (t) => {
  const sealer = new CaptureSealer(ARTIFACT, grant());
  const audio = tone(1_100);
  const frames: SealedFrame[] = [];
  for (let at = 0; at < audio.length; at += 160) frames.push(...sealer.write(audio.subarray(at, at + 160), at));
  frames.push(...sealer.end());
  const chunks = openAll(frames, grant());
  t.same(
    chunks.map(({ ask }) => ask.samples),
    [1_920, 1_920, 1_920, 1_920, 1_120],
  );
  t.same(
    chunks.map(({ ask }) => ask.ends),
    [0, 0, 0, 0, 2],
  );
  t.ok(Buffer.concat(chunks.map((chunk) => chunk.audio)).equals(Buffer.from(audio)));
});

t.test('two channels of wideband count samples per channel', async (t) => {
  const wide = grant({ encoding: 'l16-16000', channels: 2 });
  const sealer = new CaptureSealer(ARTIFACT, wide);
  const audio = tone(2_000).subarray(0, 15_360); // 240 ms of four bytes a sample
  const chunks = openAll([...sealer.write(audio, 0), ...sealer.end()], wide);
  t.same(
    chunks.map(({ ask }) => ask.samples),
    [3_840, 0],
  );
});

t.test('no segment spans more than 60 s, a gap included', async (t) => {
  const sealer = new CaptureSealer(ARTIFACT, grant());
  const frames = [...sealer.write(tone(130_000), 0)];
  frames.push(...sealer.write(tone(1_000), 8_000 * 300), ...sealer.end());
  const chunks = openAll(frames, grant());
  const spans = new Map<number, { first: number; last: number; finals: number }>();
  for (const { ask } of chunks) {
    const span = spans.get(ask.segment) ?? { first: ask.firstSample, last: 0, finals: 0 };
    span.last = Math.max(span.last, ask.firstSample + ask.samples);
    span.finals += ask.ends === 0 ? 0 : 1;
    spans.set(ask.segment, span);
  }
  t.equal(spans.size, 4);
  for (const { first, last, finals } of spans.values()) {
    t.ok(last - first <= 60 * 8_000, `${(last - first) / 8_000} s`);
    t.equal(finals, 1);
  }
});

t.test('audio that overlaps what was taken is left out', async (t) => {
  const sealer = new CaptureSealer(ARTIFACT, grant());
  const audio = tone(40);
  const frames = [...sealer.write(audio.subarray(0, 160), 0), ...sealer.write(audio.subarray(80), 80), ...sealer.end()];
  t.ok(Buffer.from(openAll(frames, grant())[0]!.audio).equals(Buffer.from(audio)));
});

t.test('a chunk opens at its own place alone', async (t) => {
  const sealer = new SegmentSealer(pair.publicKey);
  const key = sodium.crypto_box_seal_open(sealer.sealedKey, pair.publicKey, pair.privateKey);
  const place = {
    ...{ artifactId: ARTIFACT, segment: 0, chunk: 0, firstSample: 0, samples: 8 },
    ...({ encoding: 'ulaw-8000', channels: 1, ends: 1 } as const),
  };
  const body = sealer.seal(tone(1), place);
  const elsewhere = [
    { ...place, artifactId: 'b'.repeat(26) },
    { ...place, segment: 1 },
    { ...place, chunk: 1 },
    { ...place, firstSample: 1 },
    { ...place, channels: 2 as const },
    { ...place, ends: 2 as const },
    { ...place, ends: 0 as const },
  ];
  for (const wrong of elsewhere) t.equal(new SegmentOpener(key, sealer.header).open(body, wrong), undefined);
  t.same(new SegmentOpener(key, sealer.header).open(body, place), tone(1));
  t.throws(() => sealer.seal(tone(1), place), { code: 'segment-over' });
});

/** A vault's socket that answers as told, for what the queue does. */
async function fakeVault(path: string, answer: (type: string, ask: unknown) => void): Promise<LinkServer> {
  return LinkServer.listen({
    path,
    tokens: { media: 'token' },
    clock: systemClock,
    onRequest: ({ payload }, _link, type) => {
      answer(type, payload);
      return { payload: type === 'intake.begin' ? { ...grant() } : {} };
    },
  });
}

async function settle(): Promise<void> {
  for (let index = 0; index < 20; index++) await turn();
}

t.test('a vault that refuses a chunk fails the recording, which says so once', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-seal-'));
  const socket = join(folder, 'vault.sock');
  await using _server = await fakeVault(socket, (type) => {
    if (type === 'intake.chunk') throw new WardlineError('vault-write-failed', 'The disk is full.');
  });
  using intake = connectIntake({ socket, token: 'token', clock: systemClock });
  const capture = await intake.begin(ARTIFACT);
  const reasons: string[] = [];
  capture.onFailure((reason) => reasons.push(reason));
  capture.write(tone(1_000), 0);
  await t.rejects(capture.end(), { code: 'capture-failed' });
  capture.write(tone(1_000), 8_000);
  t.same(reasons, ['The disk is full.']);
  rmSync(folder, { recursive: true });
});

t.test('a vault that stays away for ten seconds fails the recording', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-seal-'));
  const socket = join(folder, 'vault.sock');
  const clock = new ManualClock();
  const server = await fakeVault(socket, () => undefined);
  using intake = connectIntake({ socket, token: 'token', clock });
  const capture = await intake.begin(ARTIFACT);
  const reasons: string[] = [];
  capture.onFailure((reason) => reasons.push(reason));
  await server[Symbol.asyncDispose]();
  for (let second = 0; second < 9; second++) {
    capture.write(tone(1_000), second * 8_000);
    clock.advance(1_000);
    await settle();
  }
  t.same(reasons, [], 'nine seconds are bridged');
  for (let second = 9; second < 14; second++) {
    clock.advance(1_000);
    await settle();
  }
  t.same(reasons, ['the vault did not come back in time']);
  rmSync(folder, { recursive: true });
});

t.test('what is said is sealed and sent within 240 ms, though the next packet never comes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-seal-'));
  const socket = join(folder, 'vault.sock');
  const seen: string[] = [];
  await using _server = await fakeVault(socket, (type) => seen.push(type));
  const clock = new ManualClock();
  using intake = connectIntake({ socket, token: 'token', clock });
  const capture = await intake.begin(ARTIFACT);
  capture.write(tone(20), 0);
  clock.advance(CHUNK_MS);
  while (seen.length < 3) await turn();
  t.same(seen, ['intake.begin', 'intake.segment', 'intake.chunk']);
  rmSync(folder, { recursive: true });
});

t.test(
  'a call that is recorded in packets of 20 ms gives whole chunks alone, none cut short by the flush',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'wardline-seal-'));
    const socket = join(folder, 'vault.sock');
    const samples: number[] = [];
    await using _server = await fakeVault(socket, (type, ask) => {
      if (type === 'intake.chunk') samples.push((ask as ChunkAsk).samples);
    });
    const clock = new ManualClock();
    using intake = connectIntake({ socket, token: 'token', clock });
    const capture = await intake.begin(ARTIFACT);
    for (let tick = 0; tick < 96; tick++) {
      capture.write(tone(20), tick * 160);
      clock.advance(20);
      await turn();
    }
    await capture.end();
    t.same(samples, [...Array(1_920 / CHUNK_MS).fill(CHUNK_MS * 8), 0]);
    rmSync(folder, { recursive: true });
  },
);
