// Finds a known recording in what was heard, by normalised cross-correlation: recognition by the audio, not by trust.
import { readFileSync } from 'node:fs';
import { resample } from '../../src/protocol/rtp/resample.ts';

/** The samples of a mono PCM16 WAV file at 8 kHz. */
export function readPrompt(file: string): Int16Array {
  const wav = readFileSync(file);
  const rate = wav.readUInt32LE(24);
  const data = wav.indexOf('data') + 8;
  const samples = new Int16Array(
    Uint8Array.from(wav.subarray(data, data + 2 * Math.floor((wav.length - data) / 2))).buffer,
  );
  return rate === 8000 ? samples : resample(samples, rate, 8000);
}

export interface Match {
  /** 1 is the same sound; speech that is not there stays below about 0.4. */
  readonly likeness: number;
  /** Where the recording begins in what was heard, in samples. */
  readonly at: number;
}

const TEMPLATE_SAMPLES = 4_000;

/** How well, and where, the half second of `recording` that follows `skip` samples is found in `heard`. */
export function findRecording(heard: Int16Array, recording: Int16Array, skip = 4_000): Match {
  const template = recording.subarray(skip, skip + TEMPLATE_SAMPLES);
  const templateEnergy = energy(template, 0, template.length);
  let best: Match = { likeness: 0, at: -1 };
  let windowEnergy = energy(heard, 0, template.length);
  for (let at = 0; at + template.length < heard.length; at++) {
    if (windowEnergy > templateEnergy / 100) {
      const likeness = product(heard, at, template) / Math.sqrt(windowEnergy * templateEnergy);
      if (likeness > best.likeness) best = { likeness, at: at - skip };
    }
    windowEnergy += square(heard, at + template.length) - square(heard, at);
  }
  return best;
}

function square(samples: Int16Array, at: number): number {
  return (samples[at] ?? 0) ** 2;
}

function energy(samples: Int16Array, from: number, length: number): number {
  let sum = 0;
  for (let at = from; at < from + length; at++) sum += square(samples, at);
  return sum;
}

function product(heard: Int16Array, from: number, template: Int16Array): number {
  let sum = 0;
  for (let at = 0; at < template.length; at++) sum += (heard[from + at] ?? 0) * (template[at] ?? 0);
  return sum;
}
