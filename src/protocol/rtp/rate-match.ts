// Audio between 8 and 16 kHz, a tick at a time without allocation: a half-band FIR filter, for legs of different rates.
import { clip, MAX_TICK_SAMPLES } from './tick.ts';

/** Taps beside the centre that are not zero, outermost first; the other side mirrors them. */
const SIDE_TAPS = 16;
/** Samples at 16 kHz that the filter reaches over. */
const REACH = 4 * SIDE_TAPS - 1;

/** Windowed sinc at a quarter of the rate: every second tap is zero, the centre is a half. */
const TAPS = halfBand();

function halfBand(): Float64Array {
  const taps = Float64Array.from({ length: SIDE_TAPS }, (_, i) => {
    const x = 2 * (SIDE_TAPS - i) - 1;
    const turn = (Math.PI * (x + REACH / 2 + 1)) / (REACH / 2 + 1);
    const window = 0.42 - 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn);
    return (Math.sin((Math.PI * x) / 2) / (Math.PI * x)) * window;
  });
  const sum = taps.reduce((all, tap) => all + 2 * tap, 0);
  return taps.map((tap) => (tap * 0.5) / sum);
}

/** One direction of one stream: gives every piece in the rate that is asked for, whatever rate it came in. */
export class RateMatch {
  readonly #history = new Float64Array(REACH + MAX_TICK_SAMPLES);
  readonly #out = new Int16Array(MAX_TICK_SAMPLES);
  #fromSamples = 0;
  #views: readonly [Int16Array, Int16Array] | undefined;

  /** `samples` themselves when they are `count` already; else an array that the next call uses again. Twice or half of `count`. */
  match(samples: Int16Array, count: number): Int16Array {
    if (samples.length === count || samples.length > MAX_TICK_SAMPLES || count > MAX_TICK_SAMPLES) return samples;
    if (samples.length !== this.#fromSamples) this.#history.fill(0);
    this.#fromSamples = samples.length;
    if (count === 2 * samples.length) this.#double(samples);
    else this.#halve(samples);
    return this.#view(count);
  }

  #view(count: number): Int16Array {
    if (this.#views?.[0].length !== count) this.#views = [this.#out.subarray(0, count), this.#out];
    return this.#views[0];
  }

  /** A zero after each sample, then the filter at twice its gain: of the two phases one is the sample itself. */
  #double(samples: Int16Array): void {
    const history = this.#history;
    const half = 2 * SIDE_TAPS;
    for (let i = 0; i < samples.length; i++) {
      history.copyWithin(0, 1, half);
      history[half - 1] = samples[i] ?? 0;
      this.#out[2 * i] = history[SIDE_TAPS - 1] ?? 0;
      let sum = 0;
      for (let k = 0; k < SIDE_TAPS; k++) sum += (TAPS[k] ?? 0) * ((history[k] ?? 0) + (history[half - 1 - k] ?? 0));
      this.#out[2 * i + 1] = clip(Math.round(2 * sum));
    }
  }

  #halve(samples: Int16Array): void {
    const history = this.#history;
    for (let i = 0; i < samples.length; i++) history[REACH + i] = samples[i] ?? 0;
    for (let i = 0; i < samples.length; i += 2) {
      const first = i + 1;
      let sum = 0.5 * (history[first + 2 * SIDE_TAPS - 1] ?? 0);
      for (let k = 0; k < SIDE_TAPS; k++) {
        sum += (TAPS[k] ?? 0) * ((history[first + 2 * k] ?? 0) + (history[first + REACH - 1 - 2 * k] ?? 0));
      }
      this.#out[i / 2] = clip(Math.round(sum));
    }
    history.copyWithin(0, samples.length, samples.length + REACH);
  }
}
