// Any artifact's audio as a phone plays it: one channel of G.711 µ-law at 8 kHz (ITU-T G.711).
import type { AudioEncoding } from '../shapes.ts';

const BIAS = 0x84;
const CLIP = 32_635;

export function toTelephone(audio: Uint8Array, encoding: AudioEncoding, channels: 1 | 2): Uint8Array {
  if (encoding === 'ulaw-8000' && channels === 1) return audio;
  const read = encoding === 'ulaw-8000' ? (at: number) => decodeUlaw(audio[at]!) : readL16(audio);
  const step = encoding === 'ulaw-8000' ? channels : channels * 2;
  const values = encoding === 'ulaw-8000' ? audio.length : Math.floor(audio.length / 2);
  const out = new Uint8Array(Math.floor(values / step));
  for (let sample = 0; sample < out.length; sample++) {
    let sum = 0;
    for (let index = 0; index < step; index++) sum += read(sample * step + index);
    // Channels add up; two neighbouring samples of wideband become their mean.
    out[sample] = encodeUlaw(encoding === 'ulaw-8000' ? sum : sum / 2);
  }
  return out;
}

function readL16(audio: Uint8Array): (at: number) => number {
  const view = new DataView(audio.buffer, audio.byteOffset, audio.byteLength);
  return (at) => view.getInt16(at * 2, true);
}

function decodeUlaw(byte: number): number {
  const value = ~byte & 0xff;
  const magnitude = ((((value & 0x0f) << 3) + BIAS) << ((value & 0x70) >> 4)) - BIAS;
  return (value & 0x80) !== 0 ? -magnitude : magnitude;
}

function encodeUlaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(CLIP, Math.abs(Math.round(sample))) + BIAS;
  const exponent = Math.max(0, 31 - Math.clz32(magnitude) - 7);
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f;
  return ~(sign | (exponent << 4) | mantissa) & 0xff;
}
