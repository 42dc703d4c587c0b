// The real clock, which a test can make run ahead: timers that fall due on the way fire at once.
import type { Clock, Instant, UtcMs } from '../../src/kernel/clock.ts';
import { systemClock } from '../../src/kernel/clock.ts';

interface Waiting {
  readonly dueMs: number;
  readonly fire: () => void;
}

export class HurriedClock implements Clock {
  #aheadMs = 0;
  readonly #waiting = new Set<Waiting>();

  now(): UtcMs {
    return Math.floor(systemClock.now() + this.#aheadMs) as UtcMs;
  }

  monotonic(): Instant {
    return (systemClock.monotonic() + this.#aheadMs) as Instant;
  }

  after(delayMs: number, action: () => void): Disposable {
    const forget = () => {
      this.#waiting.delete(waiting);
      timer[Symbol.dispose]();
    };
    const fire = () => {
      forget();
      action();
    };
    const waiting = { dueMs: this.monotonic() + delayMs, fire };
    const timer = systemClock.after(delayMs, fire);
    this.#waiting.add(waiting);
    return { [Symbol.dispose]: forget };
  }

  /** `ms` have passed; a timer that is set meanwhile counts from the end. */
  hurry(ms: number): void {
    this.#aheadMs += ms;
    const due = [...this.#waiting].filter(({ dueMs }) => dueMs <= this.monotonic());
    for (const { fire } of due.sort((a, b) => a.dueMs - b.dueMs)) fire();
  }
}
