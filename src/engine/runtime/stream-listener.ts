// SIP over TCP and TLS (RFC 3261 §18, §26.3): listening sockets, and the certificate that can be replaced while they run.
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { WardlineError } from '../../kernel/errors.ts';
import { plainAddress } from './addresses.ts';
import type { Connections } from './connections.ts';
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
  static async open(spec: ListenerSpec, connections: Connections, limits: StackLimits): Promise<StreamListener> {
    const server = spec.transport === 'tls' ? openTls(spec, limits) : createServer();
    const bound: { spec: ListenerSpec } = { spec };
    server.on('connection', (socket: Socket) => {
      const isAdmitted = connections.admit(socket, plainAddress(socket.remoteAddress));
      if (isAdmitted && spec.transport === 'tcp') connections.adopt(socket, bound.spec, 'tcp');
    });
    server.on('secureConnection', (socket: Socket) => {
      if (!socket.destroyed) connections.adopt(socket, bound.spec, 'tls');
    });
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
