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
