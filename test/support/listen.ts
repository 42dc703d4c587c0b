// Ears for tests: how loud a frequency is, which one is loudest, and whether there is anything to hear.
import { toneLevel, totalLevel } from './tone-level.ts';

export { toneLevel, totalLevel } from './tone-level.ts';

/** Quieter than this counts as silence; G.711's own noise lies lower. */
const SILENCE_DBFS = -60;

/** Whether nothing can be heard in `samples`. */
export function isSilent(samples: Int16Array): boolean {
  return totalLevel(samples) < SILENCE_DBFS;
}

const TENTH = 800;

/**
 * The level of `hz` in dBFS as most tenths of a second of `samples` (8 kHz) have it: a packet that a busy machine delivers late
 * breaks a tone's phase in one of them, not in all.
 */
export function steadyLevel(samples: Int16Array, hz: number): number {
  const count = Math.floor(samples.length / TENTH);
  const levels = Array.from({ length: count }, (_, at) =>
    toneLevel(samples.subarray(at * TENTH, (at + 1) * TENTH), 8000, hz),
  );
  return levels.toSorted((a, b) => a - b)[count >> 1] ?? Number.NEGATIVE_INFINITY;
}

/** The loudest frequency in Hz, to about 1 Hz, or undefined in silence. Needs 100 ms at least. */
export function dominantFrequency(samples: Int16Array, rate: number): number | undefined {
  if (isSilent(samples)) return undefined;
  const coarse = Math.max(2, Math.floor((2 * rate) / samples.length));
  const near = loudest(samples, rate, coarse, rate / 2 - coarse, coarse);
  return loudest(samples, rate, near - coarse, near + coarse, 1);
}

function loudest(samples: Int16Array, rate: number, from: number, to: number, step: number): number {
  let best = from;
  let bestLevel = Number.NEGATIVE_INFINITY;
  for (let hz = from; hz <= to; hz += step) {
    const level = toneLevel(samples, rate, hz);
    if (level > bestLevel) {
      best = hz;
      bestLevel = level;
    }
  }
  return best;
}
