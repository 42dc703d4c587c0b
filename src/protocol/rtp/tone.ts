// Tones as a pure function of frequencies, a level and a cadence.

/** Full scale: a sine of this peak is 0 dBFS. */
const FULL_SCALE = 32767;

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
