// SIP over WebSocket (RFC 7118): the handshake with its sub-protocol and Origin, and one message a frame.
import { isUtf8 } from 'node:buffer';
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../../kernel/clock.ts';
import { parseMessage, type StreamItem } from '../../protocol/sip/parse.ts';
import type { StackLimits } from './limits.ts';
import type { ListenerSpec } from './sip-stack.ts';
import { tlsServerOptions } from './tls-server.ts';
import type { Wire, WireEvents } from './wire.ts';

/** RFC 7118 §4.1. */
const SUB_PROTOCOL = 'sip';
/** Frames that one message may be split into. */
const MAX_FRAGMENTS = 64;
const GOING_AWAY = 1001;
const PING = '\r\n\r\n';

export interface WebSocketEvents {
  onOpen(webSocket: WebSocket, socket: Socket): void;
  onRefused(reason: string, socket: Socket): void;
}

/** An HTTP or HTTPS server that opens WebSockets and does nothing else. It never listens: it is given connections that came in. */
export function createWebSocketServer(
  spec: ListenerSpec,
  limits: StackLimits,
  { onOpen, onRefused }: WebSocketEvents,
): HttpServer | HttpsServer {
  const http = { maxHeaderSize: limits.upgradeBytes, keepAlive: false };
  const { transport, tls } = spec;
  const isClear = transport === 'ws' || tls === undefined;
  const server = isClear ? createHttpServer(http) : createHttpsServer({ ...http, ...tlsServerOptions(tls) });
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.messageBytes,
    maxFragments: MAX_FRAGMENTS,
    handleProtocols: () => SUB_PROTOCOL,
  });
  server.on('upgrade', (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
    const socket = request.socket;
    // RFC 6455 §4.2.2: whoever is refused is told by a status.
    const refuse = (status: string, reason: string) => {
      duplex.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => duplex.destroy());
      onRefused(reason, socket);
    };
    duplex.on('error', () => duplex.destroy());
    if (!speaksSip(request)) refuse('400 Bad Request', 'no-sip-sub-protocol');
    else if (!isOriginAllowed(request.headers.origin, spec.origins)) refuse('403 Forbidden', 'foreign-origin');
    else sockets.handleUpgrade(request, duplex, head, (webSocket) => onOpen(webSocket, socket));
  });
  server.on('request', (request, response) => {
    response.writeHead(426, { Connection: 'close', Upgrade: 'websocket', 'Content-Length': 0 }).end();
    onRefused('no-websocket', request.socket);
  });
  server.on('clientError', (error, socket) => {
    const isGarbage = 'code' in error && String(error.code).startsWith('HPE_');
    if (isGarbage && socket instanceof Socket) onRefused('bad-http', socket);
    socket.destroy();
  });
  return server;
}

function speaksSip({ headers }: IncomingMessage): boolean {
  const offered = headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((name) => name.trim().toLowerCase() === SUB_PROTOCOL);
}

/** Whether a page of that origin may speak to us; what is no browser says no origin. */
export function isOriginAllowed(origin: string | undefined, allowed: readonly string[] | undefined): boolean {
  if (origin === undefined || allowed === undefined) return true;
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  return url !== undefined && allowed.some((each) => each === url.origin || each === url.hostname);
}

export class WebSocketWire implements Wire {
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #limits: StackLimits;
  readonly #clock: Clock;
  #hasHeard = true;
  #ping: Disposable | undefined;

  constructor(webSocket: WebSocket, socket: Socket, limits: StackLimits, clock: Clock) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#limits = limits;
    this.#clock = clock;
  }

  get waitingBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  start({ mayRead, onItems, onBroken, onClosed }: WireEvents): void {
    // Before the frames are read, so that whoever sends a frame bit by bit is noticed.
    this.#socket.prependListener('data', () => {
      this.#hasHeard = true;
      onItems([], true);
    });
    this.#webSocket.on('message', (data: RawData) => {
      if (mayRead()) onItems(this.#read(data), false);
    });
    for (const frame of ['ping', 'pong'] as const) this.#webSocket.on(frame, () => onItems([], false));
    this.#webSocket.on('error', (error) => onBroken(faultOf(error)));
    this.#webSocket.on('close', () => {
      this.#ping?.[Symbol.dispose]();
      onClosed();
    });
    this.#pingLater(() => onBroken('no-pong'));
  }

  /** RFC 7118 §4.2: text when it is UTF-8. */
  send(bytes: Uint8Array): void {
    this.#webSocket.send(bytes, { binary: !isUtf8(bytes) });
  }

  end(): void {
    this.#webSocket.close(GOING_AWAY);
  }

  destroy(): void {
    this.#webSocket.terminate();
  }

  #pingLater(onSilent: () => void): void {
    this.#ping = this.#clock.after(this.#limits.webSocketPingMs, () => {
      if (!this.#hasHeard) {
        onSilent();
        return;
      }
      this.#hasHeard = false;
      this.#webSocket.ping();
      this.#pingLater(onSilent);
    });
  }

  #read(data: RawData): StreamItem[] {
    const bytes = toBuffer(data);
    const message = parseMessage(bytes, this.#limits);
    if (!('fault' in message)) return [{ item: 'message', message, bytes: bytes.length }];
    if (message.fault !== 'empty') return [{ item: 'fault', isFatal: false, ...message }];
    // RFC 5626 §3.5.1 within a frame, as browsers' libraries do it; a single line end is the answer to ours.
    return bytes.toString('latin1') === PING ? [{ item: 'ping' }] : [];
  }
}

function toBuffer(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

/** The library's codes for what a frame may not be (RFC 6455 §7.4.1). */
function faultOf(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return 'message-too-large';
  return code === 'WS_ERR_INVALID_UTF8' ? 'not-utf8' : 'bad-frame';
}
