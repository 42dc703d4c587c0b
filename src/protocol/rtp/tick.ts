// The beat of all audio here, 20 ms at 8 or 16 kHz, and samples of 16 bits.

export const TICK_MS = 20;
export const TICKS_A_SECOND = 1000 / TICK_MS;
/** Samples a second: of telephone audio, and of wideband. */
export const NARROW_RATE = 8000;
export const WIDE_RATE = 16_000;
/** A buffer of so many holds any tick. */
export const MAX_TICK_SAMPLES = WIDE_RATE / TICKS_A_SECOND;

/** Samples of one tick, at `rate` a second. */
export function samplesOf(rate: number): number {
  return rate / TICKS_A_SECOND;
}

/** The nearest value that fits a sample; not rounded. */
export function clip(value: number): number {
  return Math.max(-32_768, Math.min(32_767, value));
}

/** How loud `samples` are; 0 when there are none. */
export function meanMagnitude(samples: Int16Array): number {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += Math.abs(samples[i] ?? 0);
  return samples.length === 0 ? 0 : sum / samples.length;
}
