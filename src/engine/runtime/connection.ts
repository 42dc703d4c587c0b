// One connection that carries SIP over TCP, TLS or WebSocket (RFC 3261 §18, RFC 5626, RFC 7118): bounded, and cut when a peer dawdles.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../../kernel/clock.ts';
import type { HostPort } from '../../kernel/ip.ts';
import type { SipRequest } from '../../protocol/sip/message.ts';
import type { StreamItem } from '../../protocol/sip/parse.ts';
import { plainAddress } from './addresses.ts';
import type { LiveFlow, TransportEvents } from './flow.ts';
import type { StackLimits } from './limits.ts';
import type { SipTransport } from './sip-stack.ts';
import { type ProvenPeer, provenPeer } from './tls-server.ts';
import type { Wire } from './wire.ts';

const KEEP_ALIVE_MS = 45_000;
const PONG = Buffer.from('\r\n');

export interface ConnectionParts {
  readonly id: string;
  readonly listener: string;
  readonly transport: SipTransport;
  /** The port that our listener has, for the Via; the connection's own when there is none. */
  readonly listenerPort: number | undefined;
  readonly isInbound: boolean;
  readonly limits: StackLimits;
  readonly clock: Clock;
  readonly events: TransportEvents;
  /** Called when a request of it was granted. */
  readonly onProven: () => void;
}

export class Connection implements LiveFlow {
  readonly id: string;
  readonly listener: string;
  readonly transport: SipTransport;
  readonly isReliable = true;
  readonly local: HostPort;
  readonly remote: HostPort;
  readonly sentBy: HostPort;
  /** Who showed a verified certificate to us; undefined on connections that we made. */
  readonly peer: ProvenPeer | undefined;
  readonly #wire: Wire;
  readonly #parts: ConnectionParts;
  #isOpen = true;
  #hadMessage = false;
  #faults = 0;
  #deadline: Disposable | undefined;
  #silenceMs: number | undefined;
  #heardAtMs = 0;
  #silence: Disposable | undefined;

  /** Takes over a socket that is connected and, for TLS, secured, and what `wire` reads of it. */
  constructor(socket: Socket, wire: Wire, parts: ConnectionParts) {
    this.id = parts.id;
    this.listener = parts.listener;
    this.transport = parts.transport;
    this.local = { host: plainAddress(socket.localAddress), port: socket.localPort ?? 0 };
    this.remote = { host: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
    this.sentBy = { host: this.local.host, port: parts.listenerPort ?? this.local.port };
    this.peer = parts.isInbound && socket instanceof TLSSocket ? provenPeer(socket) : undefined;
    this.#wire = wire;
    this.#parts = parts;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    wire.start({
      mayRead: () => this.#mayRead(),
      onItems: (items, isMidMessage) => this.#receive(items, isMidMessage),
      onBroken: (reason) => this.#cut(reason),
      onClosed: () => this.#ended(),
    });
    if (parts.isInbound) this.#arm(parts.limits.firstMessageMs, 'no-first-message');
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get clientSubject(): string | undefined {
    return this.peer?.subject;
  }

  send(bytes: Uint8Array, onError?: () => void): void {
    if (!this.#isOpen) {
      onError?.();
      return;
    }
    this.#wire.send(bytes);
    if (this.#wire.waitingBytes > this.#parts.limits.waitingBytes) this.#cut('slow-reader');
  }

  prove(): void {
    this.#parts.onProven();
  }

  expectPings(silenceMs: number): void {
    this.#silenceMs = silenceMs;
  }

  /** It is to go, and why. */
  cut(reason: string): void {
    if (this.#isOpen) this.#cut(reason);
  }

  close(): void {
    this.#isOpen = false;
    this.#wire.destroy();
  }

  /** A source that is banned meanwhile is not read any further. */
  #mayRead(): boolean {
    if (!this.#isOpen) return false;
    if (!this.#parts.isInbound || this.#parts.events.standing(this.remote.host, this) !== 'banned') return true;
    this.close();
    return false;
  }

  #receive(items: readonly StreamItem[], isMidMessage: boolean): void {
    if (!this.#isOpen) return;
    if (this.#silence !== undefined) this.#heardAtMs = this.#parts.clock.monotonic();
    for (const item of items) {
      if (!this.#isOpen) return;
      this.#take(item);
    }
    if (isMidMessage) {
      if (this.#hadMessage && this.#deadline === undefined) this.#arm(this.#parts.limits.messageMs, 'slow-writer');
    } else if (this.#hadMessage) this.#disarm();
  }

  #take(item: StreamItem): void {
    if (item.item === 'fault') this.#refuse(item);
    else if (item.item === 'ping') {
      this.send(PONG);
      this.#pinged();
    } else {
      this.#hadMessage = true;
      this.#disarm();
      this.#parts.events.onMessage(item.message, this, item.bytes);
    }
  }

  /** A peer whose message was left out is heard further, but not for ever. */
  #refuse({ fault, isFatal, request }: Extract<StreamItem, { item: 'fault' }>): void {
    this.#faults += 1;
    if (isFatal || this.#faults > this.#parts.limits.faultsPerConnection) this.#cut(fault, request);
    else this.#parts.events.onFault(fault, this, request);
  }

  #cut(reason: string, request?: SipRequest): void {
    this.#parts.events.onFault(reason, this, request);
    this.#isOpen = false;
    // What the peer is told of its last request still leaves.
    if (request === undefined) this.#wire.destroy();
    else this.#wire.end();
  }

  #pinged(): void {
    if (this.#silenceMs === undefined || this.#silence !== undefined) return;
    this.#heardAtMs = this.#parts.clock.monotonic();
    this.#awaitSilence(this.#silenceMs, this.#silenceMs);
  }

  /** One timer, looked at again when it fires: keep-alives are too many to set one each. */
  #awaitSilence(silenceMs: number, inMs: number): void {
    this.#silence = this.#parts.clock.after(inMs, () => {
      const left = this.#heardAtMs + silenceMs - this.#parts.clock.monotonic();
      if (left <= 0) this.#cut('flow-timer');
      else this.#awaitSilence(silenceMs, left);
    });
  }

  #ended(): void {
    this.#isOpen = false;
    this.#silence?.[Symbol.dispose]();
    this.#disarm();
    this.#parts.events.onClosed(this);
  }

  #arm(ms: number, reason: string): void {
    this.#disarm();
    this.#deadline = this.#parts.clock.after(ms, () => this.#cut(reason));
  }

  #disarm(): void {
    this.#deadline?.[Symbol.dispose]();
    this.#deadline = undefined;
  }
}
