// G.722 at 64 kbit/s (ITU-T G.722, mode 1): two sub-bands of 16 kHz audio in adaptive differential code, one byte for two samples.

/** G.722 table 14, 5.2: quantizer decision levels of the lower band, 6 bits. */
const LOW_LEVELS = [
  0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
  1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/** Output codes of the lower band for a negative and a positive difference, by level. */
const LOW_NEGATIVE = [
  0, 63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4,
];
const LOW_POSITIVE = [
  0, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33,
  32,
];
/** Inverse quantizers: 4 bits for the predictor, 6 bits for the output, 2 bits for the upper band. */
const LOW_INVERSE_4 = [
  0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
];
const LOW_INVERSE_6 = [
  -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
  -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728, 24808,
  21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008,
  3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
const HIGH_INVERSE = [-7408, -1616, 7408, 1616];
/** Logarithmic scale factor: multipliers by code, and its exponential. */
const LOW_WEIGHTS = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
const HIGH_WEIGHTS = [798, -214, 798, -214];
const SCALE = [
  2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
  3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
const HIGH_LEVEL = 564;
/** The quadrature mirror filter (table 11), 24 taps as 12 of each phase. */
const QMF = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/** One sub-band: the adaptive predictor of two poles and six zeros (§3.6) and the scale factor (§3.5). */
class Band {
  readonly #isLow: boolean;
  readonly #zeros = new Int32Array(6);
  /** Differences, newest first. */
  readonly #differences = new Int32Array(7);
  readonly #poles = new Int32Array(2);
  readonly #partial = new Int32Array(2);
  #reconstructed = 0;
  #before = 0;
  #logScale = 0;
  #sumZeros = 0;
  /** What comes next, predicted. */
  signal = 0;
  /** The quantizer's step. */
  scale: number;

  constructor(isLow: boolean) {
    this.#isLow = isLow;
    this.scale = isLow ? 32 : 8;
  }

  /** Takes the quantized difference and its code; predicts the next sample. */
  adapt(difference: number, weight: number): void {
    this.#adaptScale(weight);
    this.#predict(difference);
  }

  /** LOGSCL and SCALEL, or LOGSCH and SCALEH. */
  #adaptScale(weight: number): void {
    const most = this.#isLow ? 18_432 : 22_528;
    this.#logScale = Math.max(0, Math.min(most, ((this.#logScale * 127) >> 7) + weight));
    const fraction = SCALE[(this.#logScale >> 6) & 31] ?? 0;
    const shift = (this.#isLow ? 8 : 10) - (this.#logScale >> 11);
    this.scale = (shift < 0 ? fraction << -shift : fraction >> shift) << 2;
  }

  /** Block 4: RECONS, PARREC, UPPOL2, UPPOL1, UPZERO, DELAYA, FILTEP, FILTEZ, PREDIC. */
  #predict(difference: number): void {
    const reconstructed = saturate(this.signal + difference);
    const partial = saturate(this.#sumZeros + difference);
    this.#adaptPoles(partial);
    this.#adaptZeros(difference);
    this.#before = this.#reconstructed;
    this.#reconstructed = reconstructed;
    const first = ((this.#poles[0] ?? 0) * saturate(2 * this.#reconstructed)) >> 15;
    const second = ((this.#poles[1] ?? 0) * saturate(2 * this.#before)) >> 15;
    this.#sumZeros = this.#filterZeros();
    this.signal = saturate(saturate(first + second) + this.#sumZeros);
  }

  #adaptPoles(partial: number): void {
    const [p1 = 0, p2 = 0] = [this.#partial[0], this.#partial[1]];
    const [a1 = 0, a2 = 0] = [this.#poles[0], this.#poles[1]];
    const isSame1 = partial < 0 === p1 < 0;
    const isSame2 = partial < 0 === p2 < 0;
    const quarter = saturate(a1 << 2);
    const turned = Math.min(32_767, isSame1 ? -quarter : quarter) >> 7;
    const moved = turned + (isSame2 ? 128 : -128) + ((a2 * 32_512) >> 15);
    const next2 = Math.max(-12_288, Math.min(12_288, moved));
    const limit = saturate(15_360 - next2);
    const next1 = saturate((isSame1 ? 192 : -192) + ((a1 * 32_640) >> 15));
    this.#poles[0] = Math.max(-limit, Math.min(limit, next1));
    this.#poles[1] = next2;
    this.#partial[1] = p1;
    this.#partial[0] = partial;
  }

  #adaptZeros(difference: number): void {
    const step = difference === 0 ? 0 : 128;
    for (let i = 5; i >= 0; i--) {
      const past = this.#differences[i] ?? 0;
      const sign = past < 0 === difference < 0 ? step : -step;
      this.#zeros[i] = saturate(sign + (((this.#zeros[i] ?? 0) * 32_640) >> 15));
    }
    for (let i = 6; i > 0; i--) this.#differences[i] = this.#differences[i - 1] ?? 0;
    this.#differences[0] = difference;
  }

  #filterZeros(): number {
    let sum = 0;
    for (let i = 5; i >= 0; i--) sum += ((this.#zeros[i] ?? 0) * saturate(2 * (this.#differences[i] ?? 0))) >> 15;
    return saturate(sum);
  }
}

/** 16 kHz samples to bytes. State goes on from call to call. */
export class G722Encoder {
  readonly #low = new Band(true);
  readonly #high = new Band(false);
  readonly #history = new Int32Array(24);

  /** Encodes `count` samples, an even number, into `count / 2` bytes from `at` on; answers how many bytes. */
  encode(from: Int16Array, count: number, into: Uint8Array, at: number): number {
    for (let i = 0; i < count; i += 2) {
      const history = this.#history;
      history.copyWithin(0, 2);
      history[22] = from[i] ?? 0;
      history[23] = from[i + 1] ?? 0;
      let odd = 0;
      let even = 0;
      for (let k = 0; k < 12; k++) {
        odd += (history[2 * k] ?? 0) * (QMF[k] ?? 0);
        even += (history[2 * k + 1] ?? 0) * (QMF[11 - k] ?? 0);
      }
      const low = (even + odd) >> 14;
      const high = (even - odd) >> 14;
      into[at + i / 2] = (this.#encodeHigh(high) << 6) | this.#encodeLow(low);
    }
    return count / 2;
  }

  #encodeLow(sample: number): number {
    const band = this.#low;
    const error = saturate(sample - band.signal);
    const size = error >= 0 ? error : -(error + 1);
    let level = 1;
    while (level < 30 && size >= ((LOW_LEVELS[level] ?? 0) * band.scale) >> 12) level++;
    const code = (error < 0 ? LOW_NEGATIVE[level] : LOW_POSITIVE[level]) ?? 0;
    const short = code >> 2;
    band.adapt((band.scale * (LOW_INVERSE_4[short] ?? 0)) >> 15, LOW_WEIGHTS[short] ?? 0);
    return code;
  }

  #encodeHigh(sample: number): number {
    const band = this.#high;
    const error = saturate(sample - band.signal);
    const size = error >= 0 ? error : -(error + 1);
    const isLarge = size >= (HIGH_LEVEL * band.scale) >> 12;
    const code = error < 0 ? (isLarge ? 0 : 1) : isLarge ? 2 : 3;
    band.adapt((band.scale * (HIGH_INVERSE[code] ?? 0)) >> 15, HIGH_WEIGHTS[code] ?? 0);
    return code;
  }
}

/** Bytes to 16 kHz samples. State goes on from call to call. */
export class G722Decoder {
  readonly #low = new Band(true);
  readonly #high = new Band(false);
  readonly #history = new Int32Array(24);

  /** Decodes one byte into two samples at `at`. */
  decode(code: number, into: Int16Array, at: number): void {
    const low = this.#decodeLow(code & 0x3f);
    const high = this.#decodeHigh((code >> 6) & 3);
    const history = this.#history;
    history.copyWithin(0, 2);
    history[22] = low + high;
    history[23] = low - high;
    let first = 0;
    let second = 0;
    for (let k = 0; k < 12; k++) {
      second += (history[2 * k] ?? 0) * (QMF[k] ?? 0);
      first += (history[2 * k + 1] ?? 0) * (QMF[11 - k] ?? 0);
    }
    into[at] = saturate(first >> 11);
    into[at + 1] = saturate(second >> 11);
  }

  #decodeLow(code: number): number {
    const band = this.#low;
    const output = band.signal + ((band.scale * (LOW_INVERSE_6[code] ?? 0)) >> 15);
    const short = code >> 2;
    band.adapt((band.scale * (LOW_INVERSE_4[short] ?? 0)) >> 15, LOW_WEIGHTS[short] ?? 0);
    return Math.max(-16_384, Math.min(16_383, output));
  }

  #decodeHigh(code: number): number {
    const band = this.#high;
    const difference = (band.scale * (HIGH_INVERSE[code] ?? 0)) >> 15;
    const output = band.signal + difference;
    band.adapt(difference, HIGH_WEIGHTS[code] ?? 0);
    return Math.max(-16_384, Math.min(16_383, output));
  }
}

function saturate(value: number): number {
  return Math.max(-32_768, Math.min(32_767, value));
}
