// Any artifact's audio as a phone plays it: one channel of G.711 µ-law at 8 kHz (ITU-T G.711).
import { pcmu } from '../../kernel/g711.ts';
import type { AudioEncoding } from '../shapes.ts';

export function toTelephone(audio: Uint8Array, encoding: AudioEncoding, channels: 1 | 2): Uint8Array {
  if (encoding === 'ulaw-8000' && channels === 1) return audio;
  const read = encoding === 'ulaw-8000' ? readUlaw(audio) : readL16(audio);
  const step = encoding === 'ulaw-8000' ? channels : channels * 2;
  const values = encoding === 'ulaw-8000' ? audio.length : Math.floor(audio.length / 2);
  const mixed = new Int16Array(Math.floor(values / step));
  for (let sample = 0; sample < mixed.length; sample++) {
    let sum = 0;
    for (let index = 0; index < step; index++) sum += read(sample * step + index);
    // Channels add up; two neighbouring samples of wideband become their mean.
    mixed[sample] = clip(encoding === 'ulaw-8000' ? sum : sum / 2);
  }
  const out = new Uint8Array(mixed.length);
  pcmu.encode(mixed, mixed.length, out, 0);
  mixed.fill(0); // it is somebody's voice
  return out;
}

function readUlaw(audio: Uint8Array): (at: number) => number {
  const linear = new Int16Array(audio.length);
  pcmu.decode(audio, 0, audio.length, linear, 0);
  return (at) => linear[at] ?? 0;
}

function clip(value: number): number {
  return Math.max(-32_768, Math.min(32_767, Math.round(value)));
}

function readL16(audio: Uint8Array): (at: number) => number {
  const view = new DataView(audio.buffer, audio.byteOffset, audio.byteLength);
  return (at) => view.getInt16(at * 2, true);
}
