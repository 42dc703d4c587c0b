// A generator of REGISTERs or whole calls over UDP, a process of its own: a window of them at once, or so many a second whoever keeps up.
// Run by sip-edge.ts with its options as JSON; answers with a LoadResult over the process's channel.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { SDP } from '../support/sip-peer.ts';
import { percentile } from './figures.ts';
import { Lateness } from './sip-figures.ts';

export interface LoadOptions {
  readonly kind: 'register' | 'call';
  readonly port: number;
  readonly seconds: number;
  /** At once; when `perSecond` is given, that many are begun each second instead. */
  readonly window: number;
  readonly perSecond?: number;
}

export interface LoadResult {
  readonly begun: number;
  readonly done: number;
  /** Answered otherwise than 200. */
  readonly refused: number;
  readonly seconds: number;
  /** Of a REGISTER to its 200, of an INVITE to its 200. */
  readonly medianMs: number;
  readonly p99Ms: number;
  /** How late the generator itself was, p99: what of the above may be its own. */
  readonly latenessMs: number;
}

const SOCKETS = 8;
const TICK_MS = 2;
/** Given up after this; a packet that a full socket dropped is not sent again, so that the server's work is counted once. */
const LOST_MS = 2_000;
/** Code is compiled while it warms up: so many answers, or so long. */
const WARM_UP_ANSWERS = 10_000;
const WARM_UP_MS = 20_000;
const LOOK_MS = 50;

interface Begun {
  readonly atMs: number;
  readonly socket: Socket;
}

const options: LoadOptions = JSON.parse(process.argv[2] ?? '{}');
const begun = new Map<string, Begun>();
const lateness = new Lateness();
const waits: number[] = [];
let [started, done, refused] = [0, 0, 0];
let isEnding = false;
const sockets = await Promise.all(Array.from({ length: SOCKETS }, openSocket));

if (options.perSecond === undefined) for (let count = 0; count < options.window; count++) begin();
const ticker = setInterval(tick, TICK_MS);
await warmUp();
const [startedBefore, doneBefore] = [started, done];
const from = performance.now();
waits.length = 0;
process.send?.('measuring');
await new Promise((resolve) => setTimeout(resolve, options.seconds * 1000));
const seconds = (performance.now() - from) / 1000;
process.send?.('measured');
isEnding = true;
clearInterval(ticker);
const result: LoadResult = {
  begun: started - startedBefore,
  done: done - doneBefore,
  refused,
  seconds,
  medianMs: percentile(waits, 0.5),
  p99Ms: percentile(waits, 0.99),
  latenessMs: lateness.p99(),
};
process.send?.(result, () => process.exit(0));

async function openSocket(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 2_097_152 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.connect(options.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.on('message', (bytes) => receive(bytes.toString('latin1'), socket));
  socket.on('error', () => {});
  return socket;
}

async function warmUp(): Promise<void> {
  const end = performance.now() + WARM_UP_MS;
  while (done < WARM_UP_ANSWERS && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

function tick(): void {
  const now = performance.now();
  lateness.sample(TICK_MS, now);
  for (const [id, { atMs }] of begun) {
    if (now - atMs < LOST_MS) break;
    begun.delete(id);
    if (options.perSecond === undefined) begin();
  }
  if (options.perSecond === undefined) return;
  for (let due = (options.perSecond * lateness.elapsedMs(now)) / 1000; started < due; ) begin();
}

function begin(): void {
  if (isEnding) return;
  started += 1;
  const id = `${process.pid}-${started}`;
  const socket = sockets[started % SOCKETS];
  if (socket === undefined) return;
  begun.set(id, { atMs: performance.now(), socket });
  socket.send(options.kind === 'register' ? register(id, socket) : request('INVITE', id, socket, { body: SDP }));
}

function receive(text: string, socket: Socket): void {
  const id = /^Call-ID: (\S+)/im.exec(text)?.[1] ?? '';
  const what = begun.get(id);
  const status = Number(text.slice(8, 11));
  if (what === undefined || status < 200) return;
  const isInvite = options.kind === 'call' && /^CSeq: 1 INVITE/im.test(text);
  if (isInvite) waits.push(performance.now() - what.atMs);
  if (isInvite && status < 300) {
    const toTag = /^To:.*;tag=([^;\s]+)/im.exec(text)?.[1] ?? '';
    socket.send(request('ACK', id, socket, { toTag }));
    socket.send(request('BYE', id, socket, { toTag, cseq: 2 }));
    return;
  }
  begun.delete(id);
  if (options.kind === 'register') waits.push(performance.now() - what.atMs);
  if (status < 300) done += 1;
  else refused += 1;
  if (options.perSecond === undefined) begin();
}

function register(id: string, socket: Socket): Buffer {
  const { port } = socket.address();
  return Buffer.from(
    [
      `REGISTER sip:clinic.example SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK${id};rport`,
      'Max-Forwards: 70',
      'From: "Front Desk" <sip:1001@clinic.example>;tag=abc123',
      'To: "Front Desk" <sip:1001@clinic.example>',
      `Call-ID: ${id}`,
      'CSeq: 1 REGISTER',
      `Contact: <sip:1001@127.0.0.1:${port}>`,
      'User-Agent: Bench/1.0',
      'Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REFER',
      'Supported: path, outbound',
      'Expires: 3600',
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n'),
    'latin1',
  );
}

function request(
  method: string,
  id: string,
  socket: Socket,
  parts: { toTag?: string; cseq?: number; body?: string },
): Buffer {
  const { toTag, cseq = 1, body = '' } = parts;
  const { port } = socket.address();
  const uri = `sip:5550100@127.0.0.1:${options.port}`;
  return Buffer.from(
    [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK${id}${method};rport`,
      'Max-Forwards: 70',
      'From: <sip:5550101@clinic.example>;tag=f1',
      `To: <${uri}>${toTag === undefined ? '' : `;tag=${toTag}`}`,
      `Call-ID: ${id}`,
      `CSeq: ${cseq} ${method}`,
      `Contact: <sip:5550101@127.0.0.1:${port}>`,
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n'),
    'latin1',
  );
}
