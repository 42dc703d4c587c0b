// Digits as RTP events (RFC 4733): one report a press, whatever is lost or repeated on the way, and sending with three end packets.
import { TICKS_A_SECOND } from './tick.ts';

export const EVENT_PAYLOAD_BYTES = 4;
/** Ticks a second in which lengths are told; on the wire they count in the clock of the events. */
const TOLD_RATE = 8000;
export const EVENT_TICKS_A_MS = TOLD_RATE / 1000;
/** Of a digit whose length nobody says: FreeSWITCH's own. */
export const DEFAULT_DIGIT_MS = 250;
const DIGITS = '0123456789*#ABCD';
const END_BIT = 0x80;
/** dBm0 without its sign, RFC 4733 §2.3.3. */
const VOLUME = 10;
/** The largest duration that one packet can carry; longer presses go on in a new segment (§2.5.1.3). */
const MAX_SEGMENT_TICKS = 0xffff;
/** Where a segment may end that is full: a quarter of a second before that, at most. */
const SEGMENT_SLACK_SECONDS = 0.25;
/** A press whose end never came is over after this many silent steps (200 ms). */
const LOST_END_STEPS = 10;
/** How far back a timestamp may lie and still be a late packet of an earlier press. */
const LATE_SECONDS = 4;

/** What the far end presses. Feed it every event packet and one `step` each 20 ms. */
export class DigitReceiver {
  readonly #report: (digit: string, durationTicks: number) => void;
  /** Ticks a second of the events. */
  clockRate = TOLD_RATE;
  #pressed = false;
  /** The press was told, but its end never came: it may go on behind a loss. */
  #isCut = false;
  #event = 0;
  /** Timestamp of the current or last segment. */
  #timestamp = 0;
  #segmentTicks = 0;
  #earlierTicks = 0;
  #hasHeard = false;
  #silentSteps = 0;

  /** `durationTicks` are of 8 kHz, whatever the clock of the events. */
  constructor(report: (digit: string, durationTicks: number) => void) {
    this.#report = report;
  }

  /** One event payload, `packet[start..end)`. False when it is too short or no digit. */
  handle(packet: Uint8Array, start: number, end: number, timestamp: number): boolean {
    const event = packet[start] ?? 0;
    if (end - start < EVENT_PAYLOAD_BYTES || event >= DIGITS.length) return false;
    const isEnd = ((packet[start + 1] ?? 0) & END_BIT) !== 0;
    const ticks = ((packet[start + 2] ?? 0) << 8) | (packet[start + 3] ?? 0);
    const ahead = (timestamp - this.#timestamp) | 0;
    const isLatePacket = this.#hasHeard && ahead < 0 && ahead > -LATE_SECONDS * this.clockRate;
    if (isLatePacket) return true;
    const isNewSegment = !this.#hasHeard || ahead !== 0 || event !== this.#event;
    if (isNewSegment) this.#begin(event, timestamp, ahead);
    const isRepeatedEnd = !this.#pressed && !this.#isCut;
    if (isRepeatedEnd) return true;
    this.#segmentTicks = Math.max(this.#segmentTicks, ticks);
    this.#silentSteps = 0;
    if (isEnd) this.#finish();
    return true;
  }

  /** 20 ms passed. */
  step(): void {
    if (!this.#pressed) return;
    this.#silentSteps++;
    if (this.#silentSteps <= LOST_END_STEPS) return;
    this.#finish();
    this.#isCut = true;
  }

  /** The peer's stream started anew: timestamps before mean nothing, a press going on is over. */
  restart(): void {
    this.#finish();
    this.#hasHeard = false;
  }

  #begin(event: number, timestamp: number, ahead: number): void {
    // RFC 4733 §2.5.1.3: the next segment starts where the full one before it ended.
    const full = MAX_SEGMENT_TICKS - SEGMENT_SLACK_SECONDS * this.clockRate;
    const isNext = ahead > 0 && ahead <= MAX_SEGMENT_TICKS && (this.#segmentTicks >= full || ahead >= full);
    const goesOn = (this.#pressed || this.#isCut) && event === this.#event && isNext;
    if (!goesOn) this.#finish();
    this.#earlierTicks = goesOn ? this.#earlierTicks + this.#segmentTicks : 0;
    this.#segmentTicks = 0;
    this.#pressed ||= !goesOn;
    this.#hasHeard = true;
    this.#event = event;
    this.#timestamp = timestamp;
  }

  /** Tells the press, unless it has been. */
  #finish(): void {
    this.#isCut = false;
    if (!this.#pressed) return;
    this.#pressed = false;
    const ticks = this.#earlierTicks + this.#segmentTicks;
    this.#report(DIGITS[this.#event] ?? '', Math.round((ticks * TOLD_RATE) / this.clockRate));
  }
}

/** Digits waiting to be sent, at most. */
const MAX_QUEUED = 128;
const MIN_DIGIT_MS = 40;
const MAX_DIGIT_MS = 8_000;
const END_PACKETS = 3;
/** Steps of audio between two digits. */
const GAP_STEPS = 3;

/** What we press. Each 20 ms step either writes an event payload or leaves the step to audio. */
export class DigitSender {
  readonly #queue: { readonly event: number; readonly ms: number }[] = [];
  /** Ticks a second of the events. */
  clockRate = TOLD_RATE;
  #elapsed = 0;
  #segmentTicks = 0;
  #endsSent = 0;
  #gap = 0;
  /** Of the payload written last. */
  isFirst = false;
  /** Timestamp of the payload written last: the start of its press, or of the segment of a long one. */
  timestamp = 0;

  get isIdle(): boolean {
    return this.#queue.length === 0;
  }

  /** False when `digit` is none, or too many wait. */
  enqueue(digit: string, durationMs: number): boolean {
    const event = digit.length === 1 ? DIGITS.indexOf(digit.toUpperCase()) : -1;
    if (event < 0 || this.#queue.length >= MAX_QUEUED || Number.isNaN(durationMs)) return false;
    const ms = Math.min(MAX_DIGIT_MS, Math.max(MIN_DIGIT_MS, durationMs));
    this.#queue.push({ event, ms });
    return true;
  }

  /** Writes this step's payload to `into` at `at`; false when this step is for audio. `now` is the stream's timestamp. */
  step(into: Uint8Array, at: number, now: number): boolean {
    const digit = this.#queue[0];
    if (digit === undefined) return false;
    if (this.#gap > 0) {
      this.#gap--;
      return false;
    }
    const ticks = Math.round((digit.ms * this.clockRate) / 1000);
    this.isFirst = this.#elapsed === 0;
    const more = Math.min(ticks - this.#elapsed, this.clockRate / TICKS_A_SECOND);
    if (this.isFirst || this.#segmentTicks + more > MAX_SEGMENT_TICKS) {
      this.timestamp = now;
      this.#segmentTicks = 0;
    }
    this.#elapsed += more;
    this.#segmentTicks += more;
    const isEnd = this.#elapsed === ticks;
    into[at] = digit.event;
    into[at + 1] = (isEnd ? END_BIT : 0) | VOLUME;
    into[at + 2] = this.#segmentTicks >> 8;
    into[at + 3] = this.#segmentTicks & 0xff;
    if (isEnd) this.#countEnd();
    return true;
  }

  clear(): void {
    this.#queue.length = 0;
    this.#elapsed = 0;
    this.#endsSent = 0;
    this.#gap = 0;
  }

  #countEnd(): void {
    this.#endsSent++;
    if (this.#endsSent < END_PACKETS) return;
    this.#queue.shift();
    this.#elapsed = 0;
    this.#endsSent = 0;
    this.#gap = GAP_STEPS;
  }
}
