// Wideband: G.722 bit by bit against ffmpeg, the way between 8 and 16 kHz, and what bytes from the wire do to the decoder.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { G722Decoder, G722Encoder } from '../../src/protocol/rtp/g722.ts';
import { RateMatch } from '../../src/protocol/rtp/rate-match.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import { toneLevel, totalLevel } from '../support/listen.ts';
import { seeded } from '../support/seeded.ts';
import { steadyTone } from '../support/tone-level.ts';

const file = (name: string) => readFileSync(new URL(`../vectors/g722/${name}`, import.meta.url));
function samplesOf(bytes: Buffer): Int16Array {
  return Int16Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(i * 2));
}

t.test('G.722 encodes what ffmpeg encodes, byte for byte, in pieces of 20 ms', (t) => {
  const samples = samplesOf(file('sweep.s16'));
  const coded = Buffer.alloc(samples.length / 2);
  const encoder = new G722Encoder();
  for (let at = 0; at < samples.length; at += 320) encoder.encode(samples.subarray(at), 320, coded, at / 2);
  t.ok(coded.equals(file('ffmpeg.g722')));
  t.end();
});

t.test('G.722 decodes to what ffmpeg decodes to, sample for sample', (t) => {
  const coded = file('ffmpeg.g722');
  const samples = new Int16Array(coded.length * 2);
  const decoder = new G722Decoder();
  for (const [i, byte] of coded.entries()) decoder.decode(byte, samples, i * 2);
  t.same(samples, samplesOf(file('ffmpeg.s16')));
  t.end();
});

t.test('bytes that no encoder sends leave a decoder that works', (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  const decoder = new G722Decoder();
  const pair = new Int16Array(2);
  for (const byte of random.bytes(100_000)) decoder.decode(byte, pair, 0);
  const encoder = new G722Encoder();
  const tone = new ToneGenerator(steadyTone([1000], -20), 16_000);
  const [frame, coded, heard] = [new Int16Array(320), Buffer.alloc(160), new Int16Array(16_000)];
  for (let tick = 0; tick < 50; tick++) {
    tone.read(frame);
    encoder.encode(frame, 320, coded, 0);
    for (const [i, byte] of coded.entries()) decoder.decode(byte, heard, tick * 320 + i * 2);
  }
  const level = toneLevel(heard.subarray(8000), 16_000, 1000);
  t.ok(Math.abs(level + 20) < 0.5, `${level.toFixed(2)} dBFS`);
  t.end();
});

/** A second of a tone, less its first 100 ms, through one `RateMatch`. */
function through(hz: number, from: number, to: number): Int16Array {
  const tone = new ToneGenerator(steadyTone([hz], -10), from);
  const rates = new RateMatch();
  const frame = new Int16Array(from / 50);
  const heard = new Int16Array(to);
  for (let tick = 0; tick < 50; tick++) {
    tone.read(frame);
    heard.set(rates.match(frame, to / 50), (tick * to) / 50);
  }
  return heard.subarray(to / 10);
}

t.test('8 and 16 kHz: speech passes unchanged, images and what the lower rate cannot carry do not', (t) => {
  for (const hz of [300, 1000, 2000, 3000, 3400]) {
    t.ok(Math.abs(toneLevel(through(hz, 8000, 16_000), 16_000, hz) + 10) < 0.1, `${hz} Hz up`);
    t.ok(toneLevel(through(hz, 8000, 16_000), 16_000, 8000 - hz) < -60, `${hz} Hz up: no image`);
    t.ok(Math.abs(toneLevel(through(hz, 16_000, 8000), 8000, hz) + 10) < 0.1, `${hz} Hz down`);
  }
  for (const hz of [4700, 5500, 7000]) t.ok(totalLevel(through(hz, 16_000, 8000)) < -60, `${hz} Hz is no alias`);
  const frame = new Int16Array(160);
  t.equal(new RateMatch().match(frame, 160), frame, 'nothing is done to what fits');
  t.end();
});
