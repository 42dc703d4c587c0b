// A clock that a test moves: timers fire in order while time is advanced, and nothing ever waits.
import type { Clock, Instant, UtcMs } from '../../src/kernel/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly action: () => void;
  isLive: boolean;
}

export class ManualClock implements Clock {
  #elapsedMs = 0;
  #leaptMs = 0;
  #order = 0;
  #pending = 0;
  /** A binary heap, the next to fire first; what was disposed of stays until it comes up, or is most of it. */
  #timers: Timer[] = [];
  readonly #startedAt: number;

  constructor(startedAt = Date.UTC(2026, 0, 5, 15, 0, 0)) {
    this.#startedAt = startedAt;
  }

  now(): UtcMs {
    return Math.floor(this.#startedAt + this.#leaptMs + this.#elapsedMs) as UtcMs;
  }

  monotonic(): Instant {
    return this.#elapsedMs as Instant;
  }

  after(delayMs: number, action: () => void): Disposable {
    const timer = { dueMs: this.#elapsedMs + Math.max(0, delayMs), order: this.#order++, action, isLive: true };
    this.#pending += 1;
    this.#insert(timer);
    return { [Symbol.dispose]: () => this.#drop(timer) };
  }

  /** Moves time forward by `ms`, firing what falls due on the way, in order. */
  advance(ms: number): void {
    const end = this.#elapsedMs + ms;
    for (let next = this.#timers[0]; next !== undefined && next.dueMs <= end; next = this.#timers[0]) {
      this.#removeFirst();
      if (!next.isLive) continue;
      this.#drop(next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.action();
    }
    this.#elapsedMs = end;
  }

  /** Somebody sets the wall clock; no time passes. */
  leap(ms: number): void {
    this.#leaptMs += ms;
  }

  /** The number of timers that wait; a leak shows here. */
  get pending(): number {
    return this.#pending;
  }

  #drop(timer: Timer): void {
    if (!timer.isLive) return;
    timer.isLive = false;
    this.#pending -= 1;
    if (this.#timers.length > 64 && this.#pending < this.#timers.length / 2) {
      const live = this.#timers.filter(({ isLive }) => isLive);
      // What is sorted is a heap.
      this.#timers = live.sort((a, b) => (isBefore(a, b) ? -1 : 1));
    }
  }

  #insert(timer: Timer): void {
    const heap = this.#timers;
    let at = heap.push(timer) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(timer, heap[parent]); parent = (at - 1) >> 1) {
      heap[at] = heap[parent] ?? timer;
      at = parent;
    }
    heap[at] = timer;
  }

  #removeFirst(): void {
    const heap = this.#timers;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (isBefore(heap[child + 1], heap[child])) child += 1;
      const next = heap[child];
      if (next === undefined || isBefore(last, next)) break;
      heap[at] = next;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Timer | undefined, b: Timer | undefined): boolean {
  if (a === undefined || b === undefined) return b === undefined && a !== undefined;
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
