// The jitter buffer: packets in, 20 ms of audio out; puts order back, conceals what never came, and keeps just the delay that the network needs.
// Time moves by `read` alone, so a test drives it without a clock.
import { Concealer, HISTORY_MS } from './concealment.ts';
import { LeadWindow } from './lead-window.ts';
import type { RtpHeader } from './packet.ts';
import type { HeldPacket } from './packet-queue.ts';
import { MAX_HELD, PacketQueue } from './packet-queue.ts';
import type { PayloadDecoder } from './payload-decoder.ts';
import { SHORTENED_MS, shorten } from './time-scale.ts';

/** The delay a stream starts with. */
const START_MS = 40;
/** The longest packet, and the room for decoded audio: that, what was left, and what is looked at to shorten it. */
const MAX_PACKET_MS = 120;
const ROOM_MS = MAX_PACKET_MS + 80;
/** Delay is added while packets come later than this before they are due, up to a limit: a read, for one that just misses it.
 * It is taken away when all come earlier than a read and a period more. */
const LEAST_LEAD_MS = 20;
const MOST_LEAD_MS = 60;
const MAX_DELAY_MS = 300;
/** What waits longer is left out at once, down to the second: a delay nobody can talk over. */
const MAX_HELD_MS = 600;
const KEPT_MS = 200;
/** Further from what is played than this, a timestamp is believed when several in a row say so, or after a pause. */
const FAR_MS = 1_000;
const FAR_RUN = 3;
/** So many packets in a row whose time was over: the sender's timeline has moved. */
const LATE_RUN = 10;
/** After such a pause, a packet that should have been heard in it starts the timeline anew. */
const PAUSE_MS = 200;
/** A codec's own concealment goes on so long, as comfort noise of a sender that pauses; then silence. */
const OWN_CONCEALMENT_MS = 1_000;
/** Reads between two changes of the delay, and how like two periods must be for one to be left out: by how much the delay is too long. */
const HASTE = [
  { leadMs: 200, reads: 2, likeness: 0 },
  { leadMs: 100, reads: 3, likeness: 0.5 },
  { leadMs: MOST_LEAD_MS, reads: 5, likeness: 0.75 },
] as const;
/** Sequence numbers remembered to know repeated packets. */
const REMEMBERED = 64;

export class JitterBuffer {
  readonly #rate: number;
  /** Samples a tick of the RTP clock. */
  readonly #ratio: number;
  readonly #queue = new PacketQueue();
  readonly #leads = new LeadWindow();
  readonly #concealer: Concealer;
  /** What was heard last, then what is decoded and not yet read. */
  readonly #pcm: Int16Array;
  readonly #start: number;
  #have = 0;
  /** Of these, up to the last that was decoded and not made up. */
  #real = 0;
  #isRunning = false;
  /** Timestamp of the next sample to be decoded. */
  #next = 0;
  /** Samples made up since the last decoded one: they stand for what is lost, or lengthen the delay when it comes after all. */
  #idle = 0;
  #lastSequence = 0;
  #decoder: PayloadDecoder | undefined;
  readonly #seen = new Int32Array(REMEMBERED);
  #farRun = 0;
  #lateRun = 0;
  #settle = 0;
  /** Packets that came after they were due: concealment was heard in their place, or before them. */
  late = 0;
  /** Reads in which nothing that came was heard, while the stream ran. */
  concealed = 0;
  /** Times the stream's timeline started anew. */
  resyncs = 0;
  /** Packets made up from the one after them. */
  recovered = 0;
  /** Packets left out because too much waited. */
  overflowed = 0;
  /** Samples by which the delay was shortened and lengthened. */
  shortened = 0;
  lengthened = 0;

  /** `rate` is of the samples, `clockRate` of the timestamps. */
  constructor(rate = 8000, clockRate = rate) {
    this.#rate = rate;
    this.#ratio = rate / clockRate;
    this.#start = this.#samplesOf(HISTORY_MS);
    this.#pcm = new Int16Array(this.#start + this.#samplesOf(ROOM_MS));
    this.#concealer = new Concealer(rate);
  }

  /**
   * Takes the payload that `header` points at; the packet's bytes must stay as they are until they are heard.
   * False: broken, too late to be heard, or too far off to be believed yet.
   */
  push(header: RtpHeader, packet: Uint8Array, decoder: PayloadDecoder): boolean {
    const samples = decoder.samplesIn(packet, header.payloadStart, header.payloadEnd);
    if (samples <= 0 || samples > this.#samplesOf(MAX_PACKET_MS)) return false;
    if (!this.#isRunning) this.#begin(header.timestamp);
    if (!this.#believes(header)) return false;
    if (this.#isRepeated(header.sequence)) return true;
    const due = this.#dueIn(header.timestamp);
    this.#leads.note(due);
    if (due < 0) this.late++;
    if (due < 0 && this.#isPaused) {
      // What should have been heard meanwhile comes with it; a pause that lasted longer was the sender's own.
      const silent = this.#idle - this.#have;
      if (silent <= this.#samplesOf(MAX_HELD_MS)) this.late += Math.floor(silent / samples);
      this.#begin(this.#ahead(header.timestamp) > 0 ? this.#next : header.timestamp);
    }
    if (this.#ahead(header.timestamp) + samples <= 0) {
      // Its time is over; but many in a row are right, and we are wrong.
      this.#lateRun++;
      if (this.#lateRun < LATE_RUN) return false;
      this.#begin(header.timestamp);
    }
    this.#lateRun = 0;
    if (this.#queue.size === MAX_HELD) this.#overflow();
    this.#queue.add(header, packet, samples, decoder);
    if (this.#waiting > this.#samplesOf(MAX_HELD_MS)) this.#overflow();
    return true;
  }

  /** The next `into.length` samples. False when none of them came: then they are concealment or silence. */
  read(into: Int16Array): boolean {
    const count = into.length;
    if (!this.#isRunning) {
      into.fill(0);
      return false;
    }
    this.#leads.step();
    this.#adjust();
    while (this.#have < count) this.#produce(count - this.#have);
    const isHeard = this.#real > 0;
    if (!isHeard) this.concealed++;
    for (let i = 0; i < count; i++) into[i] = this.#pcm[this.#start + i] ?? 0;
    this.#pcm.copyWithin(0, count, this.#start + this.#have);
    this.#have -= count;
    this.#real = Math.max(0, this.#real - count);
    return isHeard;
  }

  /** How long the newest sample waits to be heard, in milliseconds. */
  get delayMs(): number {
    return this.#isRunning ? Math.max(0, (this.#waiting * 1000) / this.#rate) : 0;
  }

  /** Forgets the stream: the next packet starts a new timeline. */
  restart(): void {
    this.#isRunning = false;
    this.#queue.clear();
    this.#seen.fill(-1);
    this.#farRun = 0;
    this.#lateRun = 0;
  }

  #samplesOf(ms: number): number {
    return Math.round((ms * this.#rate) / 1000);
  }

  /** Samples that wait, decoded or not. */
  get #waiting(): number {
    const { last } = this.#queue;
    return last === undefined ? this.#have : this.#have + this.#ahead(last.timestamp) + last.samples - this.#idle;
  }

  #ahead(timestamp: number): number {
    return Math.round(((timestamp - this.#next) | 0) * this.#ratio);
  }

  /** Samples until a packet of that timestamp should be heard; negative when that is past. */
  #dueIn(timestamp: number): number {
    return this.#have + this.#ahead(timestamp) - this.#idle;
  }

  /** Nothing was there for a while. */
  get #isPaused(): boolean {
    return this.#queue.size === 0 && this.#idle > this.#samplesOf(PAUSE_MS);
  }

  #begin(timestamp: number): void {
    if (this.#isRunning) this.resyncs++;
    else this.#pcm.fill(0);
    this.restart();
    this.#isRunning = true;
    this.#next = timestamp;
    // The delay is silence that is heard first.
    this.#have = this.#samplesOf(START_MS);
    this.#pcm.fill(0, this.#start, this.#start + this.#have);
    this.#real = this.#have;
    this.#idle = 0;
    this.#concealer.stop();
    this.#leads.restart();
    this.#settle = 0;
  }

  /** Whether the timestamp belongs to the timeline, or is where a new one starts. */
  #believes({ timestamp }: RtpHeader): boolean {
    const far = this.#samplesOf(FAR_MS);
    if (Math.abs(this.#ahead(timestamp)) <= far || Math.abs(this.#dueIn(timestamp)) <= far) {
      this.#farRun = 0;
      return true;
    }
    this.#farRun++;
    if (this.#farRun < FAR_RUN && !this.#isPaused) return false;
    this.#begin(timestamp);
    return true;
  }

  #isRepeated(sequence: number): boolean {
    const at = sequence % REMEMBERED;
    if (this.#seen[at] === sequence) return true;
    this.#seen[at] = sequence;
    return false;
  }

  /** More waits than anybody could talk over: the oldest are left out. */
  #overflow(): void {
    const kept = this.#samplesOf(KEPT_MS);
    while (this.#queue.size > 1 && (this.#waiting > kept || this.#queue.size === MAX_HELD)) {
      this.#queue.dropFirst();
      this.overflowed++;
      this.#idle = 0;
      this.#next = this.#queue.first?.timestamp ?? this.#next;
    }
    this.#leads.restart();
    // What is left out is faded over.
    if (!this.#concealer.isOn) this.#concealer.begin(this.#pcm, this.#start + this.#have);
  }

  #adjust(): void {
    if (this.#settle > 0) this.#settle--;
    if (this.#settle > 0) return;
    const { least, isSure } = this.#leads;
    if (least < this.#samplesOf(LEAST_LEAD_MS)) {
      if (this.#idle === 0 && this.#waiting < this.#samplesOf(MAX_DELAY_MS)) this.#lengthen();
    } else if (isSure && least > this.#samplesOf(MOST_LEAD_MS)) this.#shorten((least * 1000) / this.#rate);
  }

  /** The last period once more: what comes next follows on it as it would have before. */
  #lengthen(): void {
    const at = this.#start + this.#have;
    this.#concealer.begin(this.#pcm, at);
    const { period } = this.#concealer;
    this.#concealer.make(this.#pcm, at, period);
    this.#concealer.stop();
    this.#have += period;
    this.lengthened += period;
    this.#leads.shift(period);
  }

  #shorten(leadMs: number): void {
    const haste = HASTE.find((each) => leadMs > each.leadMs) ?? HASTE[2];
    const needed = this.#samplesOf(SHORTENED_MS);
    while (this.#have < needed && this.#queue.size > 0 && this.#isNext(this.#queue.first)) this.#produce(1);
    const removed = shorten(this.#pcm, this.#start, this.#start + this.#have, this.#rate, haste.likeness);
    this.#settle = haste.reads;
    if (removed === 0) return;
    this.#have -= removed;
    this.#real = Math.max(0, this.#real - removed);
    this.shortened += removed;
    this.#leads.shift(-removed);
  }

  #isNext(packet: HeldPacket | undefined): boolean {
    return packet !== undefined && this.#ahead(packet.timestamp) <= this.#idle;
  }

  /** Some samples more behind those that are there: decoded, recovered or made up. */
  #produce(needed: number): void {
    const { first } = this.#queue;
    if (first === undefined) {
      this.#conceal(needed);
      return;
    }
    const missing = this.#ahead(first.timestamp) - this.#idle;
    if (missing <= 0) this.#decode(first);
    else if (!this.#recovers(first, missing)) this.#conceal(Math.min(needed, missing));
  }

  #decode(packet: HeldPacket): void {
    const at = this.#start + this.#have;
    const ahead = this.#ahead(packet.timestamp);
    let made = packet.decoder.decode(packet.bytes, packet.start, packet.end, this.#pcm, at);
    this.#decoder = packet.decoder;
    this.#queue.dropFirst();
    if (ahead < 0) {
      this.#pcm.copyWithin(at, at - ahead, at + made);
      made += ahead;
    }
    // Broken: what it should have held is missing like what never came.
    if (made <= 0) return;
    if (this.#concealer.isOn) this.#concealer.join(this.#pcm, at, made);
    if (this.#idle > 0) this.#leads.shift(this.#idle - Math.max(0, ahead));
    this.#idle = 0;
    this.#next = (packet.timestamp + Math.round(packet.samples / this.#ratio)) >>> 0;
    this.#lastSequence = packet.sequence;
    this.#have += made;
    this.#real = this.#have;
  }

  /** The last of what is missing, from what the packet after it repeats (in-band FEC). */
  #recovers(packet: HeldPacket, missing: number): boolean {
    const { decoder } = packet;
    const isLost = ((packet.sequence - this.#lastSequence) & 0xffff) > 1;
    if (decoder.recover === undefined || !isLost || missing > packet.samples) return false;
    const at = this.#start + this.#have;
    const made = decoder.recover(packet.bytes, packet.start, packet.end, this.#pcm, at, missing);
    if (made <= 0) return false;
    this.recovered++;
    this.#have += made;
    this.#real = this.#have;
    this.#idle = 0;
    this.#next = packet.timestamp;
    return true;
  }

  /** Time on the sender's line stands still: whether this stands for something lost is known when the next packet is there. */
  #conceal(count: number): void {
    const at = this.#start + this.#have;
    const isShort = this.#idle < this.#samplesOf(OWN_CONCEALMENT_MS);
    let made = isShort ? (this.#decoder?.conceal?.(this.#pcm, at, count) ?? 0) : 0;
    if (made <= 0) {
      if (!this.#concealer.isOn) this.#concealer.begin(this.#pcm, at);
      this.#concealer.make(this.#pcm, at, count);
      made = count;
    }
    this.#have += made;
    this.#idle += made;
  }
}
