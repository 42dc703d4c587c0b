// What a proxy remembers between requests: the calls that it stays on the way of, and who asked for credentials a moment ago.
import type { Clock } from '../../kernel/clock.ts';
import { tagOf } from '../../protocol/sip/fields.ts';
import type { SipHeaders, SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import { type EdgeLimits, PROXIED_CALL_MS, PROXY_PIN_MS } from './limits.ts';

interface Call {
  /** Its caller's, and one for each phone that answered. */
  readonly tags: Set<string>;
  untilMs: number;
}

interface Pin {
  readonly target: string;
  readonly untilMs: number;
}

export class ProxyMemory {
  readonly #clock: Clock;
  readonly #limits: EdgeLimits;
  /** By Call-ID; the one that was kept first goes first. */
  readonly #calls = new Map<string, Call>();
  readonly #pins = new Map<string, Pin>();

  constructor(clock: Clock, limits: EdgeLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Whether the request is one of a call that stays with us, which then lives on. */
  isInCall({ headers }: SipRequest): boolean {
    const call = this.#calls.get(callIdOf(headers));
    const isOf = (name: string) => call?.tags.has(tagOf(headers.get(name)) ?? '') === true;
    const now = this.#clock.now();
    if (call === undefined || !isOf('from') || !isOf('to') || call.untilMs < now) return false;
    call.untilMs = now + PROXIED_CALL_MS;
    return true;
  }

  /** A 2xx has gone back: its call stands. */
  keepCall({ headers }: SipResponse): void {
    const { dialogs, forksPerCall } = this.#limits;
    const callId = callIdOf(headers);
    const tags = this.#calls.get(callId)?.tags ?? new Set<string>();
    // A call forks to as many as its targets are; the set stays small.
    for (const name of ['from', 'to']) if (tags.size < forksPerCall) tags.add(tagOf(headers.get(name)) ?? '');
    this.#calls.delete(callId);
    this.#calls.set(callId, { tags, untilMs: this.#clock.now() + PROXIED_CALL_MS });
    if (this.#calls.size > dialogs) deleteOldest(this.#calls);
  }

  forgetCall(callId: string): void {
    this.#calls.delete(callId);
  }

  /** This target asked for credentials. */
  pin(request: SipRequest, target: string): void {
    const callId = callIdOf(request.headers);
    this.#pins.delete(callId);
    this.#pins.set(callId, { target, untilMs: this.#clock.now() + PROXY_PIN_MS });
    if (this.#pins.size > this.#limits.proxiedRequests) deleteOldest(this.#pins);
  }

  /** Where a request goes alone, because it brings the credentials that were asked for there. */
  pinnedTarget({ headers }: SipRequest): string | undefined {
    if (!headers.has('authorization') && !headers.has('proxy-authorization')) return undefined;
    const pin = this.#pins.get(callIdOf(headers));
    return pin !== undefined && pin.untilMs > this.#clock.now() ? pin.target : undefined;
  }
}

function callIdOf(headers: SipHeaders): string {
  return headers.get('call-id') ?? '';
}

function deleteOldest(map: Map<string, unknown>): void {
  const oldest = map.keys().next().value;
  if (oldest !== undefined) map.delete(oldest);
}
