// Requests that applications proxy, and the calls we stay on the way of (RFC 3261 §16, RFC 5658): the table of both.
import type { AppHeader, AppSip, ProxyOptions } from '../../protocol/drachtio-wire/app-message.ts';
import { NOK } from '../../protocol/drachtio-wire/leader.ts';
import { topVia } from '../../protocol/sip/fields.ts';
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import { buildResponse } from '../../protocol/sip/transaction/build.ts';
import { parseUri } from '../../protocol/sip/uri.ts';
import type { ClientEvents, ClientTransaction, ServerTransaction } from '../runtime/sip-stack.ts';
import type { AppConnection, AppProxyMessage } from './app-port.ts';
import { sendRequest } from './attempts.ts';
import { cdrAttempt, cdrStop } from './cdr.ts';
import type { EdgeContext } from './context.ts';
import { appHeaders } from './headers.ts';
import type { IncomingTable } from './incoming.ts';
import { TIMER_H_MS } from './limits.ts';
import { ProxiedRequest } from './proxied-request.ts';
import { ProxyMemory } from './proxy-memory.ts';
import { forwarded, hopsLeft, pathLines, recordRouteLines, withoutOwnRoutes, withoutTopVia } from './proxy-message.ts';
import type { Route } from './targets.ts';

/** Not added to what is forwarded: the caller's own count. */
const NOT_ADDED = new Set([
  'from',
  'to',
  'call-id',
  'cseq',
  'max-forwards',
  'content-type',
  'contact',
  'content-length',
]);

/** Nothing is added to what is forwarded. */
const NOTHING: AppSip = { startLine: '', headers: [], body: new Uint8Array(0) };

interface Cancellable {
  cancel(): void;
}

export class Proxies {
  readonly #context: EdgeContext;
  readonly #incoming: IncomingTable;
  readonly #byTransaction = new Map<ServerTransaction, Cancellable>();
  /** By the branch of our Via, for 2xx that are said again. */
  readonly #byBranch = new Map<string, ServerTransaction>();
  readonly #branches = new Map<ServerTransaction, string[]>();
  readonly #memory: ProxyMemory;
  readonly #timers = new Set<Disposable>();

  constructor(context: EdgeContext, incoming: IncomingTable) {
    this.#context = context;
    this.#incoming = incoming;
    this.#memory = new ProxyMemory(context.clock, context.limits);
  }

  get size(): number {
    return this.#byTransaction.size;
  }

  /** Forgets everything; what is on its way ends with the stack. */
  close(): void {
    for (const timer of this.#timers) timer[Symbol.dispose]();
    for (const proxied of this.#byTransaction.values()) if (proxied instanceof ProxiedRequest) proxied.close();
    this.#byTransaction.clear();
  }

  start(message: AppProxyMessage, app: AppConnection): void {
    const incoming = this.#incoming.find(message.transactionId);
    if (incoming === undefined || incoming.isInDialog) {
      app.refuse(message.id, NOK.unknownProxy(message.transactionId));
      return;
    }
    const { transaction, request } = incoming;
    if (message.destinations.some((uri) => parseUri(uri) === undefined)) {
      app.refuse(message.id, NOK.proxyFailed);
      return;
    }
    const refusal = this.#whyNot(request);
    if (refusal !== undefined) {
      const [status, reason, extra] = refusal;
      this.#incoming.refuse(incoming, status, reason, extra);
      app.refuse(message.id, status === 483 ? NOK.tooManyHops : NOK.proxyFailed);
      return;
    }
    if (incoming.dialog !== undefined) this.#context.dialogs.remove(incoming.dialog);
    this.#incoming.close(incoming);
    this.#run(message, app, transaction, request);
  }

  /** As a request handler says; no application hears of it. */
  forward(
    transaction: ServerTransaction,
    request: SipRequest,
    destinations: readonly string[],
    options: ProxyOptions,
  ): void {
    const refusal = this.#whyNot(request);
    if (refusal !== undefined) {
      const [status, reason, extra] = refusal;
      this.#incoming.send(transaction, buildResponse(request, status, reason, transaction.toTag, extra));
      return;
    }
    this.#run(
      { type: 'proxy', id: '', transactionId: '', options, destinations, sip: NOTHING },
      undefined,
      transaction,
      request,
    );
  }

  #whyNot(request: SipRequest): readonly [status: number, reason: string, extra: readonly AppHeader[]] | undefined {
    if (hopsLeft(request) === 0) return [483, 'Too Many Hops', []];
    if (this.#byTransaction.size < this.#context.limits.proxiedRequests) return undefined;
    this.#context.counters.fault('too-many-proxied');
    return [503, 'Service Unavailable', [['Retry-After', '5']]];
  }

  onCancel(invite: ServerTransaction): boolean {
    const proxied = this.#byTransaction.get(invite);
    proxied?.cancel();
    return proxied !== undefined;
  }

  /** A 2xx that the callee says again, until the caller's ACK reaches it. */
  onStrayResponse(response: SipResponse): boolean {
    const transaction = this.#byBranch.get(topVia(response)?.branch ?? '');
    transaction?.respond(withoutTopVia(response));
    return transaction !== undefined;
  }

  /** A request in a call that stays with us: goes on without the application. Returns false for any other. */
  relay(transaction: ServerTransaction, request: SipRequest): boolean {
    const onward = this.#onward(request);
    if (onward === undefined) return false;
    if (hopsLeft(request) === 0) {
      transaction.respond(buildResponse(request, 483, 'Too Many Hops', transaction.toTag));
      return true;
    }
    if (request.method === 'INVITE') transaction.respond(buildResponse(request, 100, 'Trying', ''));
    if (request.method === 'BYE') this.#ended(request);
    void this.#relay(transaction, onward);
    return true;
  }

  relayAck(ack: SipRequest): boolean {
    const onward = this.#onward(ack);
    if (onward === undefined) return false;
    if (hopsLeft(ack) > 0) void this.#relayAck(onward);
    return true;
  }

  #run(
    message: AppProxyMessage,
    app: AppConnection | undefined,
    transaction: ServerTransaction,
    request: SipRequest,
  ): void {
    const pinned = this.#memory.pinnedTarget(request);
    const { staysInDialog } = message.options;
    const { place } = this.#context.targets.byFlow(transaction.arrival.flow);
    const proxied = new ProxiedRequest({
      context: this.#context,
      transaction,
      request,
      app,
      message,
      targets: pinned === undefined ? message.destinations : [pinned],
      added: appHeaders(message.sip, NOT_ADDED, place),
      send: (target, added, events) => this.#send(transaction, request, target, { staysInDialog, added }, events),
      onAnswered: (response) => {
        if (staysInDialog) this.#memory.keepCall(response);
      },
      onChallenged: (target) => this.#memory.pin(request, target),
      onOver: () => this.#forgetLater(transaction),
    });
    this.#byTransaction.set(transaction, proxied);
    // What is left of the transaction is the stack's; ours ends by itself.
    transaction.onEnd = undefined;
    proxied.start();
  }

  async #send(
    transaction: ServerTransaction,
    request: SipRequest,
    target: string,
    { staysInDialog, added }: { staysInDialog: boolean; added: readonly AppHeader[] },
    events: ClientEvents,
  ): Promise<ClientTransaction | undefined> {
    const { targets } = this.#context;
    const own = withoutOwnRoutes(request, (uri) => targets.isMyself(uri));
    const asked = parseUri(request.uri);
    const isOurs = asked === undefined || targets.isMyself(asked);
    const uri = parseUri(target);
    if (uri === undefined) return undefined;
    const route = await (isOurs ? targets.forRequest(uri, undefined) : targets.forRequest(asked, uri));
    if (route === undefined) return undefined;
    const build = (way: Route) => {
      const lines = staysInDialog ? this.#stayLines(transaction, request, way) : [];
      return forwarded(own.request, isOurs ? target : request.uri, lines, added);
    };
    if (request.method === 'INVITE') cdrAttempt(this.#context, 'application', build(route));
    return this.#start(transaction, build, route, events);
  }

  #stayLines({ arrival }: ServerTransaction, { method }: SipRequest, { place }: Route): AppHeader[] {
    const into = this.#context.targets.byFlow(arrival.flow).place;
    return method === 'REGISTER' ? pathLines(into) : recordRouteLines(place, into);
  }

  async #start(
    transaction: ServerTransaction,
    build: (route: Route) => SipRequest,
    route: Route,
    events: ClientEvents,
  ): Promise<ClientTransaction> {
    const { counters } = this.#context;
    counters.add('clientTransactions');
    const client = await sendRequest(this.#context, route, build, {
      ...events,
      onBegun: ({ request }) => this.#learnBranch(transaction, request),
    });
    counters.add('messagesOut');
    return client;
  }

  #learnBranch(transaction: ServerTransaction, request: SipRequest): void {
    const branch = topVia(request)?.branch;
    if (request.method !== 'INVITE' || branch === undefined) return;
    this.#byBranch.set(branch, transaction);
    this.#branches.set(transaction, [...(this.#branches.get(transaction) ?? []), branch]);
  }

  async #relay(transaction: ServerTransaction, onward: Onward): Promise<void> {
    const { request } = transaction;
    const refuse = (status: number, reason: string) => {
      transaction.respond(buildResponse(request, status, reason, transaction.toTag));
      this.#forgetLater(transaction);
    };
    const route = await this.#routeOf(onward);
    if (route === undefined) {
      refuse(500, 'Server Internal Error');
      return;
    }
    const { place } = this.#context.targets.byFlow(transaction.arrival.flow);
    // A target refresh names us again, so that the way stays as it was (RFC 3261 §16.6 step 4).
    const lines = request.method === 'INVITE' ? recordRouteLines(route.place, place) : [];
    const sent = forwarded(onward.request, request.uri, lines);
    const client = await this.#start(transaction, () => sent, route, {
      onResponse: (response) => {
        this.#context.counters.add('messagesIn');
        transaction.respond(withoutTopVia(response));
        if (response.status >= 200) this.#forgetLater(transaction);
      },
      onFailure: (ending) =>
        ending === 'timeout' ? refuse(408, 'Request Timeout') : refuse(500, 'Server Internal Error'),
    });
    if (!transaction.isOver) this.#byTransaction.set(transaction, client);
  }

  async #relayAck(onward: Onward): Promise<void> {
    const route = await this.#routeOf(onward);
    if (route === undefined) return;
    await this.#context.stack.sendAck(forwarded(onward.request, onward.request.uri, []), route.target);
    this.#context.counters.add('messagesOut');
  }

  #routeOf({ request, nextHop }: Onward): Promise<Route | undefined> {
    const uri = parseUri(request.uri);
    return uri === undefined ? Promise.resolve(undefined) : this.#context.targets.forRequest(uri, nextHop);
  }

  /** The request without our Routes, when it is one of a call that stays with us. We relay for nobody else. */
  #onward(request: SipRequest): Onward | undefined {
    const { targets } = this.#context;
    if (!request.headers.has('route') || !this.#memory.isInCall(request)) return undefined;
    const onward = withoutOwnRoutes(request, (uri) => targets.isMyself(uri));
    return onward.hadOurs ? onward : undefined;
  }

  /** Kept while the BYE may still be said again. */
  #ended(bye: SipRequest): void {
    cdrStop(this.#context, 'network', 'normal-release', bye);
    const callId = bye.headers.get('call-id') ?? '';
    this.#later(TIMER_H_MS, () => this.#memory.forgetCall(callId));
  }

  #later(ms: number, action: () => void): void {
    const timer = this.#context.clock.after(ms, () => {
      this.#timers.delete(timer);
      action();
    });
    this.#timers.add(timer);
  }

  /** Once 2xx are no longer said again. */
  #forgetLater(transaction: ServerTransaction): void {
    this.#later(TIMER_H_MS, () => {
      this.#byTransaction.delete(transaction);
      for (const branch of this.#branches.get(transaction) ?? []) this.#byBranch.delete(branch);
      this.#branches.delete(transaction);
    });
  }
}

type Onward = ReturnType<typeof withoutOwnRoutes>;
