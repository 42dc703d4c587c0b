// A leg that lives on a worker thread, as the main thread's channels see it.
import type { HostPort } from '../../../kernel/ip.ts';
import { samplesOf } from '../../../protocol/rtp/tick.ts';
import type { NegotiatedAudio } from '../../../protocol/sdp/audio.ts';
import { rateOf } from '../audio/codec.ts';
import type { AudioLeg } from '../audio/leg.ts';
import type { AudioStats } from '../audio/stats.ts';
import type { LegSlot } from './leg-slot.ts';
import type { ToWorker } from './messages.ts';

/** The worker that a leg lives on. */
export interface LegHome {
  /** Whether the legs have been read for the beat that runs. */
  readonly isInStep: boolean;
  post(message: ToWorker): void;
  /** The leg is closed. */
  forget(leg: number): void;
}

export class RemoteLeg implements AudioLeg {
  readonly local: HostPort;
  onDigit: AudioLeg['onDigit'];
  onLost: AudioLeg['onLost'];
  readonly #id: number;
  readonly #slot: LegSlot;
  readonly #home: LegHome;
  #rate = rateOf('PCMU');
  #silence = new Int16Array(samplesOf(this.#rate));
  #hasEvents = false;
  #isClosed = false;

  constructor(id: number, local: HostPort, slot: LegSlot, home: LegHome) {
    this.#id = id;
    this.local = local;
    this.#slot = slot;
    this.#home = home;
  }

  configure(session: NegotiatedAudio): void {
    if (this.#isClosed) return;
    this.#hasEvents = session.telephoneEvent !== undefined;
    const rate = rateOf(session.codec);
    if (rate !== this.#rate) this.#silence = new Int16Array(samplesOf(rate));
    this.#rate = rate;
    this.#home.post({ type: 'configure', leg: this.#id, session });
  }

  get rate(): number {
    return this.#rate;
  }

  /** Silence when the worker is behind, or still speaks the codec before a change. */
  read(): Int16Array {
    const heard = this.#home.isInStep ? this.#slot.heard(this.#silence.length) : undefined;
    return heard ?? this.#silence;
  }

  write(samples: Int16Array): void {
    if (!this.#isClosed && this.#home.isInStep) this.#slot.putSaid(samples);
  }

  /** True although it may yet find the queue full: that is known on the other side. */
  sendDigit(digit: string, durationMs: number): boolean {
    if (this.#isClosed || !this.#hasEvents || !/^[0-9*#A-D]$/i.test(digit)) return false;
    this.#home.post({ type: 'send-digit', leg: this.#id, digit, durationMs });
    return true;
  }

  get stats(): AudioStats {
    return this.#slot.stats();
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.onDigit = undefined;
    this.onLost = undefined;
    this.#home.forget(this.#id);
  }
}
