// The connecting side of a link, which keeps trying: a request made while the peer restarts waits, up to its own deadline.
import { connect } from 'node:net';
import type { Json } from '../kernel/canonical.ts';
import type { Clock } from '../kernel/clock.ts';
import { codeOf, WardlineError } from '../kernel/errors.ts';
import type { Handler, Message, NoticeHandler } from './link.ts';
import { DEFAULT_DEADLINE_MS, Link } from './link.ts';

export interface LinkClientOptions {
  readonly path: string;
  /** What this process is, to the peer. */
  readonly role: string;
  readonly token: string;
  readonly clock: Clock;
  readonly onRequest?: Handler;
  readonly onNotice?: NoticeHandler;
  /** Called on each connect and reconnect, after the hello is sent. */
  readonly onUp?: (link: Link) => void;
  /** Called when an established link is lost. */
  readonly onDown?: () => void;
}

const RETRY_MS = 100;

/** A request channel to another of our processes that survives its restarts. */
export class LinkClient implements Disposable {
  readonly #options: LinkClientOptions;
  #link: Link | undefined;
  #attempt: Link | undefined;
  #waiting: Array<(link: Link) => void> = [];
  #retry: Disposable | undefined;
  #isDisposed = false;

  constructor(options: LinkClientOptions) {
    this.#options = options;
    this.#connect();
  }

  get isUp(): boolean {
    return this.#link !== undefined && !this.#link.isClosed;
  }

  /**
   * Asks the peer; waits for a reconnect when the link is down.
   * A request that was already sent when the link broke is not sent again: it rejects with `link-closed`.
   */
  async request(
    type: string,
    payload: Json = null,
    body?: Uint8Array,
    deadlineMs = DEFAULT_DEADLINE_MS,
  ): Promise<Message> {
    const started = this.#options.clock.monotonic();
    const link = await this.#up(deadlineMs);
    const left = deadlineMs - (this.#options.clock.monotonic() - started);
    return link.request(type, payload, body, Math.max(1, left));
  }

  /** Tells the peer something that needs no answer; lost when the link is down. */
  notify(type: string, payload: Json = null, body?: Uint8Array): void {
    this.#link?.notify(type, payload, body);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#retry?.[Symbol.dispose]();
    this.#attempt?.[Symbol.dispose]();
    this.#link?.[Symbol.dispose]();
    this.#waiting = [];
  }

  #up(deadlineMs: number): Promise<Link> {
    if (this.#link !== undefined && !this.#link.isClosed) return Promise.resolve(this.#link);
    const { promise, resolve, reject } = Promise.withResolvers<Link>();
    const timer = this.#options.clock.after(deadlineMs, () => {
      this.#waiting = this.#waiting.filter((waiter) => waiter !== arrive);
      reject(new WardlineError('link-closed', 'The other part of the appliance is not running just now.'));
    });
    const arrive = (link: Link) => {
      timer[Symbol.dispose]();
      resolve(link);
    };
    this.#waiting.push(arrive);
    return promise;
  }

  #connect(): void {
    const { path, role, token, clock, onRequest, onNotice } = this.#options;
    const socket = connect(path);
    const link = new Link(socket, { clock, onRequest: onRequest ?? refuse, ...(onNotice && { onNotice }) });
    link.role = 'server';
    this.#attempt = link;
    socket.once('connect', () => {
      link.hello(role, token);
      this.#link = link;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const arrive of waiting) arrive(link);
      this.#options.onUp?.(link);
    });
    void link.closed.then(() => this.#lost(link));
  }

  #lost(link: Link): void {
    const wasUp = this.#link === link;
    if (wasUp) this.#link = undefined;
    if (this.#isDisposed) return;
    if (wasUp) this.#options.onDown?.();
    this.#retry = this.#options.clock.after(RETRY_MS, () => this.#connect());
  }
}

/** True when `thrown` says that the peer was not there, so that the caller may try again later. */
export function isLinkLost(thrown: unknown): boolean {
  const code = codeOf(thrown);
  return code === 'link-closed' || code === 'deadline';
}

const refuse: Handler = (_message, _link, type) => {
  throw new WardlineError('unknown-request', `Nothing here answers ${type}.`);
};
