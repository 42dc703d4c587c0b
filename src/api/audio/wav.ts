// Audio for browsers: G.711 µ-law (ITU-T G.711) or L16 as one WAV file of 16-bit PCM, whose every byte can be made on its own.
import { pcmu } from '../../kernel/g711.ts';
import type { AudioEncoding } from '../../vault/shapes.ts';

export const WAV_HEADER_BYTES = 44;
const BYTES_PER_SAMPLE = 2;

/** What the vault keeps of an artifact; `totalSamples` is per channel. */
export interface AudioShape {
  readonly encoding: AudioEncoding;
  readonly channels: 1 | 2;
  readonly totalSamples: number;
}

export function sampleRateOf(encoding: AudioEncoding): number {
  return encoding === 'ulaw-8000' ? 8_000 : 16_000;
}

/** Bytes of one sample of every channel. */
export function frameBytes(shape: AudioShape): number {
  return shape.channels * BYTES_PER_SAMPLE;
}

export function wavBytes(shape: AudioShape): number {
  return WAV_HEADER_BYTES + shape.totalSamples * frameBytes(shape);
}

/** The RIFF header of the whole file. */
export function wavHeader(shape: AudioShape): Buffer {
  const rate = sampleRateOf(shape.encoding);
  const header = Buffer.alloc(WAV_HEADER_BYTES);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(wavBytes(shape) - 8, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(shape.channels, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * frameBytes(shape), 28);
  header.writeUInt16LE(frameBytes(shape), 32);
  header.writeUInt16LE(BYTES_PER_SAMPLE * 8, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(shape.totalSamples * frameBytes(shape), 40);
  return header;
}

/** The vault's audio as little-endian PCM. */
export function toPcm(encoding: AudioEncoding, audio: Uint8Array): Buffer {
  if (encoding === 'l16-16000') return Buffer.from(audio);
  const linear = new Int16Array(audio.length);
  pcmu.decode(audio, 0, audio.length, linear, 0);
  const pcm = Buffer.allocUnsafe(audio.length * BYTES_PER_SAMPLE);
  for (let i = 0; i < audio.length; i++) pcm.writeInt16LE(linear[i] ?? 0, i * BYTES_PER_SAMPLE);
  return pcm;
}
