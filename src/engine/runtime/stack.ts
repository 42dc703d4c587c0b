// The SIP stack: transports and transactions behind one interface.
import { isIPv6 } from 'node:net';
import type { Clock } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import type { HostPort } from '../../kernel/ip.ts';
import { pooledRandom } from '../../kernel/random.ts';
import type { SipRequest } from '../../protocol/sip/message.ts';
import { serialise } from '../../protocol/sip/serialise.ts';
import { Connections } from './connections.ts';
import { deadFlow, isLive, type LiveFlow, type TransportEvents } from './flow.ts';
import { defaultStackLimits, type StackLimits } from './limits.ts';
import type { StackObserver } from './observer.ts';
import type {
  ClientEvents,
  ClientTransaction,
  Flow,
  ListenerSpec,
  SipStack,
  SipTarget,
  StackEvents,
  StackLoad,
} from './sip-stack.ts';
import { StreamListener } from './stream-listener.ts';
import { Transactions } from './transactions.ts';
import { UdpListener } from './udp.ts';

export interface StackOptions {
  readonly clock: Clock;
  /** `count` random bytes, for branches and tags; the system's by default. */
  readonly random?: (count: number) => Uint8Array;
  readonly limits?: Partial<StackLimits>;
  /** PEM certificates that outgoing TLS connections trust beside Node's own list: the clinic's CA. */
  readonly trust?: string;
  /** What a handler of `events` threw, for the owner's log; the request it was about is answered 500. */
  readonly onThrow?: (thrown: unknown) => void;
}

export function createSipStack(events: StackEvents & StackObserver, options: StackOptions): SipStack {
  return new RunningSipStack(events, options);
}

/** What our own Via adds to a request, about. */
const VIA_BYTES = 80;

type Listener = UdpListener | StreamListener;

/** RFC 5626 §5.3, RFC 7118 §5: a WebSocket is opened by its client alone. */
function needsFlow({ transport, isFlowOnly }: SipTarget): boolean {
  return isFlowOnly === true || transport === 'ws' || transport === 'wss';
}

class RunningSipStack implements SipStack {
  /** As many as the configuration names; several may share a name, on other transports or addresses. */
  readonly #listeners: Listener[] = [];
  readonly #clock: Clock;
  readonly #limits: StackLimits;
  readonly #transactions: Transactions;
  readonly #transportEvents: TransportEvents;
  readonly #connections: Connections;

  constructor(
    events: StackEvents & StackObserver,
    { clock, random = pooledRandom(), limits, trust, onThrow }: StackOptions,
  ) {
    this.#clock = clock;
    this.#limits = { ...defaultStackLimits, ...limits };
    const reconnect = (flow: LiveFlow, to: HostPort) =>
      this.#flowTo({ ...to, transport: flow.transport, listener: flow.listener });
    const onAlias = (flow: LiveFlow, port: number) => this.#connections.alias(flow, port);
    this.#transactions = new Transactions({ clock, random, events, limits: this.#limits, reconnect, onAlias, onThrow });
    this.#transportEvents = {
      standing: (address, flow) => events.standing?.(address, flow) ?? 'unknown',
      onMessage: (message, flow, bytes) => this.#transactions.receive(message, flow, bytes),
      onFault: (reason, flow, request) => {
        events.onFault(reason, flow);
        if (request !== undefined) this.#transactions.receiveBroken(request, reason, flow);
      },
      onClosed: (flow) => this.#transactions.flowClosed(flow),
    };
    this.#connections = new Connections({ clock, limits: this.#limits, trust, events: this.#transportEvents });
  }

  get listeners(): readonly ListenerSpec[] {
    return this.#listeners.map(({ spec }) => spec);
  }

  get load(): StackLoad {
    const streams = this.#listeners.filter((listener) => listener instanceof StreamListener);
    return {
      transactions: this.#transactions.size,
      connections: this.#connections.size,
      handshakes: streams.reduce((sum, { handshakes }) => sum + handshakes, 0),
      waiting: streams.reduce((sum, { waiting }) => sum + waiting, 0),
    };
  }

  async listen(spec: ListenerSpec): Promise<ListenerSpec> {
    const listener =
      spec.transport === 'udp'
        ? await UdpListener.open(spec, this.#transportEvents, this.#limits, this.#clock)
        : await StreamListener.open(spec, this.#listenerParts());
    this.#listeners.push(listener);
    return listener.spec;
  }

  setCertificate(name: string, tls: { certificate: string; key: string }): void {
    const isMeant = ({ spec }: Listener) =>
      spec.name === name && (spec.transport === 'tls' || spec.transport === 'wss');
    const listeners = this.#listeners.filter(isMeant).filter((listener) => listener instanceof StreamListener);
    if (listeners.length === 0) throw new WardlineError('no-listener', `There is no TLS listener called ${name}.`);
    for (const listener of listeners) listener.setCertificate(tls);
  }

  openFlow(target: SipTarget): Flow | undefined {
    return this.#connections.find(target);
  }

  async request(request: SipRequest, target: SipTarget, events: ClientEvents): Promise<ClientTransaction> {
    const flow = (await this.#flowForLarge(request, target)) ?? (await this.#flowTo(target)) ?? this.#deadFlow(target);
    return this.#transactions.start(request, flow, events, needsFlow(target) ? 'flow-failed' : 'transport-error');
  }

  async sendAck(ack: SipRequest, target: SipTarget): Promise<{ request: SipRequest; bytes: number; flow: LiveFlow }> {
    const flow = (await this.#flowTo(target)) ?? this.#deadFlow(target);
    const request = this.#transactions.withVia(ack, flow, this.#transactions.newBranch());
    const bytes = serialise(request);
    this.#transactions.sent(bytes, flow);
    flow.send(bytes);
    return { request, bytes: bytes.length, flow };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#transactions.stop();
    const closed = this.#listeners.splice(0).map((listener) => listener.close());
    this.#connections.close();
    await Promise.all(closed);
  }

  /** RFC 3261 §18.1.1: TCP for what is too large for a datagram, where the path MTU is unknown; the Via is not yet in it. */
  async #flowForLarge(request: SipRequest, target: SipTarget): Promise<LiveFlow | undefined> {
    const { flow: _, ...place } = target;
    if (target.transport !== 'udp' || target.mayUseTcp !== true) return undefined;
    const isLarge = serialise(request).length + VIA_BYTES > this.#limits.datagramBytes;
    return isLarge ? await this.#flowTo({ ...place, transport: 'tcp' }) : undefined;
  }

  async #flowTo(target: SipTarget): Promise<LiveFlow | undefined> {
    if (isLive(target.flow) && target.flow.isOpen) return target.flow;
    if (needsFlow(target)) return this.#connections.find(target);
    const listener = this.#findListener(target);
    if (target.transport !== 'udp') return this.#connections.to(target, listener?.spec);
    return listener instanceof UdpListener ? listener.flowTo(target) : undefined;
  }

  /** The one named, else the first, of the target's transport and address family. */
  #findListener({ transport, listener: name, host }: SipTarget): Listener | undefined {
    const isMeant = ({ spec }: Listener) => spec.transport === transport && (name === undefined || name === spec.name);
    return this.#listeners.find((listener) => isMeant(listener) && isIPv6(listener.spec.host) === isIPv6(host));
  }

  #listenerParts() {
    const [connections, events, limits, clock] = [this.#connections, this.#transportEvents, this.#limits, this.#clock];
    return { connections, events, limits, clock };
  }

  #deadFlow(target: SipTarget): LiveFlow {
    const spec = this.#findListener(target)?.spec;
    return deadFlow({
      transport: target.transport,
      listener: spec?.name ?? '',
      local: { host: spec?.host ?? '0.0.0.0', port: spec?.port ?? 0 },
      remote: { host: target.host, port: target.port },
    });
  }
}
