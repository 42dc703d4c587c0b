// The jitter buffer: decoded audio on the sender's timeline, read in steps of 20 ms; puts order back, fills small holes, adapts its delay.
// Time moves by `read` alone, so a test drives it without a clock.

/** Samples of one read, 20 ms at 8 kHz. */
export const STEP_SAMPLES = 160;
const SAMPLES_PER_MS = 8;
/** The ring: 512 ms. Nothing is ever held longer. */
const RING_SAMPLES = 4096;
const RING_MASK = RING_SAMPLES - 1;
/** The delay a stream starts with: 40 ms. */
const START_DELAY = 2 * STEP_SAMPLES;
/** Late packets lengthen the delay, to 200 ms at most. */
const MAX_DELAY = 10 * STEP_SAMPLES;
/** When for a whole window no packet came later than this before its time, the delay is shortened. */
const SURPLUS_DELAY = 3 * STEP_SAMPLES;
const WINDOW_READS = 50;
/** Reads between two changes of the delay. */
const SETTLE_READS = 5;
/** Consecutive packets off the timeline that make us believe them: late ones, and ones from far off. */
const LATE_RUN = 10;
const FAR_RUN = 3;
/** After this many reads without audio a packet from far off, or the first of a talk spurt, starts a new timeline at once. */
const IDLE_READS = 5;
/** How loud a missing step repeats the one before it, then the next, then silence. */
const CONCEALMENT = [0.6, 0.25];

export class JitterBuffer {
  readonly #ring = new Int16Array(RING_SAMPLES);
  readonly #filled = new Uint8Array(RING_SAMPLES);
  readonly #last = new Int16Array(STEP_SAMPLES);
  #isRunning = false;
  /** Timestamp of the next sample to be read, and its place in the ring. */
  #timestamp = 0;
  #at = 0;
  /** Timestamp behind the newest sample held. */
  #end = 0;
  #offTimeline = 0;
  #missing = 0;
  #mustGrow = false;
  #settle = 0;
  #windowReads = 0;
  #leastLead = Number.POSITIVE_INFINITY;
  #mostLead = 0;
  /** What stands for a sample that never came, in a step of which others did. */
  gap = 0;
  /** Packets that came too late to be heard. */
  late = 0;
  /** Steps in which nothing was there to be heard, while the stream ran. */
  concealed = 0;
  /** Times the stream's timeline started anew. */
  resyncs = 0;

  /** Takes `count` samples that begin at `timestamp`. False: too late, or too far off to be believed yet. */
  push(timestamp: number, samples: Int16Array, count: number, startsSpurt = false): boolean {
    if (!this.#isRunning) this.#start(timestamp);
    let lead = (timestamp - this.#timestamp) | 0;
    const isLate = lead + count <= 0;
    const isFar = lead < -RING_SAMPLES || lead + count > RING_SAMPLES;
    if (isLate || isFar) {
      if (isLate && !isFar) this.#noteLate();
      this.#offTimeline++;
      const patience = this.#missing >= IDLE_READS && (isFar || startsSpurt) ? 1 : isFar ? FAR_RUN : LATE_RUN;
      if (this.#offTimeline < patience || count > RING_SAMPLES / 2) return false;
      this.#start(timestamp);
      this.resyncs++;
      lead = START_DELAY;
    }
    this.#offTimeline = 0;
    this.#leastLead = Math.min(this.#leastLead, lead);
    this.#mostLead = Math.max(this.#mostLead, lead);
    if (lead < 0) this.#mustGrow = true;
    if (((timestamp + count - this.#end) | 0) > 0) this.#end = (timestamp + count) >>> 0;
    this.#store(lead, samples, count);
    return true;
  }

  /** The next 20 ms into `into`. False when none of it came: then it is concealment or silence. */
  read(into: Int16Array): boolean {
    if (!this.#isRunning) {
      into.fill(0, 0, STEP_SAMPLES);
      return false;
    }
    if (this.#settle > 0) this.#settle--;
    this.#considerShrinking();
    if (this.#mustGrow && this.#grows()) {
      this.#conceal(into);
      return false;
    }
    if (this.#take(into) === 0) {
      this.#conceal(into);
      return false;
    }
    this.#missing = 0;
    this.#last.set(into.subarray(0, STEP_SAMPLES));
    return true;
  }

  /** How long the newest sample waits to be heard, in milliseconds. */
  get delayMs(): number {
    return this.#isRunning ? Math.max(0, (this.#end - this.#timestamp) | 0) / SAMPLES_PER_MS : 0;
  }

  /** Forgets the stream: the next packet starts a new timeline. */
  restart(): void {
    this.#isRunning = false;
  }

  #start(timestamp: number): void {
    this.#filled.fill(0);
    this.#isRunning = true;
    this.#timestamp = (timestamp - START_DELAY) >>> 0;
    this.#end = timestamp;
    this.#at = 0;
    this.#offTimeline = 0;
    this.#missing = CONCEALMENT.length;
    this.#mustGrow = false;
    this.#newWindow();
  }

  #newWindow(): void {
    this.#windowReads = 0;
    this.#leastLead = Number.POSITIVE_INFINITY;
    this.#mostLead = 0;
  }

  #noteLate(): void {
    this.late++;
    this.#leastLead = 0;
    this.#mustGrow = true;
  }

  #store(lead: number, samples: Int16Array, count: number): void {
    for (let i = lead < 0 ? -lead : 0; i < count; i++) {
      const at = (this.#at + lead + i) & RING_MASK;
      this.#ring[at] = samples[i] ?? 0;
      this.#filled[at] = 1;
    }
  }

  /** Moves one step out of the ring; returns how many of its samples had come. */
  #take(into: Int16Array): number {
    let found = 0;
    for (let i = 0; i < STEP_SAMPLES; i++) {
      const at = (this.#at + i) & RING_MASK;
      found += this.#filled[at] ?? 0;
      into[i] = this.#filled[at] === 1 ? (this.#ring[at] ?? 0) : this.gap;
      this.#filled[at] = 0;
    }
    this.#advance();
    return found;
  }

  #advance(): void {
    this.#at = (this.#at + STEP_SAMPLES) & RING_MASK;
    this.#timestamp = (this.#timestamp + STEP_SAMPLES) >>> 0;
  }

  /** One step of delay more: this read gives concealment and time on the sender's line stands still. */
  #grows(): boolean {
    if (this.#settle > 0) return false;
    this.#mustGrow = false;
    if (this.#mostLead >= MAX_DELAY) return false;
    this.#settle = SETTLE_READS;
    this.#newWindow();
    return true;
  }

  /** One step of delay less, by leaving one out, when a whole window showed that it is not needed. */
  #considerShrinking(): void {
    this.#windowReads++;
    if (this.#windowReads < WINDOW_READS) return;
    if (Number.isFinite(this.#leastLead) && this.#leastLead >= SURPLUS_DELAY) {
      this.#filled.fill(0, this.#at, this.#at + STEP_SAMPLES);
      this.#filled.fill(0, 0, Math.max(0, this.#at + STEP_SAMPLES - RING_SAMPLES));
      this.#advance();
    }
    this.#newWindow();
  }

  #conceal(into: Int16Array): void {
    const gain = CONCEALMENT[this.#missing] ?? 0;
    this.#missing++;
    this.concealed++;
    for (let i = 0; i < STEP_SAMPLES; i++) into[i] = Math.round((this.#last[i] ?? 0) * gain);
  }
}
