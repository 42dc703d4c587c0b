// Seeded random numbers for tests that try many inputs: the seed is printed, and WARDLINE_SEED repeats a run.

export interface Seeded {
  readonly seed: number;
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number;
  bytes(count: number): Uint8Array;
}

/** xorshift32 from `seed`, from the environment, or from the clock. */
export function seeded(seed = Number(process.env.WARDLINE_SEED ?? Date.now() % 1_000_000_007)): Seeded {
  let state = seed >>> 0 || 1;
  const below = (limit: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
  return { seed, below, bytes: (count) => Uint8Array.from({ length: count }, () => below(256)) };
}
