// The SIP edge: phones, carriers and the media server on one side, applications speaking drachtio's wire on the other.
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import type { HostPort } from '../../kernel/ip.ts';
import { pooledRandom } from '../../kernel/random.ts';
import { localAddressFor } from '../runtime/addresses.ts';
import { Locator } from '../runtime/locator.ts';
import type { StackObserver } from '../runtime/observer.ts';
import { systemResolver } from '../runtime/resolver.ts';
import type { ListenerSpec, SipStack, SipTransport, StackEvents } from '../runtime/sip-stack.ts';
import { createSipStack } from '../runtime/stack.ts';
import { Answers } from './answers.ts';
import { type AppConnection, AppPort, type AppSipMessage } from './app-port.ts';
import { ClientDialogs } from './client-dialogs.ts';
import { ContactFlows } from './contact-flows.ts';
import type { EdgeContext } from './context.ts';
import { EdgeCounters } from './counters.ts';
import { DialogTable } from './dialog.ts';
import { DialogRequests } from './dialog-requests.ts';
import type { Edge, EdgeListenerOptions, EdgeOptions, EdgeStatus, TlsPem } from './edge-options.ts';
import type { Ban, ListenerProfile } from './guard.ts';
import { createIds, type Random } from './ids.ts';
import { defaultEdgeLimits, FLOOD_LIMITS } from './limits.ts';
import { orSayWhy } from './listen-error.ts';
import { ListenerGuard } from './listener-guard.ts';
import { NewRequests } from './new-requests.ts';
import { OutgoingTable } from './outgoing.ts';
import { MAX_TRACES, type OnTraced, SipTraces } from './sip-trace.ts';
import { policyName, Targets } from './targets.ts';
import { UasSide } from './uas.ts';

export type { Edge, EdgeListenerOptions, EdgeOptions, EdgeStatus, TlsPem } from './edge-options.ts';

/** Stands for a peer that is elsewhere (RFC 5737), when an application asks where we listen. */
const ANY_OUTSIDE = '192.0.2.1';

/**
 * Opens the listeners, then the admin port.
 * @throws WardlineError `cannot-listen`, naming address, port and what to do
 */
export async function createEdge(options: EdgeOptions): Promise<Edge> {
  const edge = new RunningEdge(options);
  try {
    await edge.open();
  } catch (thrown) {
    await edge.close();
    throw thrown;
  }
  return edge;
}

class RunningEdge implements Edge {
  readonly #options: EdgeOptions;
  readonly #stack: SipStack;
  readonly #counters = new EdgeCounters();
  readonly #dialogs = new DialogTable();
  readonly #outgoing: OutgoingTable;
  readonly #clientDialogs: ClientDialogs;
  readonly #uas: UasSide;
  readonly #answers: Answers;
  readonly #newRequests: NewRequests;
  readonly #dialogRequests: DialogRequests;
  readonly #contacts: ContactFlows;
  readonly #guard: ListenerGuard;
  readonly #traces: SipTraces;
  readonly #profiles = new Map<string, ListenerProfile>();
  readonly #context: EdgeContext;
  #apps: AppPort | undefined;

  constructor(options: EdgeOptions) {
    this.#options = options;
    const { clock, random = pooledRandom(), resolver = systemResolver() } = options;
    const limits = { ...defaultEdgeLimits, ...options.limits };
    this.#stack = this.#createStack(random);
    this.#traces = new SipTraces(clock);
    this.#guard = new ListenerGuard(
      {
        clock,
        limits: options.guard,
        onBanned: (ban) => this.#banned(ban),
        onDropped: (why) => this.#counters.add(why === 'banned' ? 'droppedBanned' : 'droppedScanner'),
      },
      this.#profiles,
    );
    this.#contacts = new ContactFlows(clock, limits.contactFlows);
    const getApps = () => this.#getApps();
    const ids = createIds(random, clock);
    const locator = new Locator(clock, resolver, ids.below);
    this.#context = {
      stack: this.#stack,
      get apps() {
        return getApps();
      },
      dialogs: this.#dialogs,
      contacts: this.#contacts,
      targets: new Targets(this.#stack, this.#contacts, locator),
      locator,
      counters: this.#counters,
      guard: this.#guard,
      clock,
      ids,
      limits,
    };
    this.#outgoing = new OutgoingTable(this.#context);
    this.#clientDialogs = new ClientDialogs(this.#context);
    this.#uas = new UasSide(this.#context, options.requestHandlers ?? [], options.trust);
    this.#answers = new Answers(this.#context, this.#uas.incoming);
    this.#newRequests = new NewRequests(this.#context, this.#outgoing, this.#clientDialogs);
    this.#dialogRequests = new DialogRequests(this.#context, this.#outgoing, this.#clientDialogs);
  }

  get admin(): HostPort {
    return this.#getApps().bound;
  }

  get adminTls(): HostPort | undefined {
    return this.#getApps().boundTls;
  }

  get listeners(): readonly EdgeListenerOptions[] {
    return this.#stack.listeners.map(({ name, transport, host, port }) => ({
      name: policyName(name),
      transport,
      host,
      port,
    }));
  }

  async open(): Promise<void> {
    const { listeners, tls, exempt = [] } = this.#options;
    this.exempt(exempt);
    for (const [index, listener] of listeners.entries()) {
      const { profile, clients, ...place } = listener;
      const flood = profile === undefined ? {} : { flood: FLOOD_LIMITS[profile] };
      const spec = { ...place, ...flood, name: `${listener.name}/${listener.transport}${index}` };
      if (profile !== undefined) this.#profiles.set(spec.name, profile);
      const isSecured = isSecure(listener.transport) && tls !== undefined;
      const secured: ListenerSpec = isSecured ? { ...spec, tls: { ...tls, ...(clients && { clients }) } } : spec;
      await orSayWhy(listener, `SIP over ${listener.transport.toUpperCase()}`, this.#stack.listen(secured));
    }
    await this.#openAdmin();
  }

  async #openAdmin(): Promise<void> {
    const { admin, adminTls, tls, secret, clock } = this.#options;
    const { counters, ids, limits } = this.#context;
    const port = new AppPort({
      secret,
      limits,
      clock,
      ids,
      counters,
      listeners: () =>
        this.#stack.listeners.map((spec) => ({ ...spec, host: localAddressFor(spec.host, ANY_OUTSIDE) })),
      onSip: (message, app) => this.#receive(message, app),
      onProxy: (message, app) => this.#uas.proxies.start(message, app),
      onClosed: (app) => this.#appClosed(app),
    });
    this.#apps = port;
    await orSayWhy(admin, 'the call control port', port.listen(admin));
    if (adminTls === undefined) return;
    if (tls === undefined)
      throw new WardlineError('no-certificate', 'The call control port over TLS needs a certificate and its key.');
    await orSayWhy(adminTls, 'the call control port over TLS', port.listen(adminTls, tls));
  }

  status(): EdgeStatus {
    return {
      admin: this.admin,
      ...(this.adminTls !== undefined && { adminTls: this.adminTls }),
      listeners: this.listeners,
      applications: this.#getApps().count,
      routes: this.#getApps().routes,
      dialogs: this.#dialogs.size,
      pendingIn: this.#uas.incoming.size,
      pendingOut: this.#outgoing.size,
      registeredConnections: this.#contacts.size,
      connections: this.#stack.load.connections,
      handshakes: this.#stack.load.handshakes,
      waitingConnections: this.#stack.load.waiting,
      isDraining: this.#uas.isDraining,
      banned: this.#guard.bans().length,
      counters: this.#counters.snapshot(),
    };
  }

  bans(): readonly Ban[] {
    return this.#guard.bans();
  }

  liftBan(address: string): boolean {
    return this.#guard.lift(address);
  }

  exempt(addresses: readonly string[]): void {
    const bad = this.#guard.exempt(addresses);
    if (bad.length > 0) {
      const sentence = `${bad.length} of the addresses that are never banned cannot be read; write an IP address, or a network as 192.0.2.0/24.`;
      throw new WardlineError('bad-address', sentence);
    }
  }

  trace(aor: string, seconds: number, onTraced: OnTraced, onEnd: () => void): Disposable {
    if (this.#traces.isFull) {
      throw new WardlineError('too-many-traces', `There are ${MAX_TRACES} traces already; wait until one ends.`);
    }
    return this.#traces.start(aor, seconds, onTraced, onEnd);
  }

  drain(): void {
    this.#uas.isDraining = true;
  }

  setCertificate(tls: TlsPem): void {
    for (const { name, transport } of this.#stack.listeners) {
      if (isSecure(transport)) this.#stack.setCertificate(name, tls);
    }
    this.#getApps().setCertificate(tls);
  }

  async close(): Promise<void> {
    for (const dialog of this.#dialogs) this.#dialogs.remove(dialog);
    this.#uas.proxies.close();
    for (const incoming of this.#uas.incoming) this.#uas.incoming.close(incoming);
    await this.#apps?.[Symbol.asyncDispose]();
    await this.#stack[Symbol.asyncDispose]();
  }

  /** The order in which drachtio-server decides what a frame is. */
  #receive(message: AppSipMessage, app: AppConnection): void {
    const { sip, dialogId, transactionId } = message;
    if (sip.startLine.startsWith('SIP/')) this.#answers.respond(message, app);
    else if (dialogId !== '') this.#supervise(message, app, this.#dialogRequests.send(message, app));
    else if (transactionId !== '' && sip.startLine.startsWith('CANCEL')) this.#newRequests.cancel(message, app);
    else this.#supervise(message, app, this.#newRequests.send(message, app));
  }

  /** A fault of ours ends one request, not the edge. */
  #supervise(message: AppSipMessage, app: AppConnection, work: Promise<void>): void {
    work.catch((thrown: unknown) => {
      this.#counters.fault('request-failed');
      this.#options.logger.error({ code: codeOf(thrown) }, 'A request of an application could not be sent.');
      app.refuse(message.id, 'request could not be sent');
    });
  }

  #appClosed(app: AppConnection): void {
    this.#uas.appClosed(app);
    // Nobody is left to talk to whom they ring.
    for (const outgoing of this.#outgoing) {
      if (outgoing.app === app && outgoing.dialog?.state === 'early') this.#newRequests.cancelOutgoing(outgoing);
    }
  }

  #banned(ban: Ban): void {
    this.#counters.add('bans');
    const { address, reason, listener, untilMs } = ban;
    this.#options.logger.warn({ address, reason, listener, untilMs }, 'A source was banned.');
    this.#options.onBanned?.(ban);
  }

  #createStack(random: Random): SipStack {
    const { clock, trust, createStack } = this.#options;
    const events: StackEvents & StackObserver = {
      standing: (address, flow) => this.#guard.standingOf(address, flow),
      admits: (request, flow) => this.#guard.lets(request, flow),
      received: (message, flow) => this.#traces.received(message, flow),
      sent: (bytes, flow) => this.#traces.sent(bytes, flow),
      retransmitted: (direction) => this.#counters.add(direction === 'in' ? 'retransmissionsIn' : 'retransmissionsOut'),
      onRequest: (transaction) => this.#uas.onRequest(transaction),
      onCancel: (cancel, arrival, invite) => this.#uas.onCancel(cancel, arrival, invite),
      onAck: (ack, arrival) => this.#uas.onAck(ack, arrival),
      onStrayResponse: (response, arrival) => {
        if (!this.#uas.proxies.onStrayResponse(response)) this.#clientDialogs.onStrayResponse(response, arrival);
      },
      onFault: (reason) => this.#counters.fault(reason),
    };
    if (createStack !== undefined) return createStack(events);
    return createSipStack(events, { clock, random, ...(trust === undefined ? {} : { trust }) });
  }

  #getApps(): AppPort {
    if (this.#apps === undefined) throw new WardlineError('edge-not-open', 'The edge is still opening its ports.');
    return this.#apps;
  }
}

function isSecure(transport: SipTransport): boolean {
  return transport === 'tls' || transport === 'wss';
}
