// Comfort noise (RFC 3389): what is heard while the peer sends none of its silence. Level alone; the spectrum that may follow is left out.

/** dBov of the loudest noise that is made, whatever a packet asks for. */
const LOUDEST = -30;
const QUIETEST = -90;
/** A full-scale square wave is 0 dBov; uniform noise of this peak has its level. */
const PEAK_OF_LEVEL = 32_767 * Math.sqrt(3);

export class ComfortNoise {
  #peak = 0;
  #state = 0x2545f491;

  get isOn(): boolean {
    return this.#peak > 0;
  }

  /** §3: the first byte is the level below 0 dBov. */
  set(payload: Uint8Array, start: number, end: number): void {
    if (end <= start) return;
    const level = Math.max(QUIETEST, Math.min(LOUDEST, -((payload[start] ?? 127) & 0x7f)));
    this.#peak = PEAK_OF_LEVEL * 10 ** (level / 20);
  }

  stop(): void {
    this.#peak = 0;
  }

  fill(into: Int16Array): void {
    for (let i = 0; i < into.length; i++) {
      // xorshift: only has to sound like nothing.
      this.#state ^= this.#state << 13;
      this.#state ^= this.#state >>> 17;
      this.#state ^= this.#state << 5;
      into[i] = (this.#state / 0x80000000) * this.#peak;
    }
  }
}
