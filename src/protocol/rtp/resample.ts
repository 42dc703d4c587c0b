// Sample rate conversion by a polyphase FIR filter (windowed sinc), for any two rates; prompts are 16 kHz, calls 8 kHz.
import { clip } from './tick.ts';

/** Taps on each side of the centre, counted at the lower of the two rates. */
const HALF_TAPS = 24;
/** The pass band's end as a share of the lower rate's half. */
const PASS_BAND = 0.9;

/** Converts a stream piece by piece; the output lags by the filter's half length. */
export class Resampler {
  /** Output and input steps of the smallest common period. */
  readonly #up: number;
  readonly #down: number;
  readonly #taps: Float64Array;
  readonly #tapsPerPhase: number;
  /** Input not used up yet, oldest first. */
  #held: Int16Array;
  #heldSamples: number;
  #output = new Int16Array(0);
  /** Place of the next output, in steps of 1/up input samples from the start of `held`. */
  #position: number;

  constructor(fromRate: number, toRate: number) {
    const divisor = greatestCommonDivisor(fromRate, toRate);
    this.#up = toRate / divisor;
    this.#down = fromRate / divisor;
    const widest = Math.max(this.#up, this.#down);
    this.#tapsPerPhase = Math.ceil((2 * HALF_TAPS * widest) / this.#up);
    this.#taps = lowPass(this.#tapsPerPhase * this.#up, PASS_BAND / (2 * widest), this.#up);
    this.#held = new Int16Array(this.#tapsPerPhase - 1);
    this.#heldSamples = this.#held.length;
    this.#position = (this.#tapsPerPhase - 1) * this.#up;
  }

  /** Input samples by which the output lags. */
  get delay(): number {
    return (this.#taps.length - 1) / 2 / this.#up;
  }

  /** What `input` gives; the array is used again by the next call. */
  process(input: Int16Array): Int16Array {
    const held = this.#heldSamples;
    const samples = this.#room(held + input.length);
    samples.set(input, held);
    const all = held + input.length;
    const output = this.#outputOf(Math.max(0, Math.ceil((all * this.#up - this.#position) / this.#down)));
    for (let i = 0; i < output.length; i++, this.#position += this.#down) output[i] = this.#filter(samples);
    const consumed = Math.min(all, Math.floor(this.#position / this.#up) - (this.#tapsPerPhase - 1));
    samples.copyWithin(0, consumed, all);
    this.#heldSamples = all - consumed;
    this.#position -= consumed * this.#up;
    return output;
  }

  #room(count: number): Int16Array {
    if (this.#held.length >= count) return this.#held;
    const wider = new Int16Array(count);
    wider.set(this.#held.subarray(0, this.#heldSamples));
    this.#held = wider;
    return wider;
  }

  #outputOf(count: number): Int16Array {
    if (this.#output.length !== count) this.#output = new Int16Array(count);
    return this.#output;
  }

  #filter(samples: Int16Array): number {
    const newest = Math.floor(this.#position / this.#up);
    let tap = this.#position % this.#up;
    let sum = 0;
    for (let k = 0; k < this.#tapsPerPhase; k++, tap += this.#up) {
      sum += (this.#taps[tap] ?? 0) * (samples[newest - k] ?? 0);
    }
    return clip(Math.round(sum));
  }
}

/** All of `samples` at another rate, without lag and of the length one expects. */
export function resample(samples: Int16Array, fromRate: number, toRate: number): Int16Array {
  if (fromRate === toRate) return samples.slice();
  const resampler = new Resampler(fromRate, toRate);
  const lag = Math.round((resampler.delay * toRate) / fromRate);
  const length = Math.round((samples.length * toRate) / fromRate);
  const padded = new Int16Array(samples.length + Math.ceil(resampler.delay) + Math.ceil(fromRate / toRate));
  padded.set(samples);
  return resampler.process(padded).slice(lag, lag + length);
}

/** A Blackman-windowed sinc of unit gain times `gain`; `cutoff` in cycles a tap. */
function lowPass(length: number, cutoff: number, gain: number): Float64Array {
  const taps = new Float64Array(length);
  const centre = (length - 1) / 2;
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const x = i - centre;
    const sinc = x === 0 ? 2 * cutoff : Math.sin(2 * Math.PI * cutoff * x) / (Math.PI * x);
    const turn = (2 * Math.PI * (i + 0.5)) / length;
    const value = sinc * (0.42 - 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn));
    taps[i] = value;
    sum += value;
  }
  for (let i = 0; i < length; i++) taps[i] = ((taps[i] ?? 0) * gain) / sum;
  return taps;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
