// A whole edge on loopback under a fuzzer: hostile bytes by UDP, TCP and WebSocket, in calls that stand and out of the blue, and at the port for
// applications, where an unmodified drachtio-srf is at work all the while.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import WebSocket from 'ws';
import { createEdge, type Edge, type EdgeListenerOptions } from '../../src/engine/edge/edge.ts';
import type { SipStack } from '../../src/engine/runtime/sip-stack.ts';
import { createSipStack } from '../../src/engine/runtime/stack.ts';
import { tagOf } from '../../src/protocol/sip/fields.ts';
import type { SipResponse } from '../../src/protocol/sip/message.ts';
import { parseMessage } from '../../src/protocol/sip/parse.ts';
import { serialise } from '../../src/protocol/sip/serialise.ts';
import { buildResponse } from '../../src/protocol/sip/transaction/build.ts';
import { ManualClock } from './manual-clock.ts';
import type { Seeded } from './seeded.ts';
import { mutate } from './sip-fuzz.ts';
import { fuzzApp, GOOD_CALL } from './sip-fuzz-app.ts';
import { SDP, SipPeer } from './sip-peer.ts';

const SECRET = 'cymru';
/** The longest timer there is: a subscription of 24.8 days. */
const FOREVER_MS = 26 * 86_400_000;
/** Every timer of a transaction, and a refresh of a session. */
const STEP_MS = 40_000;
const STEPS = 60;
const PATIENCE_MS = 30_000;
const TRANSPORTS = ['udp', 'tcp', 'ws'] as const;

export interface FuzzedEdge extends AsyncDisposable {
  readonly edge: Edge;
  /** Handlers that threw, and what nobody caught. */
  readonly thrown: readonly unknown[];
  /** One input by one way or another, taken when this resolves. Returns the bytes, for the corpus. */
  throwOne(corpus: readonly Buffer[]): Promise<Buffer>;
  /** A registration and a call by UDP and by TCP. Rejects when they do not come about. */
  goodCall(): Promise<void>;
  /** What is still held once everybody has gone and all time has passed; undefined when nothing. */
  leftOver(): Promise<string | undefined>;
}

export async function fuzzedEdge(random: Seeded): Promise<FuzzedEdge> {
  const clock = new ManualClock();
  const thrown: unknown[] = [];
  const onThrow = (what: unknown) => void thrown.push(what);
  process.on('uncaughtException', onThrow);
  let stack: SipStack | undefined;
  const edge = await createEdge({
    admin: { host: '127.0.0.1', port: 0 },
    secret: SECRET,
    clock,
    logger: pino({ level: 'silent' }),
    listeners: TRANSPORTS.map(
      (transport): EdgeListenerOptions => ({ name: 'fuzz', transport, host: '127.0.0.1', port: 0 }),
    ),
    createStack: (events) => {
      stack = createSipStack(events, { clock, onThrow });
      return stack;
    },
  });
  const portOf = (transport: string) => edge.listeners.find((each) => each.transport === transport)?.port ?? 0;
  const caller = await hostilePeer(random, portOf('udp'));
  const app = await fuzzApp(edge.admin, SECRET, random, caller.uri);
  while (edge.status().routes.update !== 1) await turn();
  let calls = 0;
  const load = () => {
    const { applications, dialogs, pendingIn, pendingOut } = edge.status();
    return { ...stack?.load, applications, dialogs, pendingIn, pendingOut, timers: clock.pending };
  };
  const isIdle = () => Object.values(load()).every((count) => count === 0);
  return {
    edge,
    thrown,
    async throwOne(corpus) {
      const bytes = random.below(3) === 0 ? caller.inDialog() : mutate(random, corpus);
      const way = random.below(8);
      if (way === 0) await bySocket(connect(portOf('tcp'), '127.0.0.1'), bytes, random);
      else if (way === 1) await byWebSocket(portOf('ws'), bytes, random);
      else if (way === 2) await bySocket(connect(edge.admin.port, '127.0.0.1'), adminInput(bytes, random), random);
      else caller.send(bytes.subarray(0, 60_000));
      clock.advance(random.below(300));
      await turn();
      return bytes;
    },
    async goodCall() {
      calls += 1;
      for (const transport of ['udp', 'tcp'] as const) {
        await using peer = await SipPeer[transport](portOf(transport));
        await call(peer, `${GOOD_CALL}${calls}-${transport}`);
      }
    },
    async leftOver() {
      await app.leave();
      await until(() => edge.status().applications === 0);
      caller.close();
      // What time brings is sent and awaited by promises, a step at a time.
      for (let step = 0; step < STEPS && !isIdle(); step++) {
        clock.advance(step === STEPS / 2 ? FOREVER_MS : STEP_MS);
        await turn();
      }
      await until(isIdle);
      return isIdle() ? undefined : JSON.stringify(load());
    },
    async [Symbol.asyncDispose]() {
      process.off('uncaughtException', onThrow);
      caller.close();
      await edge.close();
    },
  };
}

/** A peer that begins calls, says anything within them, and answers what it is asked with anything. */
async function hostilePeer(random: Seeded, edgePort: number) {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  const uri = `sip:peer@127.0.0.1:${port}`;
  const calls: Array<{ callId: string; toTag: string | undefined }> = [];
  let isOpen = true;
  let made = 0;
  const send = (bytes: Uint8Array) => isOpen && socket.send(bytes, edgePort, '127.0.0.1');
  socket.on('error', () => {});
  socket.on('message', (bytes) => {
    const message = parseMessage(bytes);
    if ('fault' in message) return;
    if (message.kind === 'response') noteTag(calls, message);
    else if (message.method !== 'ACK') {
      const status = 100 + random.below(600);
      // srf acknowledges any 2xx and then keeps no call of one that is not 200.
      const known = status >= 200 && status < 300 ? 200 : status;
      send(anyAnswer(buildResponse(message, known, 'Fuzz', `t${made}`, [['Contact', `<${uri}>`]]), random));
    }
  });
  const text = (method: string, { callId, toTag }: { callId: string; toTag: string | undefined }): Buffer => {
    made += 1;
    const isOffer = method === 'INVITE' || method === 'UPDATE';
    return Buffer.from(
      [
        `${method} sip:app@127.0.0.1:${edgePort} SIP/2.0`,
        `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bKfuzz${random.below(3) === 0 ? made - 1 : made};rport`,
        'Max-Forwards: 70',
        `From: "Test Person" <${uri}>;tag=f1`,
        `To: <sip:app@127.0.0.1>${toTag === undefined ? '' : `;tag=${toTag}`}`,
        `Call-ID: ${callId}`,
        `CSeq: ${random.below(4) === 0 ? 1 : made} ${method}`,
        `Contact: <${uri}>`,
        ...extra(method, random),
        ...(isOffer ? ['Content-Type: application/sdp'] : []),
        `Content-Length: ${isOffer ? SDP.length : 0}`,
        '',
        isOffer ? SDP : '',
      ].join('\r\n'),
    );
  };
  return {
    uri,
    send,
    /** A new call, or something in one of those that stand; now and then mutated. */
    inDialog(): Buffer {
      if (calls.length === 0 || random.below(3) === 0) {
        calls.push({ callId: `fuzz-${random.seed}-${made}`, toTag: undefined });
        if (calls.length > 10) calls.shift();
      }
      const bytes = text(
        IN_DIALOG[random.below(IN_DIALOG.length)] ?? '',
        calls[random.below(calls.length)] ?? { callId: '', toTag: undefined },
      );
      return random.below(2) === 0 ? bytes : mutate(random, [bytes]);
    },
    close() {
      if (isOpen) socket.close();
      isOpen = false;
    },
  };
}

const IN_DIALOG = [
  'INVITE',
  'INVITE',
  'INVITE',
  'ACK',
  'BYE',
  'CANCEL',
  'PRACK',
  'UPDATE',
  'INFO',
  'REFER',
  'SUBSCRIBE',
  'NOTIFY',
  'MESSAGE',
  'OPTIONS',
  'REGISTER',
] as const;

/** Headers that a method brings, some of them out of place. */
function extra(method: string, random: Seeded): string[] {
  const seconds = [0, 1, 90, 1_800, 4_294_967_295][random.below(5)] ?? 0;
  const all = [
    'Supported: 100rel, timer, replaces',
    `Session-Expires: ${seconds};refresher=${random.below(2) === 0 ? 'uac' : 'uas'}`,
  ];
  all.push(
    `Expires: ${seconds}`,
    `RAck: ${random.below(3)} 1 INVITE`,
    'Refer-To: <sip:5550100@127.0.0.1>',
    'Event: presence',
  );
  all.push('Subscription-State: terminated', 'Subscription-State: active;expires=60', `Min-SE: ${seconds}`);
  if (method === 'REGISTER' && random.below(4) === 0) all.push('Contact: *');
  return all.filter(() => random.below(2) === 0);
}

function noteTag(calls: Array<{ callId: string; toTag: string | undefined }>, { headers }: SipResponse): void {
  const known = calls.find(({ callId }) => callId === headers.get('call-id'));
  if (known !== undefined) known.toTag = tagOf(headers.get('to')) ?? known.toTag;
}

function anyAnswer(response: SipResponse, random: Seeded): Buffer {
  const isOk = response.status >= 200 && response.status < 300;
  const full = isOk
    ? { ...response, headers: response.headers.append('Content-Type', 'application/sdp'), body: Buffer.from(SDP) }
    : response;
  const bytes = serialise(full);
  return random.below(2) === 0 ? bytes : mutate(random, [bytes]);
}

/** Garbage, or frames of an application that knows the secret and talks nonsense. */
function adminInput(bytes: Buffer, random: Seeded): Buffer {
  const frame = (text: Buffer) => Buffer.concat([Buffer.from(`${text.length}#`), text]);
  if (random.below(3) === 0) return bytes;
  const leader = ADMIN_LEADERS[random.below(ADMIN_LEADERS.length)] ?? '';
  const hello = frame(Buffer.from(`a|authenticate|${random.below(4) === 0 ? 'wrong' : SECRET}|`));
  const said = frame(Buffer.concat([Buffer.from(`m${leader}\r\n`), bytes]));
  return Buffer.concat([hello, said, random.below(2) === 0 ? mutate(random, [said]) : said]);
}

const ADMIN_LEADERS = [
  '|sip||',
  '|sip|no-such|',
  '|sip||call;from-tag=f1',
  '|sip|||sip:127.0.0.1:9',
  '|proxy|t1|remainInDialog|fullResponse|followRedirects|simultaneous|1s|1s|sip:a@127.0.0.1:9',
].concat([
  '|proxy|',
  '|route|invite',
  '|remove_route|',
  '|ping',
  '|authenticate|',
  '',
  '|',
  '|route|'.padEnd(5_000, 'x'),
]);

async function bySocket(socket: Socket, bytes: Buffer, random: Seeded): Promise<void> {
  const closed = once(socket, 'close').catch(() => undefined);
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'connect').catch(() => undefined);
  for (let at = 0; at < bytes.length; ) {
    const next = at + 1 + random.below(bytes.length);
    socket.write(bytes.subarray(at, next));
    at = next;
  }
  if (random.below(2) === 0) socket.end();
  await turn();
  socket.destroy();
  await closed;
}

/** In a frame of either kind, cut in two, or past the handshake as no frame at all. */
async function byWebSocket(port: number, bytes: Buffer, random: Seeded): Promise<void> {
  if (random.below(3) === 0)
    return bySocket(connect(port, '127.0.0.1'), Buffer.concat([Buffer.from(UPGRADE), bytes]), random);
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, 'sip');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  await once(socket, 'open');
  const cut = random.below(bytes.length + 1);
  const isBinary = random.below(2) === 0;
  if (random.below(2) === 0) socket.send(bytes, { binary: isBinary });
  else {
    socket.send(bytes.subarray(0, cut), { binary: isBinary, fin: false });
    socket.send(bytes.subarray(cut), { binary: isBinary, fin: true });
  }
  await turn();
  socket.terminate();
  await closed;
}

const UPGRADE =
  'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';

async function call(peer: SipPeer, callId: string): Promise<void> {
  peer.send(peer.request('REGISTER', { callId: `${callId}-r` }));
  await peer.takeResponse(200, 'REGISTER');
  const invite = peer.request('INVITE', { callId, body: SDP });
  peer.send(invite);
  const ok = await peer.takeResponse(200, 'INVITE');
  peer.send(peer.within(invite, ok, 'ACK'));
  peer.send(peer.within(invite, ok, 'BYE'));
  await peer.takeResponse(200, 'BYE');
}

async function until(isSo: () => boolean): Promise<void> {
  for (const from = performance.now(); !isSo() && performance.now() - from < PATIENCE_MS; ) await turn();
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
