// One request to the servers that its target has, one after another (RFC 3263 §4.3, RFC 3261 §8.1.3.1): the next when one is silent or out of service.
import type { Server } from '../../protocol/sip/locate.ts';
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import type { Arrival, ClientEvents, ClientTransaction, SipTarget } from '../runtime/sip-stack.ts';
import type { EdgeContext } from './context.ts';
import type { Route } from './targets.ts';

/** Servers of one name that a request goes to, one after another (RFC 3263 §4.3). */
const MAX_ATTEMPTS = 8;
/** An INVITE that hears nothing for so long goes to the next server as well; RFC 3263 has it wait for timer B, 32 s, and the caller is gone by then. */
const SILENT_SERVER_MS = 4_000;

type Ending = Parameters<ClientEvents['onFailure']>[0];
type Build = (route: Route) => SipRequest;

interface Attempt {
  readonly route: Route;
  client: ClientTransaction | undefined;
  isHeard: boolean;
  isOver: boolean;
  /** Another was begun in its stead: only a 2xx of it still counts. */
  isGivenUp: boolean;
  silence: Disposable | undefined;
}

interface AttemptEvents extends ClientEvents {
  /** Each one as it leaves. */
  onBegun?(client: ClientTransaction): void;
}

/** As `SipStack.request`, over every way that `route` leads to. `build` makes the request for one of them, each time with the same ids. */
export async function sendRequest(
  context: EdgeContext,
  route: Route,
  build: Build,
  events: AttemptEvents,
): Promise<ClientTransaction> {
  if (route.next !== undefined) return new Attempts(context, build, events).start(route);
  // The usual case: a connection or an address, and nothing else to try.
  const client = await context.stack.request(build(route), route.target, events);
  events.onBegun?.(client);
  return client;
}

class Attempts implements ClientTransaction {
  readonly #context: EdgeContext;
  readonly #build: Build;
  readonly #events: AttemptEvents;
  readonly #all: Attempt[] = [];
  readonly #started = Promise.withResolvers<ClientTransaction>();
  #cancelled: { readonly headers: Parameters<ClientTransaction['cancel']>[0] } | undefined;
  #isDecided = false;

  constructor(context: EdgeContext, build: Build, events: AttemptEvents) {
    this.#context = context;
    this.#build = build;
    this.#events = events;
  }

  start(route: Route): Promise<ClientTransaction> {
    this.#launch(route);
    return this.#started.promise;
  }

  get request(): SipRequest {
    return this.#current.request;
  }

  get wire(): Uint8Array {
    return this.#current.wire;
  }

  get flow(): ClientTransaction['flow'] {
    return this.#current.flow;
  }

  cancel(headers?: Parameters<ClientTransaction['cancel']>[0]): void {
    this.#cancelled = { headers };
    for (const attempt of this.#all) {
      attempt.silence?.[Symbol.dispose]();
      if (!attempt.isOver) attempt.client?.cancel(headers);
    }
  }

  /** The last that has left. */
  get #current(): ClientTransaction {
    const client = this.#all.findLast((attempt) => attempt.client !== undefined)?.client;
    if (client === undefined) throw new Error('No attempt has begun.');
    return client;
  }

  #launch(route: Route): void {
    const flags = { isHeard: false, isOver: false, isGivenUp: false };
    const attempt: Attempt = { route, client: undefined, ...flags, silence: undefined };
    this.#all.push(attempt);
    const request = this.#build(route);
    // A request that is no INVITE might be carried out twice; it waits for timer F.
    if (request.method === 'INVITE') this.#watch(attempt);
    const sending = this.#context.stack.request(request, route.target, {
      onResponse: (response, arrival) => this.#answered(attempt, response, arrival),
      onFailure: (ending) => this.#failed(attempt, ending),
    });
    sending.then((client) => this.#begun(attempt, client), this.#started.reject);
  }

  #begun(attempt: Attempt, client: ClientTransaction): void {
    attempt.client = client;
    this.#events.onBegun?.(client);
    this.#started.resolve(this);
    if (this.#cancelled !== undefined) client.cancel(this.#cancelled.headers);
    else if (attempt.isGivenUp || this.#isDecided) client.cancel();
  }

  /** Nobody waits half a minute for a server that may be dead while there is another. */
  #watch(attempt: Attempt): void {
    attempt.silence = this.#context.clock.after(SILENT_SERVER_MS, () => this.#moveOn(attempt));
  }

  #answered(attempt: Attempt, response: SipResponse, arrival: Arrival): void {
    const { status } = response;
    const tell = () => this.#events.onResponse(response, arrival);
    attempt.silence?.[Symbol.dispose]();
    attempt.isHeard = true;
    attempt.isOver = status >= 200;
    if (status === 503) this.#moveOn(attempt, tell);
    else {
      this.#context.locator.answered(serverOf(attempt.route.target));
      if (status >= 200 && status < 300) this.#accepted(attempt, tell);
      else if (!attempt.isGivenUp) this.#pass(attempt, tell);
    }
  }

  /** Whoever answers has the call; what else was begun is called off, and hung up by its owner when it answers as well. */
  #accepted(attempt: Attempt, tell: () => void): void {
    this.#isDecided = true;
    for (const other of this.#all) {
      other.silence?.[Symbol.dispose]();
      if (other !== attempt && !other.isOver) other.client?.cancel();
    }
    tell();
  }

  #failed(attempt: Attempt, ending: Ending): void {
    attempt.silence?.[Symbol.dispose]();
    attempt.isOver = true;
    this.#moveOn(attempt, () => this.#events.onFailure(ending));
  }

  /** To the next server; when there is none, `tell` says what became of this one. Without `tell` it was silent so far. */
  #moveOn(attempt: Attempt, tell?: () => void): void {
    const { locator, counters } = this.#context;
    locator.failed(serverOf(attempt.route.target));
    this.#tryNext(attempt, tell).catch(() => {
      counters.fault('request-failed');
      if (tell !== undefined) this.#pass(attempt, tell);
    });
  }

  async #tryNext(attempt: Attempt, tell?: () => void): Promise<void> {
    const route = await this.#next(attempt);
    if (attempt.isGivenUp || this.#isDecided || (tell === undefined && attempt.isHeard)) return;
    if (route === undefined) {
      if (tell !== undefined) this.#pass(attempt, tell);
      return;
    }
    attempt.isGivenUp = true;
    if (!attempt.isOver) attempt.client?.cancel();
    this.#launch(route);
  }

  async #next({ route }: Attempt): Promise<Route | undefined> {
    const isLast = this.#cancelled !== undefined || this.#all.length >= MAX_ATTEMPTS;
    const next = isLast ? undefined : await route.next?.();
    return this.#cancelled === undefined ? next : undefined;
  }

  #pass(attempt: Attempt, tell: () => void): void {
    if (this.#isDecided) return;
    this.#isDecided = attempt.isOver;
    tell();
  }
}

function serverOf({ transport, host, port }: SipTarget): Server {
  return { transport: transport === 'udp' || transport === 'tcp' ? transport : 'tls', host, port };
}
