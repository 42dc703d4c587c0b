// The real clock, moved by hand: for tests in which real sockets run and hours have to pass.
import type { Clock, Instant, UtcMs } from '../../src/kernel/clock.ts';
import { systemClock } from '../../src/kernel/clock.ts';

export class ShiftedClock implements Clock {
  #shiftMs = 0;

  now(): UtcMs {
    return (systemClock.now() + this.#shiftMs) as UtcMs;
  }

  monotonic(): Instant {
    return (systemClock.monotonic() + this.#shiftMs) as Instant;
  }

  after(delayMs: number, action: () => void): Disposable {
    return systemClock.after(delayMs, action);
  }

  /** Time has passed; timers that wait do not notice. */
  shift(ms: number): void {
    this.#shiftMs += ms;
  }
}
