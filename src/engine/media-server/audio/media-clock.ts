// The one 20 ms beat of a media process: scheduled against monotonic time, catches up after a delay, never drifts.
import type { Clock } from '../../../kernel/clock.ts';
import { TICK_MS } from '../../../protocol/rtp/tick.ts';

/** Beats made up for after a stall, one a turn of the event loop so that what came meanwhile is heard; what is later is left out. */
const MAX_CATCH_UP = 25;

export class MediaClock implements Disposable {
  readonly #clock: Clock;
  readonly #onTick: () => void;
  #nextAt: number;
  #timer: Disposable | undefined;
  #isStopped = false;
  /** Beats that were left out. */
  skipped = 0;
  #worstDelayMs = 0;

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

  /** The longest delay of a beat since this was last asked, in milliseconds. */
  takeWorstDelay(): number {
    const worst = this.#worstDelayMs;
    this.#worstDelayMs = 0;
    return worst;
  }

  readonly #beat = (): void => {
    const now = this.#clock.monotonic();
    this.#worstDelayMs = Math.max(this.#worstDelayMs, now - this.#nextAt);
    const behind = Math.floor((now - this.#nextAt) / TICK_MS);
    if (behind > MAX_CATCH_UP) {
      this.skipped += behind - MAX_CATCH_UP;
      this.#nextAt += (behind - MAX_CATCH_UP) * TICK_MS;
    }
    // A timer may fire a fraction of a millisecond early.
    if (behind >= 0 || this.#nextAt - now < 1) {
      this.#nextAt += TICK_MS;
      this.#onTick();
    }
    this.#schedule();
  };

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer = this.#clock.after(Math.max(0, this.#nextAt - this.#clock.monotonic()), this.#beat);
  }
}
