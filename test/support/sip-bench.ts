// SIP test tools: request texts, a stack that records what it was told, and bare sockets that speak SIP by hand.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ServerTransaction, SipStack, StackEvents } from '../../src/engine/runtime/sip-stack.ts';
import { createSipStack, type StackOptions } from '../../src/engine/runtime/stack.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { SipRequest, SipResponse } from '../../src/protocol/sip/message.ts';
import { parseMessage, SipStreamReader, type StreamItem } from '../../src/protocol/sip/parse.ts';
import { buildResponse } from '../../src/protocol/sip/transaction/build.ts';

interface RequestParts {
  readonly method?: string;
  readonly via?: string;
  readonly cseq?: string;
  readonly toTag?: string;
  readonly body?: string;
}

/** A request as text, with CRLF and a true Content-Length. */
export function requestText({ method = 'OPTIONS', via, cseq, toTag, body = '' }: RequestParts = {}): string {
  return [
    `${method} sip:5550100@127.0.0.1 SIP/2.0`,
    `Via: ${via ?? 'SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKtest1'}`,
    'Max-Forwards: 70',
    'From: "Test Person" <sip:5550101@clinic.example>;tag=f1',
    `To: <sip:5550100@clinic.example>${toTag === undefined ? '' : `;tag=${toTag}`}`,
    'Call-ID: call-1@test.example',
    `CSeq: ${cseq ?? `1 ${method}`}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

/** The same as a message without Via, as a user of the stack hands it over. */
export function requestFor(parts: RequestParts = {}): SipRequest {
  const message = parseMessage(Buffer.from(requestText(parts)));
  if ('fault' in message || message.kind !== 'request') throw new Error('The fixture is no request.');
  return { ...message, headers: message.headers.without('via') };
}

export function answer(transaction: ServerTransaction, status: number, reason = 'Test', toTag = 't1'): SipResponse {
  return buildResponse(transaction.request, status, reason, toTag);
}

export interface RecordingStack extends AsyncDisposable {
  readonly stack: SipStack;
  readonly requests: ServerTransaction[];
  readonly acks: SipRequest[];
  readonly cancels: ServerTransaction[];
  readonly strays: SipResponse[];
  readonly faults: string[];
  /** Resolves at the next event of any kind. */
  next(): Promise<void>;
}

/** A stack whose events are kept; `onRequest` answers, when given. */
export function recordingStack(
  options: Partial<StackOptions> = {},
  onRequest: (transaction: ServerTransaction) => void = () => {},
): RecordingStack {
  const kept = { requests: [] as ServerTransaction[], acks: [] as SipRequest[], cancels: [] as ServerTransaction[] };
  const more = { strays: [] as SipResponse[], faults: [] as string[] };
  const { keep, next } = keeper();
  const events: StackEvents = {
    onRequest(transaction) {
      keep(kept.requests, transaction);
      onRequest(transaction);
    },
    onCancel: (_cancel, _arrival, invite) => keep(kept.cancels, invite),
    onAck: (ack) => keep(kept.acks, ack),
    onStrayResponse: (response) => keep(more.strays, response),
    onFault: (reason) => keep(more.faults, reason),
  };
  const stack = createSipStack(events, { clock: systemClock, ...options });
  return { stack, ...kept, ...more, next, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() };
}

/** Client events as promises: every response, and the failure. */
export function recordResponses() {
  const responses: SipResponse[] = [];
  const failures: string[] = [];
  const { keep, next } = keeper();
  const events = {
    onResponse: (response: SipResponse) => keep(responses, response),
    onFailure: (ending: string) => keep(failures, ending),
  };
  return { events, responses, failures, next };
}

/** Keeps values in lists; `next` resolves when something is kept. */
function keeper() {
  let waiting = Promise.withResolvers<void>();
  const keep = <Value>(list: Value[], value: Value): void => {
    list.push(value);
    waiting.resolve();
    waiting = Promise.withResolvers<void>();
  };
  return { keep, next: () => waiting.promise };
}

/** A bare UDP socket on loopback. */
export async function udpPeer(host = '127.0.0.1') {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.bind(0, host);
  await once(socket, 'listening');
  const received: string[] = [];
  const { keep, next } = keeper();
  socket.on('message', (bytes) => keep(received, bytes.toString()));
  return {
    port: socket.address().port,
    received,
    send: (text: string | Uint8Array, port: number) => socket.send(text, port, host),
    /** The datagram number `count`, waiting for it. */
    async nth(count: number): Promise<string> {
      while (received.length < count) await next();
      return received[count - 1] ?? '';
    },
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** A bare TCP connection to a listener on loopback, or one that `socket` already is. */
export async function streamPeer(portOrSocket: number | Socket) {
  const socket = typeof portOrSocket === 'number' ? connect(portOrSocket, '127.0.0.1') : portOrSocket;
  if (typeof portOrSocket === 'number') await once(socket, 'connect');
  const reader = new SipStreamReader();
  const items: StreamItem[] = [];
  const raw: Buffer[] = [];
  const { keep, next } = keeper();
  socket.on('data', (chunk: Buffer) => {
    items.push(...reader.push(chunk));
    keep(raw, chunk);
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  return {
    socket,
    items,
    raw,
    closed,
    write: (text: string | Uint8Array) => socket.write(text),
    async nth(count: number): Promise<StreamItem> {
      while (items.length < count) await next();
      const item = items[count - 1];
      if (item === undefined) throw new Error('There is no such item.');
      return item;
    },
    [Symbol.asyncDispose]: async () => {
      socket.destroy();
      await closed;
    },
  };
}
