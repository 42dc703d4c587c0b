// WAV files made for a test: one tone, 16-bit linear.
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import { steadyTone } from './tone-level.ts';

/** A mono file with a tone of `hz` for `ms`; with two channels the right one is silent. */
export function wav(rate: number, hz: number, ms: number, channels: 1 | 2 = 1): Buffer {
  const frames = (rate * ms) / 1000;
  const tone = new Int16Array(frames);
  new ToneGenerator(steadyTone([hz], -12), rate).read(tone);
  const data = Buffer.alloc(frames * 2 * channels);
  for (const [i, sample] of tone.entries()) data.writeInt16LE(sample, i * 2 * channels);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * channels * 2, 28);
  header.writeUInt16LE(channels * 2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}
