// TCP, plain or inside TLS, for application protocols (the edge's admin port, the media server's event socket): bytes in, bytes out, limits.
import type { Socket } from 'node:net';
import { connect, createServer, isIP } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, rootCertificates } from 'node:tls';
import { WardlineError } from '../../kernel/errors.ts';
import type { HostPort } from '../../kernel/ip.ts';
import type { ListenerTls } from './sip-stack.ts';
import { tlsServerOptions, withReadablePem } from './tls-server.ts';

export interface TcpLimits {
  /** Connections open at once; a further one is closed at once. */
  readonly maxConnections: number;
  /** Bytes that may wait for a slow reader before it is cut off. */
  readonly maxWaitingBytes: number;
}

export const DEFAULT_TCP_LIMITS: TcpLimits = { maxConnections: 256, maxWaitingBytes: 64 * 1024 * 1024 };

const KEEP_ALIVE_MS = 45_000;

/** One connection. It owns its socket; `onClose` is called once, whoever ended it. */
export interface TcpConnection {
  readonly local: HostPort;
  readonly remote: HostPort;
  readonly isOpen: boolean;
  /** Bytes that were written and that the peer has not taken yet. */
  readonly waitingBytes: number;
  onData: ((chunk: Uint8Array) => void) | undefined;
  onClose: (() => void) | undefined;
  /** Sends, in order. A peer that lets more than the limit wait is cut off. */
  write(bytes: Uint8Array | string): void;
  /** Closes after what was written has left. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

export interface TcpServer extends AsyncDisposable {
  /** With the port that the system chose, if it was asked to. */
  readonly bound: HostPort;
  readonly connectionCount: number;
  /** For new connections, when it is one inside TLS. @throws WardlineError `bad-certificate` */
  setCertificate(tls: ListenerTls): void;
}

export interface TcpServerOptions {
  readonly address: HostPort;
  readonly onConnection: (connection: TcpConnection) => void;
  readonly limits?: TcpLimits;
  /** The same inside TLS. */
  readonly tls?: ListenerTls;
}

/** Listens; rejects with Node's own error (`EADDRINUSE`, `EACCES`, …) when it cannot. Disposing cuts every connection. */
export async function listenTcp(options: TcpServerOptions): Promise<TcpServer> {
  const { address, onConnection, limits = DEFAULT_TCP_LIMITS, tls } = options;
  const open = new Set<Socket>();
  const onOpen = (socket: Socket) => onConnection(wrap(socket, limits));
  const what = `the port ${address.port} of ${address.host}`;
  const secured = tls && withReadablePem(what, () => createTlsServer(tlsServerOptions(tls), onOpen));
  secured?.on('tlsClientError', (_error, socket) => socket.destroy());
  const server = createServer((socket) => {
    if (open.size >= limits.maxConnections) {
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    if (secured === undefined) onOpen(socket);
    else
      secured.emit(
        'connection',
        socket.on('error', () => socket.destroy()),
      );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address.host, port: address.port, exclusive: true }, () => resolve());
  });
  const info = server.address();
  const port = info !== null && typeof info === 'object' ? info.port : address.port;
  return {
    bound: { host: address.host, port },
    get connectionCount() {
      return open.size;
    },
    setCertificate(next) {
      withReadablePem(what, () => secured?.setSecureContext(tlsServerOptions(next)));
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** Connects, by TLS when `tls` is given (`trust`: PEM certificates beside Node's own list); rejects with Node's own error, or `connect-timeout`. */
export async function connectTcp(
  { host, port }: HostPort,
  timeoutMs = 2_000,
  limits = DEFAULT_TCP_LIMITS,
  tls?: { readonly trust: string | undefined },
): Promise<TcpConnection> {
  const trust = tls?.trust === undefined ? {} : { ca: [...rootCertificates, tls.trust] };
  const name = isIP(host) === 0 ? { servername: host } : {};
  const socket = tls === undefined ? connect({ host, port }) : connectTls({ host, port, ...name, ...trust });
  socket.setTimeout(timeoutMs);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('timeout', () => {
      socket.destroy();
      reject(new WardlineError('connect-timeout', `Nothing answered at ${host}:${port}.`));
    });
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => resolve());
  });
  socket.removeAllListeners('error');
  socket.removeAllListeners('timeout');
  socket.setTimeout(0);
  return wrap(socket, limits);
}

function wrap(socket: Socket, limits: TcpLimits): TcpConnection {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  let isGathering = false;
  const leave = () => {
    isGathering = false;
    socket.uncork();
  };
  const connection: TcpConnection = {
    local: { host: plainAddress(socket.localAddress), port: socket.localPort ?? 0 },
    remote: { host: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 },
    get isOpen() {
      return !socket.destroyed && socket.writable;
    },
    get waitingBytes() {
      return socket.writableLength;
    },
    onData: undefined,
    onClose: undefined,
    write(bytes) {
      if (socket.destroyed || !socket.writable) return;
      // What is said in one turn of the event loop leaves in one piece: a system call costs more than a frame.
      if (!isGathering) {
        isGathering = true;
        socket.cork();
        setImmediate(leave);
      }
      socket.write(bytes);
      if (socket.writableLength > limits.maxWaitingBytes) socket.destroy();
    },
    end: () => void socket.end(),
    destroy() {
      if (isGathering) leave();
      socket.destroy();
    },
  };
  socket.on('data', (chunk: Uint8Array) => connection.onData?.(chunk));
  socket.on('error', () => socket.destroy());
  socket.once('close', () => {
    const onClose = connection.onClose;
    connection.onClose = undefined;
    onClose?.();
  });
  return connection;
}

/** `::ffff:127.0.0.1` is an IPv4 peer on a dual-stack socket. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:/, '');
}
