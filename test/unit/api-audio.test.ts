// Audio for browsers: byte ranges after RFC 9110, WAV out of G.711, and which requests are one hearing.
import { Readable } from 'node:stream';
import t from 'tap';
import { HEARING_PAUSE_MS, Hearings, MAX_HEARINGS } from '../../src/api/audio/hearings.ts';
import { parseRange } from '../../src/api/audio/range.ts';
import { PIECE_SAMPLES, wavRange } from '../../src/api/audio/stream.ts';
import { toPcm, wavBytes, wavHeader } from '../../src/api/audio/wav.ts';
import { newId } from '../../src/kernel/id.ts';
import type { Vault } from '../../src/vault/contract.ts';
import type { ArtifactSummary } from '../../src/vault/shapes.ts';
import { ManualClock } from '../support/manual-clock.ts';

t.test('RFC 9110 §14.1.2: one range of bytes, or the whole', async (t) => {
  t.same(parseRange(undefined, 100), 'whole');
  t.same(parseRange('bytes=0-', 100), { first: 0, last: 99 });
  t.same(parseRange('bytes=10-19', 100), { first: 10, last: 19 });
  t.same(parseRange('bytes=90-500', 100), { first: 90, last: 99 });
  t.same(parseRange('bytes=-30', 100), { first: 70, last: 99 });
  t.same(parseRange('bytes=-500', 100), { first: 0, last: 99 });
  t.same(parseRange('bytes=100-', 100), 'unsatisfiable');
  t.same(parseRange('bytes=-0', 100), 'unsatisfiable');
  for (const odd of ['bytes=20-10', 'bytes=0-1,5-6', 'lines=1-2', 'bytes=-', 'bytes=a-b', '']) {
    t.same(parseRange(odd, 100), 'whole', odd);
  }
});

t.test('ITU-T G.711: µ-law becomes 16-bit samples', async (t) => {
  const pcm = toPcm('ulaw-8000', Uint8Array.of(0xff, 0x7f, 0x80, 0x00, 0xef, 0x6f));
  t.same([...new Int16Array(pcm.buffer, pcm.byteOffset, 6)], [0, 0, 32_124, -32_124, 132, -132]);
  const header = wavHeader({ encoding: 'ulaw-8000', channels: 2, totalSamples: 8_000 });
  t.equal(header.toString('latin1', 0, 4) + header.toString('latin1', 8, 12), 'RIFFWAVE');
  t.same(
    [header.readUInt16LE(20), header.readUInt16LE(22), header.readUInt16LE(34)],
    [1, 2, 16],
    'PCM, stereo, 16 bits',
  );
  t.equal(header.readUInt32LE(4) + 8, wavBytes({ encoding: 'ulaw-8000', channels: 2, totalSamples: 8_000 }));
});

t.test('any range is the very part of the whole, fetched in pieces, in stereo too', async (t) => {
  const shape = { encoding: 'ulaw-8000', channels: 2, totalSamples: PIECE_SAMPLES * 2 + 1_000 } as const;
  const audio = Uint8Array.from({ length: shape.totalSamples * 2 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  const asked: number[] = [];
  const vault = {
    askForBytes: async (_operation: string, { fromSample, samples }: { fromSample: number; samples: number }) => {
      asked.push(samples);
      return { answer: shape, body: audio.subarray(fromSample * 2, (fromSample + samples) * 2) };
    },
  } as unknown as Vault;
  const source = {
    vault,
    caller: { actor: { kind: 'local', user: 'x' }, address: '' },
    artifactId: newId<'artifact'>(),
    shape,
  } as const;
  const read = async (first: number, last: number) =>
    Buffer.concat(await Readable.from(wavRange(source, { first, last })).toArray());
  const whole = Buffer.concat([wavHeader(shape), toPcm('ulaw-8000', audio)]);
  t.ok((await read(0, whole.length - 1)).equals(whole));
  t.ok(asked.length === 3 && Math.max(...asked) <= PIECE_SAMPLES, 'never more than a piece at a time');
  for (const [first, last] of [
    [0, 0],
    [43, 44],
    [45, 45],
    [7, 400],
    [47, 100_001],
    [333_333, 333_337],
  ] as const) {
    t.ok((await read(first, last)).equals(whole.subarray(first, last + 1)), `bytes ${first} to ${last}`);
  }
});

t.test('requests of one playback are one hearing; after a pause, or in another session, it is another', async (t) => {
  const clock = new ManualClock();
  const hearings = new Hearings(clock);
  const id = newId<'artifact'>();
  const artifact = { id, durationMs: 30_000 } as ArtifactSummary;
  const first = hearings.begin('session', id, artifact);
  clock.advance(30_000 + HEARING_PAUSE_MS);
  t.equal(hearings.find('session', id), first);
  t.equal(hearings.find('other', id), undefined);
  clock.advance(30_000 + HEARING_PAUSE_MS + 1);
  t.equal(hearings.find('session', id), undefined);
  hearings.begin('session', id, artifact);
  hearings.forget(id);
  t.equal(hearings.find('session', id), undefined, 'a deleted message is nobody’s');
  hearings.begin('session', id, artifact);
  for (let i = 0; i < MAX_HEARINGS; i++) hearings.begin(`flood ${i}`, id, artifact);
  t.equal(hearings.find('session', id), undefined, 'the oldest makes room');
});
