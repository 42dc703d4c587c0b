// Audio that the media server plays: 8 kHz linear samples, read a tick at a time.

export interface AudioSource {
  /** Fills `into` from its start; answers how many samples there were, fewer than asked at the end. */
  read(into: Int16Array): number;
  /** All that it has; Infinity for one without end. */
  readonly totalSamples: number;
  /** Leaves out the first `samples`. Called before the first read. */
  skip(samples: number): void;
  /** `tone_stream`, where events name it. */
  readonly fileType?: string;
}

/** Samples a millisecond. */
export const RATE_KHZ = 8;
