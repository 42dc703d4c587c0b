// Which packet numbers were taken: the newest, and which of so many below it (RFC 3711 §3.3.2, RFC 6347 §4.1.2.6).

export class ReplayWindow {
  newest = -1;
  readonly #size: number;
  readonly #taken: Float64Array;

  constructor(size: number) {
    this.#size = size;
    this.#taken = new Float64Array(size).fill(-1);
  }

  /** Taken before, or too old to tell. */
  hasSeen(index: number): boolean {
    return index <= this.newest - this.#size || this.#taken[index % this.#size] === index;
  }

  note(index: number): void {
    this.#taken[index % this.#size] = index;
    if (index > this.newest) this.newest = index;
  }
}

/** Sources that one key may have, kilobytes each at most: more are refused, since what is forgotten could be replayed. Only who has the key can fill them. */
const MAX_SOURCES = 256;

/** A window for each SSRC that one key serves (RFC 3711 §3.2.3). */
export class ReplayWindows {
  readonly #size: number;
  readonly #bySource = new Map<number, ReplayWindow>();

  constructor(size: number) {
    this.#size = size;
  }

  find(ssrc: number): ReplayWindow | undefined {
    return this.#bySource.get(ssrc);
  }

  /** Whether a packet of a source that is not known yet can be remembered. */
  get hasRoom(): boolean {
    return this.#bySource.size < MAX_SOURCES;
  }

  note(ssrc: number, index: number): void {
    let window = this.#bySource.get(ssrc);
    if (window === undefined) {
      window = new ReplayWindow(this.#size);
      this.#bySource.set(ssrc, window);
    }
    window.note(index);
  }
}
