// The period at which a piece of audio is likest to itself: what is repeated when a packet is lost, and left out when a stream is hurried.

export interface Period {
  /** Samples. */
  readonly lag: number;
  /** Normalized correlation, -1 to 1; 1 in silence. */
  readonly likeness: number;
}

/** Voices repeat themselves every 2.5 to 15 ms; a short period is as good when taken twice, and a long one sounds less like a buzz. */
const SHORTEST_MS = 5;
/** By so much a shorter one has to be better. */
const CLEARLY = 0.02;
export const LONGEST_PERIOD_MS = 15;
/** How much of the audio is compared. */
export const COMPARED_MS = 10;
/** The search is made at about this rate, then refined. */
const SEARCH_RATE = 8000;
/** Mean square below which nothing can be heard: -60 dBFS. */
const SILENCE = 32.767 ** 2 / 2;

/** Compares `samples` from `at` on with itself `direction` (1: later, -1: earlier) of that. */
export function findPeriod(samples: Int16Array, at: number, rate: number, direction: 1 | -1): Period {
  const stride = Math.max(1, Math.floor(rate / SEARCH_RATE));
  const shortest = Math.round((SHORTEST_MS * rate) / 1000);
  const longest = Math.round((LONGEST_PERIOD_MS * rate) / 1000);
  const compared = Math.round((COMPARED_MS * rate) / 1000);
  let best: Period = { lag: longest, likeness: likenessOf(samples, at, at + direction * longest, compared, stride) };
  for (let lag = longest - stride; lag >= shortest; lag -= stride) {
    const likeness = likenessOf(samples, at, at + direction * lag, compared, stride);
    if (likeness > best.likeness + CLEARLY) best = { lag, likeness };
  }
  if (stride === 1) return best;
  const near = best.lag;
  for (let lag = near - stride + 1; lag < near + stride; lag++) {
    if (lag === near || lag > longest) continue;
    const likeness = likenessOf(samples, at, at + direction * lag, compared, stride);
    if (likeness > best.likeness) best = { lag, likeness };
  }
  return best;
}

function likenessOf(samples: Int16Array, a: number, b: number, count: number, stride: number): number {
  let product = 0;
  let energyA = 0;
  let energyB = 0;
  for (let i = 0; i < count; i += stride) {
    const x = samples[a + i] ?? 0;
    const y = samples[b + i] ?? 0;
    product += x * y;
    energyA += x * x;
    energyB += y * y;
  }
  const quiet = (SILENCE * count) / stride;
  if (energyA < quiet && energyB < quiet) return 1;
  return product / Math.sqrt(energyA * energyB + 1);
}
