// Ends a recording by what is not said: nothing from the start, or nothing more after speech (`RECORD_INITIAL_TIMEOUT_MS`, `RECORD_FINAL_TIMEOUT_MS`).
import { meanMagnitude, TICK_MS } from '../../../protocol/rtp/tick.ts';

export interface SilenceLimits {
  /** Without any speech; 0 for none. */
  readonly initialMs: number;
  /** After speech; 0 for none. */
  readonly finalMs: number;
  /** Mean magnitude in 16-bit samples below which a tick is silence. */
  readonly threshold: number;
}

export class SilenceWatch {
  readonly #limits: SilenceLimits;
  #quietMs = 0;
  hasSpoken = false;

  constructor(limits: SilenceLimits) {
    this.#limits = limits;
  }

  /** One tick; true when it has been silent for too long. */
  step(heard: Int16Array): boolean {
    const { initialMs, finalMs, threshold } = this.#limits;
    if (meanMagnitude(heard) >= threshold) {
      this.hasSpoken = true;
      this.#quietMs = 0;
      return false;
    }
    this.#quietMs += TICK_MS;
    const limit = this.hasSpoken ? finalMs : initialMs;
    return limit > 0 && this.#quietMs >= limit;
  }
}
