// SIP over UDP (RFC 3261 §18): one socket a listener, one message a datagram.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIP, isIPv6 } from 'node:net';
import type { Clock } from '../../kernel/clock.ts';
import type { HostPort } from '../../kernel/ip.ts';
import { parseMessage } from '../../protocol/sip/parse.ts';
import { formatBindingResponse, isStun, parseBindingRequest } from '../../protocol/stun/binding.ts';
import { isWildcard, localAddressFor, plainAddress } from './addresses.ts';
import { SourceBuckets } from './flood.ts';
import type { LiveFlow, TransportEvents } from './flow.ts';
import type { StackLimits } from './limits.ts';
import type { ListenerSpec } from './sip-stack.ts';

/** What the kernel may queue for us while the process is busy. */
const RECEIVE_BUFFER_BYTES = 2_097_152;
/** Peers whose view of our address is remembered, for a wildcard socket. */
const REMEMBERED_ADDRESSES = 1_024;

export class UdpListener {
  readonly spec: ListenerSpec;
  readonly #socket: Socket;
  readonly #limits: StackLimits;
  readonly #buckets: SourceBuckets | undefined;
  readonly #localHosts = new Map<string, string>();
  readonly #kind: Pick<LiveFlow, 'listener' | 'isReliable'>;
  #isOpen = true;

  private constructor(spec: ListenerSpec, socket: Socket, limits: StackLimits, clock: Clock) {
    this.spec = spec;
    this.#socket = socket;
    this.#limits = limits;
    this.#kind = { listener: spec.name, isReliable: false };
    const { flood } = spec;
    this.#buckets = flood && new SourceBuckets(clock, flood.datagramsPerSecond, flood.datagramBurst);
  }

  /** Binds the socket; rejects with Node's own error when that fails. */
  static async open(
    spec: ListenerSpec,
    events: TransportEvents,
    limits: StackLimits,
    clock: Clock,
  ): Promise<UdpListener> {
    const socket = createSocket({
      type: isIPv6(spec.host) ? 'udp6' : 'udp4',
      ipv6Only: isIPv6(spec.host),
      recvBufferSize: RECEIVE_BUFFER_BYTES,
      lookup: refuseNames,
    });
    try {
      const listening = once(socket, 'listening');
      socket.bind({ address: spec.host, port: spec.port, exclusive: true });
      await listening;
    } catch (cause) {
      socket.close();
      throw cause;
    }
    const listener = new UdpListener({ ...spec, port: socket.address().port }, socket, limits, clock);
    // An error after binding belongs to one datagram; its sender hears of it by `send`'s callback.
    socket.on('error', () => {});
    socket.on('message', (bytes, from) =>
      listener.#receive(bytes, { host: plainAddress(from.address), port: from.port }, events),
    );
    return listener;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  flowTo(remote: HostPort): LiveFlow {
    return new UdpFlow(this, remote, { host: this.#localHost(remote.host), port: this.spec.port });
  }

  send(bytes: Uint8Array, to: HostPort, onError?: () => void): void {
    if (!this.#isOpen || this.#socket.getSendQueueSize() > this.#limits.waitingBytes) {
      onError?.();
      return;
    }
    this.#socket.send(bytes, to.port, to.host, (error) => {
      if (error !== null) onError?.();
    });
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }

  #receive(bytes: Buffer, from: HostPort, events: TransportEvents): void {
    if (events.standing(from.host, this.#kind) === 'banned') return;
    const flow = this.flowTo(from);
    if (this.#buckets?.take(from.host) === false) {
      events.onFault('flood', flow);
      return;
    }
    if (isStun(bytes)) {
      this.#answerStun(bytes, flow, events);
      return;
    }
    const message = parseMessage(bytes, this.#limits);
    if (!('fault' in message)) events.onMessage(message, flow, bytes.length);
    // RFC 5626 §3.5.1: line ends alone keep a NAT binding alive.
    else if (message.fault !== 'empty') events.onFault(message.fault, flow, message.request);
  }

  /** RFC 5626 §8: the keep-alive of a phone behind NAT, answered with where it came from. */
  #answerStun(bytes: Buffer, flow: LiveFlow, events: TransportEvents): void {
    const request = parseBindingRequest(bytes);
    if (request === undefined) events.onFault('bad-stun', flow);
    else flow.send(formatBindingResponse(request, flow.remote));
  }

  #localHost(remote: string): string {
    if (!isWildcard(this.spec.host)) return this.spec.host;
    const known = this.#localHosts.get(remote);
    if (known !== undefined) return known;
    const host = localAddressFor(this.spec.host, remote);
    if (this.#localHosts.size >= REMEMBERED_ADDRESSES) this.#localHosts.clear();
    this.#localHosts.set(remote, host);
    return host;
  }
}

class UdpFlow implements LiveFlow {
  readonly transport = 'udp';
  readonly isReliable = false;
  readonly remote: HostPort;
  readonly local: HostPort;
  readonly #listener: UdpListener;

  constructor(listener: UdpListener, remote: HostPort, local: HostPort) {
    this.#listener = listener;
    this.remote = remote;
    this.local = local;
  }

  get id(): string {
    return `udp/${this.listener}/${this.remote.host}/${this.remote.port}`;
  }

  get listener(): string {
    return this.#listener.spec.name;
  }

  get isOpen(): boolean {
    return this.#listener.isOpen;
  }

  get sentBy(): HostPort {
    return this.local;
  }

  send(bytes: Uint8Array, onError?: () => void): void {
    this.#listener.send(bytes, this.remote, onError);
  }

  /** Nothing to close: the socket is the listener's. */
  close(): void {}

  /** Datagrams take no turns. */
  prove(): void {}
}

type LookupDone = (error: NodeJS.ErrnoException | null, address: string, family: number) => void;

/** Targets are addresses already; a name is never resolved here. */
function refuseNames(host: string, _options: unknown, done: LookupDone): void {
  const family = isIP(host);
  done(family === 0 ? new Error('A SIP target must be an IP address.') : null, host, family);
}
