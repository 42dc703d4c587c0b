// Sound that is laid over a conference, or over what one member hears: files and tones in their order, told when each is done.
import { RateMatch } from '../../../protocol/rtp/rate-match.ts';
import { MAX_TICK_SAMPLES, samplesOf, TICK_MS } from '../../../protocol/rtp/tick.ts';
import type { MediaHost } from '../host/host.ts';
import type { Opened } from '../sources/open-source.ts';
import { openSource } from '../sources/open-source.ts';

/** Files that may wait at a time. */
const MAX_QUEUED = 64;

export interface Played {
  /** As it was asked for. */
  readonly file: string;
  readonly ms: number;
  readonly samples: number;
}

export class FileQueue {
  readonly #host: MediaHost;
  readonly #onDone: (played: Played) => void;
  readonly #rates = new RateMatch();
  readonly #buffer = new Int16Array(MAX_TICK_SAMPLES);
  #view: Int16Array;
  #waiting: string[] = [];
  #file = '';
  #current: Opened | undefined;
  #isOpening = false;
  #samples = 0;
  #isOver = false;

  constructor(host: MediaHost, onDone: (played: Played) => void) {
    this.#host = host;
    this.#onDone = onDone;
    this.#view = this.#buffer.subarray(0, MAX_TICK_SAMPLES);
  }

  /** False when too many wait. */
  add(file: string, rate: number): boolean {
    if (this.#waiting.length >= MAX_QUEUED) return false;
    this.#waiting.push(file);
    this.#next(rate);
    return true;
  }

  /** Ends what plays, or all of it; answers how many. */
  stop(all: boolean, rate: number): number {
    const waiting = all ? this.#waiting.splice(0).length : 0;
    if (this.#current === undefined) return waiting;
    this.#finish(this.#current);
    this.#next(rate);
    return waiting + 1;
  }

  /** The next 20 ms at `rate`; undefined when nothing plays. The array is used again. */
  read(rate: number): Int16Array | undefined {
    const current = this.#current;
    if (current === undefined) return undefined;
    const size = current.source.rateKhz * TICK_MS;
    if (this.#view.length !== size) this.#view = this.#buffer.subarray(0, size);
    const count = current.source.read(this.#view);
    this.#view.fill(0, count);
    this.#samples += count;
    if (count < size) {
      this.#finish(current);
      this.#next(rate);
    }
    return this.#rates.match(this.#view, samplesOf(rate));
  }

  close(): void {
    this.#isOver = true;
    this.#waiting = [];
    this.#current = undefined;
  }

  #finish({ source }: Opened): void {
    const samples = this.#samples;
    this.#current = undefined;
    this.#samples = 0;
    this.#onDone({ file: this.#file, samples, ms: Math.round(samples / source.rateKhz) });
  }

  #next(rate: number): void {
    if (this.#isOpening || this.#current !== undefined || this.#isOver) return;
    const file = this.#waiting.shift();
    if (file === undefined) return;
    this.#file = file;
    const opened = openSource(file, this.#host, rate / 1000);
    if (!(opened instanceof Promise)) {
      this.#begin(opened, rate);
      return;
    }
    this.#isOpening = true;
    this.#host.supervise(
      opened.then((found) => {
        this.#isOpening = false;
        if (!this.#isOver) this.#begin(found, rate);
      }),
    );
  }

  #begin(opened: Opened | undefined, rate: number): void {
    if (opened !== undefined) this.#current = opened;
    else {
      this.#onDone({ file: this.#file, samples: 0, ms: 0 });
      this.#next(rate);
    }
  }
}
