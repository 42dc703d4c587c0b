// A clock that a test moves: timers fire in order while time is advanced, and nothing ever waits.
import type { Clock, Instant, UtcMs } from '../../src/kernel/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly action: () => void;
}

export class ManualClock implements Clock {
  #elapsedMs = 0;
  #order = 0;
  #timers: Timer[] = [];
  readonly #startedAt: number;

  constructor(startedAt = Date.UTC(2026, 0, 5, 15, 0, 0)) {
    this.#startedAt = startedAt;
  }

  now(): UtcMs {
    return Math.floor(this.#startedAt + this.#elapsedMs) as UtcMs;
  }

  monotonic(): Instant {
    return this.#elapsedMs as Instant;
  }

  after(delayMs: number, action: () => void): Disposable {
    const timer = { dueMs: this.#elapsedMs + Math.max(0, delayMs), order: this.#order++, action };
    this.#timers.push(timer);
    return {
      [Symbol.dispose]: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** Moves time forward by `ms`, firing what falls due on the way, in order. */
  advance(ms: number): void {
    const end = this.#elapsedMs + ms;
    for (;;) {
      const next = this.#timers.filter((t) => t.dueMs <= end).sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.action();
    }
    this.#elapsedMs = end;
  }

  /** The number of timers that wait; a leak shows here. */
  get pending(): number {
    return this.#timers.length;
  }
}
