// What a receiver counts of one stream: loss by sequence numbers and interarrival jitter (RFC 3550 §6.4.1, appendix A.3 and A.8).

const SEQUENCE_MODULUS = 65536;
/** A jump further than this is a new start of the sender's numbering, not loss. */
const MAX_DROPOUT = 3000;

export class ReceptionStats {
  #ssrc = -1;
  #base = 0;
  #highest = 0;
  #received = 0;
  #total = 0;
  #lostBefore = 0;
  #transit = Number.NaN;
  #jitter = 0;
  /** Expected and received when the last report was taken. */
  #expectedBefore = 0;
  #receivedBefore = 0;

  /** Notes one packet, `arrival` in ticks of the stream's clock; without a timestamp when that does not tell when it was sent. Another SSRC is counted anew. */
  note(ssrc: number, sequence: number, timestamp: number | undefined, arrival: number): void {
    const isNew = ssrc !== this.#ssrc;
    const ahead = isNew ? 0 : ((sequence - this.#highest) << 16) >> 16;
    if (isNew || Math.abs(ahead) > MAX_DROPOUT) this.#restart(ssrc, sequence);
    else if (ahead > 0) this.#highest += ahead;
    this.#received++;
    this.#total++;
    if (timestamp !== undefined) this.#noteTransit(arrival - timestamp);
  }

  /** RFC 3550 appendix A.3; duplicates may make a loss unseen, never negative. */
  get lost(): number {
    return this.#lostBefore + this.#lostNow();
  }

  /** In ticks of the stream's clock. */
  get jitter(): number {
    return this.#jitter;
  }

  /** The source that is counted; -1 before the first packet. */
  get ssrc(): number {
    return this.#ssrc;
  }

  /** Packets that came or should have, of all sources. */
  get expected(): number {
    return this.#total + this.lost;
  }

  /** What a report says of the present source; the fraction is of what came since the report before (appendix A.3). */
  takeReport(): { fractionLost: number; lost: number; highestSequence: number; jitter: number } {
    const expected = this.#received === 0 ? 0 : this.#highest - this.#base + 1;
    const [expectedNow, receivedNow] = [expected - this.#expectedBefore, this.#received - this.#receivedBefore];
    this.#expectedBefore = expected;
    this.#receivedBefore = this.#received;
    const lostNow = Math.max(0, expectedNow - receivedNow);
    return {
      fractionLost: expectedNow <= 0 ? 0 : Math.min(255, Math.floor((lostNow * 256) / expectedNow)),
      lost: expected - this.#received,
      highestSequence: this.#highest,
      jitter: this.#jitter,
    };
  }

  #lostNow(): number {
    return this.#received === 0 ? 0 : Math.max(0, this.#highest - this.#base + 1 - this.#received);
  }

  #restart(ssrc: number, sequence: number): void {
    this.#lostBefore += this.#lostNow();
    this.#ssrc = ssrc;
    this.#base = sequence % SEQUENCE_MODULUS;
    this.#highest = this.#base;
    this.#received = 0;
    this.#transit = Number.NaN;
    this.#expectedBefore = 0;
    this.#receivedBefore = 0;
  }

  /** RFC 3550 appendix A.8. A timestamp that jumped is no jitter. */
  #noteTransit(transit: number): void {
    const change = Math.abs((transit - this.#transit) | 0);
    if (!Number.isNaN(this.#transit) && change < 8000 * 5) this.#jitter += (change - this.#jitter) / 16;
    this.#transit = transit;
  }
}
