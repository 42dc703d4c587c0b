// Figures of the edge's benchmarks: percentiles, and how late a generator was.

/** The value that `percent` of them do not exceed; NaN of none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}

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
    return percentile(this.#late, 99);
  }
}
