// A subscription of a phone to one of our event packages: the dialog, its refreshes and its NOTIFYs (RFC 6665 §4.2).
import type { Clock } from '../../kernel/clock.ts';
import { Ending, within } from './ending.ts';
import type { SipArrival } from './sip-arrival.ts';
import type { SipLink } from './sip-link.ts';
import type { SrfDialog, SrfRequest, SrfResponse } from './srf-types.ts';

export interface SubscriptionOptions {
  readonly event: string;
  readonly contentType: string;
  readonly minSeconds: number;
  readonly maxSeconds: number;
  readonly clock: Clock;
  /** Called after each refresh: the subscriber expects a NOTIFY at once. */
  readonly onRefreshed: (subscription: Subscription) => void;
}

const NOTIFY_MS = 33_000;

export class Subscription {
  readonly ending = new Ending<'expired' | 'unsubscribed' | 'lost'>();
  readonly #dialog: SrfDialog;
  readonly #options: SubscriptionOptions;
  #expiresAt = 0;
  #timer: Disposable | undefined;

  constructor(dialog: SrfDialog, seconds: number, options: SubscriptionOptions) {
    this.#dialog = dialog;
    this.#options = options;
    this.#arm(seconds);
    dialog.on('subscribe', (request: SrfRequest, response: SrfResponse) => {
      const granted = grantedSeconds(request.get('Expires'), options);
      if (granted === undefined) return response.send(423, { headers: { 'Min-Expires': String(options.minSeconds) } });
      this.#arm(granted);
      response.send(200, { headers: { Expires: String(granted) } });
      options.onRefreshed(this);
    });
    dialog.on('unsubscribe', () => void this.#end('unsubscribed'));
    dialog.on('destroy', () => this.ending.end('lost'));
  }

  /** Sends the state; a subscriber that does not know the dialog any more ends it. */
  async notify(body: string): Promise<void> {
    if (this.ending.hasEnded) return;
    const left = Math.max(0, Math.round((this.#expiresAt - this.#options.clock.monotonic()) / 1000));
    await this.#send(`active;expires=${left}`, body);
  }

  /** Forgets it without a word: the appliance stops. */
  drop(): void {
    this.#lose();
  }

  async #end(ending: 'expired' | 'unsubscribed'): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    if (this.ending.end(ending)) await this.#send('terminated;reason=timeout', '');
  }

  async #send(state: string, body: string): Promise<void> {
    const { event, contentType, clock } = this.#options;
    const bounds = { clock, ms: NOTIFY_MS, what: 'a notification', ...(body === '' ? {} : { ending: this.ending }) };
    const headers = {
      Event: event,
      'Subscription-State': state,
      ...(body === '' ? {} : { 'Content-Type': contentType }),
    };
    const sending = this.#dialog.request({ method: 'NOTIFY', headers, ...(body === '' ? {} : { body }) });
    try {
      const response = await within(sending, bounds);
      if (response.status === 481 || response.status === 408 || response.status === 503) this.#lose();
    } catch {
      this.#lose();
    }
  }

  #lose(): void {
    this.#timer?.[Symbol.dispose]();
    this.ending.end('lost');
  }

  #arm(seconds: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#expiresAt = this.#options.clock.monotonic() + seconds * 1000;
    this.#timer = this.#options.clock.after(seconds * 1000, () => void this.#end('expired'));
  }
}

/** Accepts a SUBSCRIBE; undefined when it was refused or only asked once (Expires: 0). */
export async function acceptSubscription(
  arrival: SipArrival,
  sip: SipLink,
  options: SubscriptionOptions,
): Promise<Subscription | undefined> {
  const seconds = grantedSeconds(arrival.header('Expires'), options);
  if (seconds === undefined) {
    arrival.reply(423, { headers: { 'Min-Expires': String(options.minSeconds) } });
    return undefined;
  }
  if (!arrival.raw.request.has('Contact')) {
    arrival.reply(400);
    return undefined;
  }
  const { request, response } = arrival.raw;
  const creating = sip.srf.createUAS(request, response, { headers: { Expires: String(seconds) } });
  const dialog = await within(creating, { clock: options.clock, ms: NOTIFY_MS, what: 'a subscription' });
  return new Subscription(dialog, seconds, options);
}

/** Undefined when too short. RFC 6665 §4.2.1.1: zero fetches the state once, which one second of subscription does. */
function grantedSeconds(
  header: string | undefined,
  { minSeconds, maxSeconds }: SubscriptionOptions,
): number | undefined {
  const asked = header !== undefined && /^\d{1,10}$/.test(header.trim()) ? Number(header) : maxSeconds;
  if (asked === 0) return 1;
  return asked < minSeconds ? undefined : Math.min(asked, maxSeconds);
}
