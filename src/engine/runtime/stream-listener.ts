// SIP over TCP and TLS (RFC 3261 §18, §26.3): listening sockets, and the certificate that can be replaced while they run.
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import type { Clock } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { plainAddress } from './addresses.ts';
import type { Connections } from './connections.ts';
import { SourceBuckets } from './flood.ts';
import type { StackLimits } from './limits.ts';
import type { ListenerSpec } from './sip-stack.ts';

const BACKLOG = 511;

export class StreamListener {
  readonly spec: ListenerSpec;
  readonly #server: Server | TlsServer;

  private constructor(spec: ListenerSpec, server: Server | TlsServer) {
    this.spec = spec;
    this.#server = server;
  }

  /** Binds and listens; rejects with Node's own error when that fails. */
  static async open(
    spec: ListenerSpec,
    connections: Connections,
    limits: StackLimits,
    clock: Clock,
  ): Promise<StreamListener> {
    const server = spec.transport === 'tls' ? openTls(spec, limits) : createServer();
    const bound: { spec: ListenerSpec } = { spec };
    takeConnections(server, bound, connections, limits, clock);
    // A failed handshake ends its own connection alone.
    server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
    server.listen({ host: spec.host, port: spec.port, ipv6Only: true, exclusive: true, backlog: BACKLOG });
    await once(server, 'listening');
    server.on('error', () => {});
    const address = server.address();
    bound.spec = { ...spec, port: typeof address === 'object' && address !== null ? address.port : spec.port };
    return new StreamListener(bound.spec, server);
  }

  setCertificate(tls: { readonly certificate: string; readonly key: string }): void {
    if (!('setSecureContext' in this.#server)) {
      throw new WardlineError(
        'not-tls',
        `The listener ${this.spec.name} has no certificate, for it is not one for TLS.`,
      );
    }
    const server = this.#server;
    readable(this.spec, () => server.setSecureContext({ cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2' }));
  }

  /** Stops listening; resolves once the connections that came in are closed too. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }
}

/** Lets connections in, within the limits of one source and of all, before anything is read of them. */
function takeConnections(
  server: Server,
  bound: { readonly spec: ListenerSpec },
  connections: Connections,
  limits: StackLimits,
  clock: Clock,
): void {
  const { flood, transport } = bound.spec;
  const buckets = flood && new SourceBuckets(clock, flood.connectionsPerSecond, flood.connectionBurst);
  const handshakes = new Set<string>();
  server.on('connection', (socket: Socket) => {
    const remote = { host: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
    const refuse = (reason: string) => connections.refuse(socket, remote, bound.spec, reason);
    if (buckets?.take(remote.host) === false) refuse('flood');
    else if (handshakes.size >= limits.handshakes) refuse('too-many-handshakes');
    else if (!connections.admit(socket, remote.host)) refuse('too-many-connections');
    else if (transport === 'tcp') connections.adopt(socket, bound.spec, 'tcp');
    else {
      const key = `${remote.host}/${remote.port}`;
      handshakes.add(key);
      socket.once('close', () => handshakes.delete(key));
    }
  });
  server.on('secureConnection', (socket: Socket) => {
    handshakes.delete(`${plainAddress(socket.remoteAddress)}/${socket.remotePort}`);
    if (!socket.destroyed) connections.adopt(socket, bound.spec, 'tls');
  });
}

function openTls(spec: ListenerSpec, limits: StackLimits): TlsServer {
  const { tls } = spec;
  if (tls === undefined) {
    throw new WardlineError('no-certificate', `The TLS listener ${spec.name} needs a certificate and its key.`);
  }
  const options = {
    cert: tls.certificate,
    key: tls.key,
    minVersion: 'TLSv1.2',
    handshakeTimeout: limits.handshakeMs,
  } as const;
  return readable(spec, () => createTlsServer(options));
}

function readable<Result>(spec: ListenerSpec, use: () => Result): Result {
  try {
    return use();
  } catch (cause) {
    const sentence = `The certificate or key of the TLS listener ${spec.name} cannot be used: both must be PEM and belong together.`;
    throw new WardlineError('bad-certificate', sentence, { cause });
  }
}
