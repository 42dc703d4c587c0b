// The connection to the SIP edge (drachtio-server or the embedded one): handlers by method, requests outside dialogs, and one guard around all of them.
import type { Clock } from '../../kernel/clock.ts';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import { Ending, within } from './ending.ts';
import type { Listener } from './sip-arrival.ts';
import { SipArrival } from './sip-arrival.ts';
import type { SipHeaderMap, SrfConnection, SrfRequest, SrfResponse } from './srf-types.ts';
import { newSrf } from './srf-types.ts';

export interface SipLinkOptions {
  readonly edge: { readonly host: string; readonly port: number; readonly secret: string };
  readonly listeners: readonly Listener[];
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface OutgoingRequest {
  readonly method: 'NOTIFY' | 'MESSAGE' | 'OPTIONS';
  readonly uri: string;
  readonly headers: SipHeaderMap;
  readonly body?: string;
  /** `sip:host:port;transport=…`, when it is not where the URI points. */
  readonly nextHop?: string;
}

export type ArrivalHandler = (arrival: SipArrival) => Promise<void> | void;

const CONNECT_MS = 10_000;
const MAX_RETRY_MS = 2_000;
/** RFC 3261 timer F. */
const RESPONSE_MS = 33_000;

export class SipLink {
  readonly srf: SrfConnection = newSrf();
  readonly listeners: readonly Listener[];
  readonly #options: SipLinkOptions;
  #isUp = false;
  /** Ends what still waits when the link is closed. */
  readonly #closing = new Ending<true>();

  constructor(options: SipLinkOptions) {
    this.#options = options;
    this.listeners = options.listeners;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Handles every request of that method that arrives outside a dialog; a handler that throws costs that request alone. */
  onRequest(method: string, handler: ArrivalHandler): void {
    this.srf.use(method.toLowerCase(), (request, response, next) => {
      if (request.method !== method) return next();
      void this.#guard(request, response, handler);
    });
  }

  /** Resolves at the first connection; srf reconnects by itself afterwards, with back-off. */
  async start(): Promise<void> {
    const { edge, clock, logger } = this.#options;
    const connected = new Promise<void>((resolve, reject) => {
      this.srf.on('connect', (error: unknown) => {
        this.#isUp = error === null || error === undefined;
        if (this.#isUp) resolve();
        else reject(new WardlineError('edge-refused', 'The SIP edge refused the secret; restart the appliance.'));
      });
    });
    for (const event of ['close', 'reconnecting', 'error']) {
      this.srf.on(event, () => {
        if (this.#isUp && !this.#closing.hasEnded) logger.warn('the SIP edge is gone; reconnecting');
        this.#isUp = false;
      });
    }
    this.srf.connect({ ...edge, enablePing: true, reconnect: { retryMaxDelay: MAX_RETRY_MS } });
    await within(connected, { clock, ms: CONNECT_MS, what: 'connecting to the SIP edge' });
  }

  /** Sends a request outside a dialog and answers the final status; 408 when none came, 503 when it could not be sent. */
  async send(request: OutgoingRequest): Promise<number> {
    if (!this.#isUp) return 503;
    const { uri, nextHop, ...options } = request;
    const proxy = nextHop === undefined ? {} : { proxy: nextHop };
    const final = new Promise<number>((resolve, reject) => {
      // With a callback, so that the listener is there before a response that came in the same read.
      this.srf.request(uri, { ...options, ...proxy }, (error, sent) => {
        if (sent === undefined) return reject(error);
        sent.on('response', (response: SrfResponse) => {
          if (response.status >= 200) resolve(response.status);
        });
      });
    });
    try {
      const { clock } = this.#options;
      return await within(final, { clock, ms: RESPONSE_MS, what: 'a request', ending: this.#closing });
    } catch (error) {
      return codeOf(error) === 'leg-timeout' ? 408 : 503;
    }
  }

  close(): void {
    this.#closing.end(true);
    this.#isUp = false;
    try {
      this.srf.disconnect();
    } catch {
      // srf is between two attempts and cannot be told to stop; its next connection is let go.
      this.srf.once('connect', () => this.srf.disconnect());
    }
  }

  async #guard(request: SrfRequest, response: SrfResponse, handler: ArrivalHandler): Promise<void> {
    try {
      const arrival = new SipArrival(request, response, this.listeners);
      if (arrival.listener === undefined) arrival.reply(403);
      else await handler(arrival);
    } catch (error) {
      this.#options.logger.error({ method: request.method, code: codeOf(error) }, 'a SIP request failed');
      try {
        if (!response.finalResponseSent) response.send(500);
      } catch {
        // The connection to the edge is gone; the edge answers by itself.
      }
    }
  }
}
