// How a busy leg worker waits: it looks at its sockets some times a beat instead of at every packet, unless the main thread rings.
// A packet alone costs a wake-up of the thread and a turn of its event loop, more than all that is done with it (decisions/media-workers.md).

/** Packets wait so long at most; they are heard at the beat, every 20 ms. */
const NAP_MS = 4;
/** With fewer legs than this packets are so rare that the turns of the loop would cost more than they save. */
const MIN_LEGS = 8;

/** The main thread's side: every message is followed by a ring. */
export class Bell {
  readonly memory: SharedArrayBuffer;
  readonly #rings: Int32Array;

  constructor(memory = new SharedArrayBuffer(4)) {
    this.memory = memory;
    this.#rings = new Int32Array(memory);
  }

  ring(): void {
    Atomics.add(this.#rings, 0, 1);
    Atomics.notify(this.#rings, 0);
  }

  get rings(): number {
    return Atomics.load(this.#rings, 0);
  }

  /** Blocks the thread until it rings more often than `heard`, for `NAP_MS` at most. */
  nap(heard: number): void {
    Atomics.wait(this.#rings, 0, heard, NAP_MS);
  }
}

/** The worker's side. `legs` tells how many there are now. */
export class Napper {
  readonly #bell: Bell;
  readonly #legs: () => number;
  #heard = 0;
  #isNapping = false;

  constructor(bell: Bell, legs: () => number) {
    this.#bell = bell;
    this.#legs = legs;
  }

  /** After legs have come or gone. */
  consider(): void {
    if (this.#isNapping || this.#legs() < MIN_LEGS) return;
    this.#isNapping = true;
    this.#heard = this.#bell.rings;
    setImmediate(this.#turn);
  }

  /** One turn of the event loop has served every socket that had something. */
  readonly #turn = (): void => {
    this.#bell.nap(this.#heard);
    this.#heard = this.#bell.rings;
    this.#isNapping = this.#legs() >= MIN_LEGS;
    if (this.#isNapping) setImmediate(this.#turn);
  };
}
