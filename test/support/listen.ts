// Ears for tests: how loud a frequency is, which one is loudest, and whether there is anything to hear.
import { toneLevel, totalLevel } from '../../src/protocol/rtp/tone.ts';

export { toneLevel, totalLevel } from '../../src/protocol/rtp/tone.ts';

/** Quieter than this counts as silence; G.711's own noise lies lower. */
const SILENCE_DBFS = -60;

/** Whether nothing can be heard in `samples`. */
export function isSilent(samples: Int16Array): boolean {
  return totalLevel(samples) < SILENCE_DBFS;
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
