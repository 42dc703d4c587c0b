// The one 20 ms beat of a media process: scheduled against monotonic time, catches up after a delay, never drifts.
import type { Clock } from '../../kernel/clock.ts';

const TICK_MS = 20;
/** Beats made up for at once after a stall; what is later than that is left out, as a jitter buffer would. */
const MAX_CATCH_UP = 5;

export class MediaClock implements Disposable {
  readonly #clock: Clock;
  readonly #onTick: () => void;
  #nextAt: number;
  #timer: Disposable | undefined;
  #isStopped = false;
  /** Beats that were left out, and the longest delay of one, in milliseconds. */
  skipped = 0;
  worstDelayMs = 0;

  constructor(clock: Clock, onTick: () => void) {
    this.#clock = clock;
    this.#onTick = onTick;
    this.#nextAt = clock.monotonic() + TICK_MS;
    this.#schedule();
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    this.#timer?.[Symbol.dispose]();
  }

  readonly #beat = (): void => {
    const now = this.#clock.monotonic();
    this.worstDelayMs = Math.max(this.worstDelayMs, now - this.#nextAt);
    let due = Math.floor((now - this.#nextAt) / TICK_MS) + 1;
    this.#nextAt += Math.max(0, due) * TICK_MS;
    if (due > MAX_CATCH_UP) {
      this.skipped += due - MAX_CATCH_UP;
      due = MAX_CATCH_UP;
    }
    for (; due > 0 && !this.#isStopped; due--) this.#onTick();
    this.#schedule();
  };

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer = this.#clock.after(Math.max(0, this.#nextAt - this.#clock.monotonic()), this.#beat);
  }
}
