// A tone to send, and how loud a frequency, or everything, is in what was heard: a windowed Goertzel filter.
import type { Tone } from '../../src/protocol/rtp/tone.ts';

/** Full scale: a sine of this peak is 0 dBFS. */
const FULL_SCALE = 32767;
const SILENCE_DBFS = -120;

/** A steady tone of `durationMs`, or without end. */
export function steadyTone(
  frequencies: readonly number[],
  levelDbfs: number,
  durationMs = Number.POSITIVE_INFINITY,
): Tone {
  return { segments: [{ frequencies, onMs: durationMs, offMs: 0 }], levelDbfs, loops: 1 };
}

/** Level of the frequency `hz` in `samples`, in dBFS; -120 when there is none. Neighbours nearer than 4 / duration blur into it. */
export function toneLevel(samples: Int16Array, rate: number, hz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / rate);
  let before = 0;
  let last = 0;
  let weights = 0;
  for (let i = 0; i < samples.length; i++) {
    const weight = 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / samples.length);
    weights += weight;
    const next = (samples[i] ?? 0) * weight + coefficient * last - before;
    before = last;
    last = next;
  }
  const power = last * last + before * before - coefficient * last * before;
  return decibels((2 * Math.sqrt(Math.max(0, power))) / (weights * FULL_SCALE));
}

/** Level of everything in `samples` as a sine of the same power, in dBFS. */
export function totalLevel(samples: Int16Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return samples.length === 0 ? SILENCE_DBFS : decibels(Math.sqrt((2 * sum) / samples.length) / FULL_SCALE);
}

function decibels(amplitude: number): number {
  return amplitude > 1e-6 ? 20 * Math.log10(amplitude) : SILENCE_DBFS;
}
