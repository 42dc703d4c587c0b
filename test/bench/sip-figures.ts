// How late a generator of the edge's benchmarks was.
import { percentile } from './figures.ts';

/** How long after its time a ticker ran: what a generator adds to the delays that it measures. */
export class Lateness {
  readonly #late: number[] = [];
  readonly #from = performance.now();
  #last = performance.now();

  sample(everyMs: number, now: number): void {
    this.#late.push(Math.max(0, now - this.#last - everyMs));
    this.#last = now;
  }

  elapsedMs(now: number): number {
    return now - this.#from;
  }

  p99(): number {
    return percentile(this.#late, 0.99);
  }
}
