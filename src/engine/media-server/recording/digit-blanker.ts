// Keeps digits that sound in the audio out of a recording: it runs four ticks late, so that a tone is silenced from where it began.
import { DtmfDetector } from '../../../protocol/rtp/dtmf-detector.ts';
import { RateMatch } from '../../../protocol/rtp/rate-match.ts';
import { NARROW_RATE, samplesOf } from '../../../protocol/rtp/tick.ts';

/** Ticks held back: the two that a digit is believed by, one that it may have begun in, one for its edge. */
export const BLANKER_DELAY_TICKS = 4;
/** Ticks that are silenced after the last one with the tone. */
const TAIL_TICKS = 2;
const DETECTOR_SAMPLES = samplesOf(NARROW_RATE);

/** One direction of a recording. */
export class DigitBlanker {
  /** Whether the newest tick, the last one taken, was silenced. */
  isBlanking = false;
  readonly #detector = new DtmfDetector(() => undefined);
  readonly #forDetector = new RateMatch();
  readonly #held: Int16Array[];
  #next = 0;
  #tail = 0;

  /** `count`: samples of a tick. */
  constructor(count: number) {
    this.#held = Array.from({ length: BLANKER_DELAY_TICKS + 1 }, () => new Int16Array(count));
  }

  /** Takes a tick and answers the one four before it; the array is used again. The first four answers are silence that nobody said. */
  push(samples: Int16Array): Int16Array {
    const newest = this.#held[this.#next];
    newest?.set(samples);
    this.#detector.step(this.#forDetector.match(samples, DETECTOR_SAMPLES));
    this.isBlanking = this.#detector.isHeard || this.#tail > 0;
    if (this.#detector.isHeard) {
      for (const held of this.#held) held.fill(0);
      this.#tail = TAIL_TICKS;
    } else if (this.#tail > 0) {
      newest?.fill(0);
      this.#tail--;
    }
    this.#next = (this.#next + 1) % this.#held.length;
    return this.#held[this.#next] ?? samples;
  }
}
