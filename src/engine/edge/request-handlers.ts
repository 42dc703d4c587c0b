// Request handlers, as drachtio-server has them: an HTTP server is asked what becomes of a new request, or an application is connected to for it.
import {
  type AppPlace,
  type HandlerAnswer,
  handlerUrl,
  parseHandlerAnswer,
} from '../../protocol/drachtio-wire/handler.ts';
import { SERVER_VERSION } from '../../protocol/drachtio-wire/leader.ts';
import type { SipRequest } from '../../protocol/sip/message.ts';
import { serialise } from '../../protocol/sip/serialise.ts';
import { buildResponse } from '../../protocol/sip/transaction/build.ts';
import { askHttp } from '../runtime/http-ask.ts';
import type { Arrival, ServerTransaction } from '../runtime/sip-stack.ts';
import { connectTcp } from '../runtime/tcp-server.ts';
import type { AppConnection } from './app-port.ts';
import { cdrAttempt, cdrStop } from './cdr.ts';
import { type EdgeContext, wireProtocol } from './context.ts';
import type { IncomingTable } from './incoming.ts';
import type { Proxies } from './proxies.ts';

export interface RequestHandler {
  /** Which requests it is asked about: a SIP method, or `*` for those that no other handler names. */
  readonly method: string;
  readonly question:
    | { readonly by: 'GET' | 'POST'; readonly url: string }
    /** Nobody is asked: every request goes to the application there. */
    | { readonly by: 'connection'; readonly place: AppPlace };
}

interface Parts {
  readonly context: EdgeContext;
  readonly handlers: readonly RequestHandler[];
  readonly incoming: IncomingTable;
  readonly proxies: Proxies;
  /** PEM certificates that TLS to an application trusts beside Node's own list. */
  readonly trust: string | undefined;
}

/** Requests that wait for a handler or a connection. */
const MAX_WAITING = 1_000;
/** As drachtio-server: to connect, and for the whole. */
const CONNECT_MS = 2_000;
const ANSWER_MS = 3_000;
const MAX_ANSWER_BYTES = 65_536;
const UNAVAILABLE = [480, 'Temporarily Unavailable'] as const;
const FAILED = [500, 'Server Internal Error'] as const;
/** For a status that comes without its reason. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [480, 'Temporarily Unavailable'],
  [486, 'Busy Here'],
  [488, 'Not Acceptable Here'],
  [500, 'Server Internal Error'],
  [503, 'Service Unavailable'],
  [600, 'Busy Everywhere'],
  [603, 'Decline'],
]);

export class RequestHandlers {
  readonly #parts: Parts;
  readonly #waiting = new Set<ServerTransaction>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Takes the request when a handler is there for its method. An INVITE has had its 100. */
  take(transaction: ServerTransaction, request: SipRequest): boolean {
    const { handlers, context } = this.#parts;
    const handler =
      handlers.find(({ method }) => method === request.method) ?? handlers.find(({ method }) => method === '*');
    if (handler === undefined) return false;
    if (request.method === 'INVITE') cdrAttempt(context, 'network', request);
    if (this.#waiting.size >= MAX_WAITING) {
      context.counters.fault('too-many-handled');
      this.#refuse(transaction, 503, 'Service Unavailable', [['Retry-After', '5']]);
      return true;
    }
    this.#waiting.add(transaction);
    this.#handle(handler, transaction, request).catch(() => {
      context.counters.fault('handler-failed');
      if (this.#waiting.has(transaction)) this.#refuse(transaction, ...FAILED);
    });
    return true;
  }

  /** The caller gave up before it was decided who has the call. */
  onCancel(invite: ServerTransaction): boolean {
    if (!this.#waiting.delete(invite)) return false;
    this.#refuse(invite, 487, 'Request Terminated');
    return true;
  }

  async #handle({ question }: RequestHandler, transaction: ServerTransaction, request: SipRequest): Promise<void> {
    if (question.by === 'connection') {
      await this.#connect(question.place, transaction, request);
      return;
    }
    const answer = await this.#ask(question.url, question.by === 'POST', transaction.arrival, request);
    if (!this.#waiting.has(transaction)) return;
    if (answer === undefined) this.#refuse(transaction, ...FAILED);
    else await this.#obey(answer, transaction, request);
  }

  async #ask(url: string, isPost: boolean, { flow }: Arrival, request: SipRequest) {
    try {
      const said = await askHttp({
        url: handlerUrl(url, request, { protocol: wireProtocol(flow), address: flow.remote.host }),
        ...(isPost && { body: { type: 'text/plain; charset=UTF-8', bytes: serialise(request) } }),
        userAgent: `Drachtio/${SERVER_VERSION}`,
        timeoutMs: ANSWER_MS,
        maxBytes: MAX_ANSWER_BYTES,
      });
      return parseHandlerAnswer(said);
    } catch {
      this.#parts.context.counters.fault('handler-failed');
      return undefined;
    }
  }

  async #obey(answer: HandlerAnswer, transaction: ServerTransaction, request: SipRequest): Promise<void> {
    const { context, proxies } = this.#parts;
    switch (answer.action) {
      case 'reject':
        this.#refuse(transaction, answer.status, answer.reason ?? REASONS.get(answer.status) ?? 'Refused');
        return;
      case 'redirect':
        this.#refuse(
          transaction,
          302,
          'Moved',
          answer.contacts.map((contact) => ['Contact', `<${contact}>`] as const),
        );
        return;
      case 'proxy':
        this.#waiting.delete(transaction);
        proxies.forward(transaction, request, answer.destinations, answer.options);
        return;
      case 'tag':
        this.#give(context.apps.pick(request.method, answer.tag), transaction, request);
        return;
      case 'connect':
        await this.#connect(answer.place, transaction, request);
    }
  }

  /** The application speaks first on our connection too: it authenticates, and has its request right after the OK. */
  async #connect(
    { host, port, isSecure }: AppPlace,
    transaction: ServerTransaction,
    request: SipRequest,
  ): Promise<void> {
    const { context, trust } = this.#parts;
    const { limits, apps, clock } = context;
    const bytes = { maxConnections: limits.applications, maxWaitingBytes: limits.waitingBytes };
    const tls = isSecure ? { trust } : undefined;
    const socket = await connectTcp({ host, port }, CONNECT_MS, bytes, tls).catch(() => undefined);
    if (socket === undefined || !this.#waiting.has(transaction)) {
      socket?.destroy();
      this.#give(undefined, transaction, request);
      return;
    }
    const app = apps.welcome(socket);
    const ready = Promise.withResolvers<AppConnection | undefined>();
    app.onAuthenticated = () => ready.resolve(app);
    const deadline = clock.after(ANSWER_MS, () => ready.resolve(undefined));
    // What follows the OK is written in the same turn.
    app.onClosed = () => ready.resolve(undefined);
    const taker = await ready.promise;
    deadline[Symbol.dispose]();
    if (taker === undefined || !this.#waiting.has(transaction)) socket.destroy();
    this.#give(taker, transaction, request);
  }

  #give(app: AppConnection | undefined, transaction: ServerTransaction, request: SipRequest): void {
    if (!this.#waiting.delete(transaction)) return;
    const { incoming } = this.#parts;
    if (app === undefined) this.#refuse(transaction, ...UNAVAILABLE);
    else incoming.deliver(incoming.open(transaction, request, app));
  }

  #refuse(
    transaction: ServerTransaction,
    status: number,
    reason: string,
    extra: ReadonlyArray<readonly [string, string]> = [],
  ): void {
    const { context, incoming } = this.#parts;
    this.#waiting.delete(transaction);
    const { request, toTag } = transaction;
    const response = buildResponse(request, status, reason, toTag, extra);
    incoming.send(transaction, response);
    if (request.method !== 'INVITE') return;
    if (status === 487) cdrStop(context, 'network', 'call-canceled', request);
    else cdrStop(context, 'application', 'call-rejected', response);
  }
}
