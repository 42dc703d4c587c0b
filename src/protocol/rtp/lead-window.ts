// How early packets come before they are due: the least of the last two seconds tells how much delay is needed, and how much is too much.

const READS_A_BLOCK = 10;
const BLOCKS = 10;
/** Blocks that have to be known before delay is called too much: a second. */
const ENOUGH_BLOCKS = 5;

export class LeadWindow {
  readonly #least = new Float64Array(BLOCKS);
  #block = 0;
  #known = 0;
  #reads = 0;
  /** Of all blocks; Infinity before the first packet. */
  least = Number.POSITIVE_INFINITY;

  constructor() {
    this.restart();
  }

  /** Whether `least` was seen for long enough to believe that it lasts. */
  get isSure(): boolean {
    return this.#known >= ENOUGH_BLOCKS;
  }

  restart(): void {
    this.#least.fill(Number.POSITIVE_INFINITY);
    this.least = Number.POSITIVE_INFINITY;
    this.#block = 0;
    this.#known = 0;
    this.#reads = 0;
  }

  /** A packet came `lead` samples before it is due; after it, when negative. */
  note(lead: number): void {
    if (lead < (this.#least[this.#block] ?? 0)) this.#least[this.#block] = lead;
    if (lead < this.least) this.least = lead;
  }

  /** 20 ms passed. Blocks without packets, in pauses of the sender, do not count. */
  step(): void {
    this.#reads++;
    if (this.#reads < READS_A_BLOCK || this.#least[this.#block] === Number.POSITIVE_INFINITY) return;
    this.#reads = 0;
    this.#known++;
    this.#block = (this.#block + 1) % BLOCKS;
    this.#least[this.#block] = Number.POSITIVE_INFINITY;
    this.least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < BLOCKS; i++) this.least = Math.min(this.least, this.#least[i] ?? 0);
  }

  /** The delay has grown by so many samples: what came would have come so much earlier before it is due. */
  shift(samples: number): void {
    for (let i = 0; i < BLOCKS; i++) this.#least[i] = (this.#least[i] ?? 0) + samples;
    this.least += samples;
  }
}
