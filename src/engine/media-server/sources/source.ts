// Audio that the media server plays: linear samples at the rate it was opened for, read a tick at a time.

export interface AudioSource {
  /** Samples a millisecond: 8 or 16. */
  readonly rateKhz: number;
  /** Fills `into` from its start; answers how many samples there were, fewer than asked at the end. */
  read(into: Int16Array): number;
  /** All that it has; Infinity for one without end. */
  readonly totalSamples: number;
  /** Leaves out the first `samples`. Called before the first read. */
  skip(samples: number): void;
  /** `tone_stream`, where events name it. */
  readonly fileType?: string;
}
