// What the server is to do later, by number and by group (`sched_…`); what waits for one call alone and has no number is a channel's own.
import type { Clock } from '../../../kernel/clock.ts';

const MAX_TASKS = 1_000;

export class ServerTasks {
  readonly #clock: Clock;
  readonly #tasks = new Map<number, { readonly group: string; readonly timer: Disposable }>();
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `act` later, and with `isRepeated` again and again; its number, or undefined when too much waits. */
  schedule(group: string, waitMs: number, act: () => void, isRepeated = false): number | undefined {
    if (this.#tasks.size >= MAX_TASKS) return undefined;
    const id = ++this.#last;
    const wait = () => this.#tasks.set(id, { group, timer: this.#clock.after(waitMs, run) });
    const run = (): void => {
      this.#tasks.delete(id);
      if (isRepeated) wait();
      act();
    };
    wait();
    return id;
  }

  /** Forgets a task by its number, or all of a group; how many there were. */
  forget(wanted: string): number {
    const found = [...this.#tasks].filter(([id, { group }]) => String(id) === wanted || group === wanted);
    for (const [id, { timer }] of found) {
      timer[Symbol.dispose]();
      this.#tasks.delete(id);
    }
    return found.length;
  }

  /** Nothing that was to run later will. */
  clear(): void {
    for (const { timer } of this.#tasks.values()) timer[Symbol.dispose]();
    this.#tasks.clear();
  }
}
