// What a channel is to do later; its end forgets all of it.
import type { Clock } from '../../../kernel/clock.ts';

const MAX_TASKS = 64;

export class ChannelTasks implements Disposable {
  readonly #clock: Clock;
  readonly #timers = new Set<Disposable>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False when too much waits already. */
  after(waitMs: number, act: () => void): boolean {
    if (this.#timers.size >= MAX_TASKS) return false;
    const timer = this.#clock.after(waitMs, () => {
      this.#timers.delete(timer);
      act();
    });
    this.#timers.add(timer);
    return true;
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#timers.clear();
  }
}
