// Tones as pure functions: made from frequencies, a level and a cadence; and found again by a windowed Goertzel filter.

/** Full scale: a sine of this peak is 0 dBFS. */
const FULL_SCALE = 32767;
const SILENCE_DBFS = -120;

export interface ToneSegment {
  /** Sounded together, each at the tone's level. Empty: a pause. */
  readonly frequencies: readonly number[];
  readonly onMs: number;
  readonly offMs: number;
}

export interface Tone {
  readonly segments: readonly ToneSegment[];
  /** Level of each frequency in dBFS. */
  readonly levelDbfs: number;
  /** Times the segments are gone through; Infinity for a tone without end. */
  readonly loops: number;
}

/** A steady tone of `durationMs`, or without end. */
export function steadyTone(
  frequencies: readonly number[],
  levelDbfs: number,
  durationMs = Number.POSITIVE_INFINITY,
): Tone {
  return { segments: [{ frequencies, onMs: durationMs, offMs: 0 }], levelDbfs, loops: 1 };
}

const PAUSE: ToneSegment = { frequencies: [], onMs: 0, offMs: 0 };

/** Plays a `Tone` piece by piece, phase kept within a segment. */
export class ToneGenerator {
  readonly #tone: Tone;
  readonly #rate: number;
  readonly #amplitude: number;
  /** Samples of one loop. */
  readonly #loopSamples: number;
  #segment = 0;
  #loop = 0;
  #at = 0;

  constructor(tone: Tone, rate = 8000) {
    this.#tone = tone;
    this.#rate = rate;
    this.#amplitude = FULL_SCALE * 10 ** (tone.levelDbfs / 20);
    this.#loopSamples = tone.segments.reduce((sum, segment) => sum + this.#lengthOf(segment), 0);
  }

  get isOver(): boolean {
    return this.#loop >= this.#tone.loops || this.#loopSamples <= 0;
  }

  /** Fills `into`; returns how many samples the tone still had, silence follows them. */
  read(into: Int16Array): number {
    let filled = 0;
    while (filled < into.length && !this.isOver) filled = this.#fillSegment(into, filled);
    into.fill(0, filled);
    return filled;
  }

  /** Leaves so many samples out, without making them. */
  skip(samples: number): void {
    if (this.isOver) return;
    this.#loop += Math.floor(samples / this.#loopSamples);
    for (let left = samples % this.#loopSamples; left > 0 && !this.isOver; ) {
      const total = this.#lengthOf(this.#tone.segments[this.#segment] ?? PAUSE);
      const step = Math.min(left, total - this.#at);
      left -= step;
      this.#at += step;
      if (this.#at >= total) this.#nextSegment();
    }
  }

  #samplesOf(ms: number): number {
    return Math.round((ms * this.#rate) / 1000);
  }

  #lengthOf({ onMs, offMs }: ToneSegment): number {
    return this.#samplesOf(onMs) + this.#samplesOf(offMs);
  }

  #fillSegment(into: Int16Array, from: number): number {
    const segment = this.#tone.segments[this.#segment] ?? PAUSE;
    const on = this.#samplesOf(segment.onMs);
    const total = this.#lengthOf(segment);
    let at = from;
    for (; at < into.length && this.#at < total; at++, this.#at++) {
      into[at] = this.#at < on ? this.#sample(segment.frequencies) : 0;
    }
    if (this.#at >= total) this.#nextSegment();
    return at;
  }

  #sample(frequencies: readonly number[]): number {
    let sum = 0;
    for (const hz of frequencies) sum += Math.sin((2 * Math.PI * hz * this.#at) / this.#rate);
    return Math.max(-FULL_SCALE, Math.min(FULL_SCALE, Math.round(sum * this.#amplitude)));
  }

  #nextSegment(): void {
    this.#at = 0;
    this.#segment++;
    if (this.#segment < this.#tone.segments.length) return;
    this.#segment = 0;
    this.#loop++;
  }
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
