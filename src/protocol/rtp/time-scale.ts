// Hurries a stream without changing its pitch: one period is left out, the two around it faded into each other.
import { findPeriod, LONGEST_PERIOD_MS } from './period.ts';

/** What has to be there for it. */
export const SHORTENED_MS = 2 * LONGEST_PERIOD_MS;

/** Shortens `samples[at..end)`; answers how many samples are gone from its end, 0 when its periods are less like than `leastLikeness`. */
export function shorten(samples: Int16Array, at: number, end: number, rate: number, leastLikeness: number): number {
  if (end - at < Math.round((SHORTENED_MS * rate) / 1000)) return 0;
  const { lag, likeness } = findPeriod(samples, at, rate, 1);
  if (likeness < leastLikeness) return 0;
  for (let i = 0; i < lag; i++) {
    const share = (i + 1) / (lag + 1);
    samples[at + i] = (samples[at + i] ?? 0) * (1 - share) + (samples[at + lag + i] ?? 0) * share;
  }
  samples.copyWithin(at + lag, at + 2 * lag, end);
  return lag;
}
