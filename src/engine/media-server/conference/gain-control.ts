// Automatic gain of one member (`conference … agc`): what is said is brought slowly to a mean magnitude, within limits.
import { clip } from '../../../protocol/rtp/tick.ts';

const MOST_GAIN = 4;
const LEAST_GAIN = 0.25;
/** How much of the way is gone in one tick of 20 ms: half of it in 0.7 s. */
const STEP = 0.02;
const MAX_LEVEL = 1800;

export class GainControl {
  #level = 0;
  #gain = 1;
  #scratch = new Int16Array(0);

  /** The mean magnitude that is aimed at; 0 leaves everything as it is. */
  get level(): number {
    return this.#level;
  }

  set level(level: number) {
    this.#level = Math.max(0, Math.min(MAX_LEVEL, Math.round(level) || 0));
    if (this.#level === 0) this.#gain = 1;
  }

  /** One tick with its mean magnitude; `isTalk` when it is speech. The array is used again. */
  apply(samples: Int16Array, magnitude: number, isTalk: boolean): Int16Array {
    if (this.#level === 0) return samples;
    if (isTalk && magnitude > 0) {
      const wanted = Math.max(LEAST_GAIN, Math.min(MOST_GAIN, this.#level / magnitude));
      this.#gain += (wanted - this.#gain) * STEP;
    }
    if (this.#scratch.length !== samples.length) this.#scratch = new Int16Array(samples.length);
    for (let i = 0; i < samples.length; i++) {
      this.#scratch[i] = clip(Math.round((samples[i] ?? 0) * this.#gain));
    }
    return this.#scratch;
  }
}
