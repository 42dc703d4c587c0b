// Digits in the audio itself (ITU-T Q.23, Q.24): two tones found by Goertzel filters each 10 ms, told once a press.

const ROWS = [697, 770, 852, 941] as const;
const COLUMNS = [1209, 1336, 1477, 1633] as const;
const KEYS = '123A456B789C*0#D';
const RATE = 8000;
/** A step is looked at, and what lies half in it and half in the one before: a tone of 40 ms, however it lies, fills two of these or three. */
const STEP = 160;
const HALF = STEP / 2;
/** Samples of each that are looked at, its middle: so wide that a tone 1.5 % off is found, so narrow that its neighbour is not. */
const FIRST = 29;
const WINDOW = 102;
/** Looks that must agree before a digit is believed (Q.24 wants 40 ms to be enough), and looks without it before it can come again. */
const BELIEVED_LOOKS = 2;
const GAP_LOOKS = 3;
/** Mean square of the quietest pair that counts: both tones at -36 dBFS. */
const LEAST_POWER = 32_767 ** 2 * 10 ** -3.6;
/** Q.24: the row may be 8 dB louder than the column, the column 4 dB louder than the row; half a decibel of grace. */
const MOST_ROW_TWIST = 10 ** 0.85;
const MOST_COLUMN_TWIST = 10 ** 0.65;
/** How much of all the power the two tones must have: speech has it elsewhere. */
const LEAST_SHARE = 0.63;
/** How far the next tone of its group must stay below. */
const LEAST_LEAD = 10 ** 0.7;

export class DtmfDetector {
  readonly #report: (digit: string) => void;
  readonly #powers = new Float64Array(8);
  /** Half of the step before, half of this one. */
  readonly #between = new Int16Array(STEP);
  #candidate = -1;
  #agreeing = 0;
  #absent = GAP_LOOKS;
  #told = -1;
  /** Whether a digit sounded in the last step. */
  isHeard = false;

  constructor(report: (digit: string) => void) {
    this.#report = report;
  }

  /** The next 20 ms at 8 kHz. */
  step(samples: Int16Array): void {
    this.isHeard = false;
    for (let i = 0; i < HALF; i++) this.#between[HALF + i] = samples[i] ?? 0;
    this.#look(this.#between);
    this.#look(samples);
    for (let i = 0; i < HALF; i++) this.#between[i] = samples[HALF + i] ?? 0;
  }

  #look(samples: Int16Array): void {
    const key = this.#find(samples);
    if (key >= 0 && key === this.#candidate) this.#agreeing++;
    else this.#agreeing = key < 0 ? 0 : 1;
    this.#candidate = key;
    this.#absent = key >= 0 && key === this.#told ? 0 : this.#absent + 1;
    if (this.#absent >= GAP_LOOKS) this.#told = -1;
    if (this.#agreeing < BELIEVED_LOOKS) return;
    this.isHeard = true;
    if (key === this.#told) return;
    this.#told = key;
    this.#absent = 0;
    this.#report(KEYS[key] ?? '');
  }

  /** Index into the keys, or -1. */
  #find(samples: Int16Array): number {
    let total = 0;
    for (let i = FIRST; i < FIRST + WINDOW; i++) total += (samples[i] ?? 0) ** 2;
    total /= WINDOW;
    if (total < LEAST_POWER) return -1;
    for (let i = 0; i < 4; i++) {
      this.#powers[i] = tonePower(samples, ROWS[i] ?? 0);
      this.#powers[4 + i] = tonePower(samples, COLUMNS[i] ?? 0);
    }
    const row = this.#leader(0);
    const column = this.#leader(4);
    if (row < 0 || column < 0) return -1;
    const [low, high] = [this.#powers[row] ?? 0, this.#powers[column] ?? 0];
    const isTwisted = low > high * MOST_ROW_TWIST || high > low * MOST_COLUMN_TWIST;
    return isTwisted || low + high < total * LEAST_SHARE ? -1 : row * 4 + (column - 4);
  }

  /** The loudest of a group of four, when it leads clearly. */
  #leader(from: number): number {
    let best = from;
    let second = 0;
    for (let i = from + 1; i < from + 4; i++) {
      const power = this.#powers[i] ?? 0;
      if (power > (this.#powers[best] ?? 0)) {
        second = this.#powers[best] ?? 0;
        best = i;
      } else if (power > second) second = power;
    }
    return (this.#powers[best] ?? 0) >= second * LEAST_LEAD ? best : -1;
  }
}

/** Mean square of the sine of `hz` in one step. */
function tonePower(samples: Int16Array, hz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / RATE);
  let before = 0;
  let last = 0;
  for (let i = FIRST; i < FIRST + WINDOW; i++) {
    const next = (samples[i] ?? 0) + coefficient * last - before;
    before = last;
    last = next;
  }
  const power = last * last + before * before - coefficient * last * before;
  return (2 * Math.max(0, power)) / (WINDOW * WINDOW);
}
