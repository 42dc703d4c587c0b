// SIP over TCP, TLS and WebSocket (RFC 3261 §18, §26.3, RFC 7118): who may connect, the handshakes, and a certificate that can be replaced.
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { Clock } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import type { HostPort } from '../../kernel/ip.ts';
import { plainAddress } from './addresses.ts';
import type { Connection } from './connection.ts';
import type { Connections } from './connections.ts';
import type { TransportEvents } from './flow.ts';
import type { StackLimits } from './limits.ts';
import type { ListenerSpec, ListenerTls } from './sip-stack.ts';
import { tlsServerOptions, withReadablePem } from './tls-server.ts';
import { type Turn, Turnstile } from './turnstile.ts';
import { createWebSocketServer, WebSocketWire } from './web-socket.ts';
import { StreamWire, type Wire } from './wire.ts';

const BACKLOG = 511;

export interface ListenerParts {
  readonly connections: Connections;
  readonly events: TransportEvents;
  readonly limits: StackLimits;
  readonly clock: Clock;
}

/** A connection that came in, from its first moment until it is a flow. */
interface Visit {
  readonly socket: Socket;
  readonly remote: HostPort;
  turn?: Turn | undefined;
  connection?: Connection;
  deadline?: Disposable;
}

/** What makes TLS or WebSockets of connections; it never listens itself. */
type Handshaker = Pick<Server, 'emit' | 'on'> & {
  setSecureContext?(options: ReturnType<typeof tlsServerOptions>): void;
};

export class StreamListener {
  #spec: ListenerSpec;
  readonly #parts: ListenerParts;
  readonly #server: Server;
  readonly #handshaker: Handshaker | undefined;
  readonly #turnstile: Turnstile | undefined;
  /** Handshakes under way, by remote address and port. */
  readonly #halfOpen = new Map<string, Visit>();
  /** Sockets that wait for their turn. */
  readonly #unread = new Set<Socket>();

  private constructor(spec: ListenerSpec, parts: ListenerParts) {
    this.#spec = spec;
    this.#parts = parts;
    this.#turnstile = spec.flood && new Turnstile(parts.clock, spec.flood, parts.limits);
    this.#handshaker = this.#createHandshaker();
    // Nothing is read before it is decided who may stay.
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#arrived(socket));
  }

  /** Binds and listens; rejects with Node's own error when that fails. */
  static async open(spec: ListenerSpec, parts: ListenerParts): Promise<StreamListener> {
    const listener = new StreamListener(spec, parts);
    const server = listener.#server;
    server.listen({ host: spec.host, port: spec.port, ipv6Only: true, exclusive: true, backlog: BACKLOG });
    await once(server, 'listening');
    server.on('error', () => {});
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : spec.port;
    listener.#spec = { ...spec, port };
    return listener;
  }

  get spec(): ListenerSpec {
    return this.#spec;
  }

  get handshakes(): number {
    return this.#halfOpen.size;
  }

  get waiting(): number {
    return this.#unread.size;
  }

  setCertificate(tls: { readonly certificate: string; readonly key: string }): void {
    const handshaker = this.#handshaker;
    if (this.#spec.tls === undefined || handshaker?.setSecureContext === undefined) {
      throw new WardlineError(
        'not-tls',
        `The listener ${this.#spec.name} has no certificate, for it is not one for TLS.`,
      );
    }
    const next: ListenerTls = { ...this.#spec.tls, ...tls };
    withReadablePem(this.#what, () => handshaker.setSecureContext?.(tlsServerOptions(next)));
    this.#spec = { ...this.#spec, tls: next };
  }

  /** Stops listening; resolves once the connections that came in are closed too. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#turnstile?.close();
    for (const socket of this.#unread) socket.destroy();
    await closed;
  }

  get #what(): string {
    return `the TLS listener ${this.#spec.name}`;
  }

  #createHandshaker(): Handshaker | undefined {
    const { transport, tls, name } = this.#spec;
    if (transport === 'tcp') return undefined;
    if (transport !== 'ws' && tls === undefined) {
      throw new WardlineError('no-certificate', `The TLS listener ${name} needs a certificate and its key.`);
    }
    return withReadablePem(this.#what, () =>
      transport === 'tls' && tls !== undefined ? this.#tls(tls) : this.#webSocket(),
    );
  }

  #tls(tls: ListenerTls): Handshaker {
    const server = createTlsServer(tlsServerOptions(tls), (socket) =>
      this.#opened(socket, (limits) => new StreamWire(socket, limits)),
    );
    this.#countFailures(server);
    return server;
  }

  #webSocket(): Handshaker {
    const { limits, clock } = this.#parts;
    const server = createWebSocketServer(this.#spec, limits, {
      onOpen: (webSocket, socket) => this.#opened(socket, () => new WebSocketWire(webSocket, socket, limits, clock)),
      onRefused: (reason, socket) => this.#parts.connections.refused(reason, remoteOf(socket), this.#spec),
    });
    if (this.#spec.tls !== undefined) this.#countFailures(server);
    return server;
  }

  /** A failed handshake ends its own connection alone. */
  #countFailures(server: Handshaker): void {
    server.on('tlsClientError', (_error: Error, socket: TLSSocket) => {
      this.#parts.connections.refused('failed-handshake', remoteOf(socket), this.#spec);
      socket.destroy();
    });
  }

  /** Lets a connection in, at once or in its turn, before anything is read of it. */
  #arrived(socket: Socket): void {
    const visit: Visit = { socket, remote: remoteOf(socket) };
    socket.on('error', () => {});
    const standing = this.#parts.events.standing(visit.remote.host, { listener: this.#spec.name, isReliable: true });
    if (standing === 'banned') socket.destroy();
    else if (this.#turnstile === undefined || standing === 'trusted') this.#begin(visit);
    else this.#queue(visit, this.#turnstile);
  }

  #queue(visit: Visit, turnstile: Turnstile): void {
    const { socket } = visit;
    this.#unread.add(socket);
    visit.turn = turnstile.enter(visit.remote.host, {
      begin: () => {
        this.#unread.delete(socket);
        this.#begin(visit);
      },
      cut: (reason) => {
        if (visit.connection === undefined) this.#refuse(visit, reason);
        else visit.connection.cut(reason);
      },
    });
    socket.once('close', () => {
      this.#unread.delete(socket);
      visit.turn?.[Symbol.dispose]();
    });
    if (visit.turn === undefined) this.#refuse(visit, 'flood');
  }

  #begin(visit: Visit): void {
    const { connections, limits, clock } = this.#parts;
    const { socket, remote } = visit;
    if (socket.destroyed) return;
    if (this.#halfOpen.size >= limits.handshakes) this.#refuse(visit, 'too-many-handshakes');
    else if (!connections.admit(socket, remote.host)) this.#refuse(visit, 'too-many-connections');
    else if (this.#handshaker === undefined) {
      this.#adopt(visit, socket, new StreamWire(socket, limits));
      socket.resume();
    } else {
      const key = keyOf(remote);
      this.#halfOpen.set(key, visit);
      visit.deadline = clock.after(limits.handshakeMs, () => this.#refuse(visit, 'slow-handshake'));
      socket.once('close', () => this.#handshakeOver(key));
      this.#handshaker.emit('connection', socket);
      socket.resume();
    }
  }

  /** The handshake is done; `socket` is the visit's own, or TLS over it. */
  #opened(socket: Socket, wireOf: (limits: StackLimits) => Wire): void {
    const visit = this.#handshakeOver(keyOf(remoteOf(socket)));
    if (visit === undefined || socket.destroyed) socket.destroy();
    else this.#adopt(visit, socket, wireOf(this.#parts.limits));
  }

  #adopt(visit: Visit, socket: Socket, wire: Wire): void {
    visit.connection = this.#parts.connections.adopt(socket, wire, {
      listener: this.#spec,
      transport: this.#spec.transport,
      onProven: () => visit.turn?.prove(),
    });
  }

  #handshakeOver(key: string): Visit | undefined {
    const visit = this.#halfOpen.get(key);
    visit?.deadline?.[Symbol.dispose]();
    this.#halfOpen.delete(key);
    return visit;
  }

  #refuse({ socket, remote }: Visit, reason: string): void {
    socket.destroy();
    this.#parts.connections.refused(reason, remote, this.#spec);
  }
}

function remoteOf(socket: Socket): HostPort {
  return { host: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
}

function keyOf({ host, port }: HostPort): string {
  return `${host}/${port}`;
}
