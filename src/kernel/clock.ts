// Time as a dependency: the wall clock, the monotonic clock and timers, so that a test can move all three.
import type { Brand } from './brand.ts';

/** Integer milliseconds since 1970-01-01T00:00Z. */
export type UtcMs = Brand<number, 'UtcMs'>;
/** Milliseconds of the monotonic clock; only differences mean anything. */
export type Instant = Brand<number, 'Instant'>;

export interface Clock {
  /** Wall-clock time, for what is written down. */
  now(): UtcMs;
  /** Monotonic time, for durations. */
  monotonic(): Instant;
  /** Calls `action` once after `delayMs`; disposing it first prevents that. */
  after(delayMs: number, action: () => void): Disposable;
}

export const systemClock: Clock = {
  now: () => Date.now() as UtcMs,
  monotonic: () => performance.now() as Instant,
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
