// What is heard in place of audio that never came: the last period again, fading out within 60 ms (in the manner of ITU-T G.711 appendix I).
import { COMPARED_MS, findPeriod, LONGEST_PERIOD_MS } from './period.ts';
import { clip } from './tick.ts';

/** What lies before a loss and is looked at. */
export const HISTORY_MS = COMPARED_MS + LONGEST_PERIOD_MS;
/** As loud as before for so long, and silent after so long. */
const FULL_MS = 10;
const SILENT_MS = 60;
/** The seam between two periods, and between concealment and what comes after it. */
const SEAM_MS = 2.5;
const JOIN_MS = 5;

export class Concealer {
  readonly #rate: number;
  readonly #period: Int16Array;
  readonly #joining: Int16Array;
  #length = 0;
  #made = 0;
  /** Between `begin` and `join` or `stop`. */
  isOn = false;

  constructor(rate: number) {
    this.#rate = rate;
    this.#period = new Int16Array(this.#samplesOf(LONGEST_PERIOD_MS));
    this.#joining = new Int16Array(this.#samplesOf(JOIN_MS));
  }

  /** Samples of the period that is repeated. */
  get period(): number {
    return this.#length;
  }

  /** Learns what ends before `end`; `HISTORY_MS` of it are looked at. */
  begin(samples: Int16Array, end: number): void {
    const { lag } = findPeriod(samples, end - this.#samplesOf(COMPARED_MS), this.#rate, -1);
    const seam = Math.min(lag, this.#samplesOf(SEAM_MS));
    // Where one period follows another, the step between their ends is spread out.
    const step = (samples[end - 1] ?? 0) - (samples[end - lag - 1] ?? 0);
    for (let i = 0; i < lag; i++) {
      const smoothed = (samples[end - lag + i] ?? 0) + (i < seam ? step * (1 - i / seam) : 0);
      this.#period[i] = clip(smoothed);
    }
    this.#length = lag;
    this.#made = 0;
    this.isOn = true;
  }

  /** Goes on for `count` samples, in `into` from `at` on. */
  make(into: Int16Array, at: number, count: number): void {
    const full = this.#samplesOf(FULL_MS);
    const silent = this.#samplesOf(SILENT_MS);
    for (let i = 0; i < count; i++, this.#made++) {
      if (this.#made >= silent) {
        into.fill(0, at + i, at + count);
        return;
      }
      const gain = this.#made < full ? 1 : (silent - this.#made) / (silent - full);
      into[at + i] = (this.#period[this.#made % this.#length] ?? 0) * gain;
    }
  }

  /** Audio goes on: its first milliseconds, from `at` on, take over from what would have been made. */
  join(samples: Int16Array, at: number, count: number): void {
    const fade = Math.min(count, this.#joining.length);
    this.make(this.#joining, 0, fade);
    for (let i = 0; i < fade; i++) {
      const share = (i + 1) / (fade + 1);
      samples[at + i] = (samples[at + i] ?? 0) * share + (this.#joining[i] ?? 0) * (1 - share);
    }
    this.isOn = false;
  }

  stop(): void {
    this.isOn = false;
  }

  #samplesOf(ms: number): number {
    return Math.round((ms * this.#rate) / 1000);
  }
}
