// Requests that have their answer: what is left over UDP of a server transaction in state Completed, other than an INVITE's, until
// timer J fires (RFC 3261 §17.2.2). A busy edge holds half a minute of them, so each is an answer and its way, and one timer is for all.
import { Buffer } from 'node:buffer';
import type { Clock } from '../../kernel/clock.ts';
import { durations } from '../../protocol/sip/transaction/timers.ts';
import type { LiveFlow } from './flow.ts';

const TIMER_J_MS = durations.j.unreliable;
/** Those that are due within so long are forgotten together. */
const GRAIN_MS = 100;

interface Answered {
  /** As sent, a character a byte: small buffers would hold on to the large ones that they are cut from. */
  readonly text: string;
  readonly flow: LiveFlow;
  readonly untilMs: number;
}

export class AnsweredRequests {
  readonly #clock: Clock;
  readonly #limit: number;
  /** By the transaction's key, the oldest first. */
  readonly #byKey = new Map<string, Answered>();
  #timer: Disposable | undefined;

  /** Beyond `limit` the oldest are forgotten early. */
  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  get size(): number {
    return this.#byKey.size;
  }

  add(key: string, wire: Uint8Array, flow: LiveFlow): void {
    const oldest = this.#byKey.size >= this.#limit ? this.#byKey.keys().next().value : undefined;
    if (oldest !== undefined) this.#byKey.delete(oldest);
    const text = Buffer.from(wire.buffer, wire.byteOffset, wire.byteLength).toString('latin1');
    this.#byKey.set(key, { text, flow, untilMs: this.#clock.monotonic() + TIMER_J_MS });
    this.#timer ??= this.#clock.after(TIMER_J_MS, this.#forget);
  }

  /** The answer and its way; undefined when that request is new. */
  find(key: string): { readonly wire: Uint8Array; readonly flow: LiveFlow } | undefined {
    const answered = this.#byKey.get(key);
    return answered && { wire: Buffer.from(answered.text, 'latin1'), flow: answered.flow };
  }

  /** The answer cannot be sent: the transaction is over. */
  delete(key: string): void {
    this.#byKey.delete(key);
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#byKey.clear();
  }

  readonly #forget = (): void => {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    for (const [key, { untilMs }] of this.#byKey) {
      if (untilMs > now) {
        this.#timer = this.#clock.after(Math.max(GRAIN_MS, Math.ceil(untilMs - now)), this.#forget);
        return;
      }
      this.#byKey.delete(key);
    }
  };
}
