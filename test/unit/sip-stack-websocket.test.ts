// SIP over WebSocket on loopback (RFC 7118): the handshake, one message a frame, requests back by the same flow, keep-alive and limits.
import { once } from 'node:events';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import WebSocket, { type ClientOptions } from 'ws';
import type { ListenerSpec, ServerTransaction } from '../../src/engine/runtime/sip-stack.ts';
import type { StackOptions } from '../../src/engine/runtime/stack.ts';
import { isOriginAllowed } from '../../src/engine/runtime/web-socket.ts';
import { topVia } from '../../src/protocol/sip/fields.ts';
import { parseMessage } from '../../src/protocol/sip/parse.ts';
import { makeTestCertificate } from '../support/certificate.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { answer, recordingStack, recordResponses, requestFor, requestText } from '../support/sip-bench.ts';

const WS: ListenerSpec = { name: 'phones', transport: 'ws', host: '127.0.0.1', port: 0 };
const VIA = 'SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK56sdasks';
const yes = (transaction: ServerTransaction) => transaction.respond(answer(transaction, 200));

async function bench(t: Test, spec: Partial<ListenerSpec> = {}, options: Partial<StackOptions> = {}, onRequest = yes) {
  const server = recordingStack(options, onRequest);
  t.teardown(() => server[Symbol.asyncDispose]());
  const { port, transport } = await server.stack.listen({ ...WS, ...spec });
  return { ...server, url: `${transport}://127.0.0.1:${port}`, port };
}

/** A phone's WebSocket, open, whose frames are kept. */
async function phone(t: Test, url: string, options: ClientOptions = {}) {
  const socket = new WebSocket(url, 'sip', options);
  const frames: Array<{ text: string; isBinary: boolean }> = [];
  socket.on('message', (data: Buffer, isBinary) => frames.push({ text: data.toString(), isBinary }));
  socket.on('error', () => {});
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await once(socket, 'open');
  t.teardown(() => socket.terminate());
  const nth = async (count: number) => {
    while (frames.length < count) await once(socket, 'message');
    return frames[count - 1] ?? { text: '', isBinary: false };
  };
  return { socket, frames, nth, closed };
}

/** The HTTP status that a handshake is refused with. */
async function refusal(url: string, protocols: string[], options: ClientOptions = {}): Promise<number> {
  const socket = new WebSocket(url, protocols, options);
  socket.on('error', () => {});
  const [, response] = await once(socket, 'unexpected-response');
  socket.terminate();
  return response.statusCode;
}

t.test(
  'RFC 7118 §4.2: a message in a text frame and one in a binary frame are answered, each in a frame of its own',
  async (t) => {
    const { url, requests } = await bench(t);
    const { socket, frames, nth } = await phone(t, url);
    t.equal(socket.protocol, 'sip');
    socket.send(requestText({ via: VIA }));
    t.match(await nth(1), { text: /^SIP\/2.0 200 /, isBinary: false });
    socket.send(Buffer.from(requestText({ via: `${VIA}2`, method: 'MESSAGE', body: 'hello' })), { binary: true });
    t.match(await nth(2), { text: /^SIP\/2.0 200 / });
    t.equal(Buffer.from(requests[1]?.request.body ?? []).toString(), 'hello');
    t.equal(requests[0]?.arrival.flow.transport, 'ws');
    socket.send(requestText({ via: `${VIA}3` }) + requestText({ via: `${VIA}4` }));
    socket.send(requestText({ via: `${VIA}5` }));
    await nth(4);
    t.equal(requests.length, 4, 'one message a frame: what follows the first is no message');
    t.equal(frames.length, 4);
  },
);

t.test(
  'RFC 7118 §5: the Via with its .invalid host leads back by the flow, and requests go to the phone by it',
  async (t) => {
    const { url, requests, stack, port } = await bench(t);
    const { socket, nth } = await phone(t, url);
    socket.send(requestText({ via: VIA, method: 'REGISTER' }));
    const ok = parseMessage(Buffer.from((await nth(1)).text));
    t.match('fault' in ok ? ok : topVia(ok), { transport: 'WS', host: 'df7jal23ls0d.invalid', received: '127.0.0.1' });
    const { flow } = requests[0]!.arrival;
    const seen = recordResponses();
    const answered = seen.next();
    const sent = await stack.request(
      requestFor({ method: 'INVITE' }),
      { transport: 'ws', ...flow.remote, flow },
      seen.events,
    );
    t.match(sent.request.headers.get('via'), `SIP/2.0/WS 127.0.0.1:${port};branch=`);
    const invite = (await nth(2)).text;
    t.match(invite, /^INVITE /);
    const lines = invite.split('\r\n').filter((line) => /^(Via|From|To|Call-ID|CSeq):/i.test(line));
    socket.send(['SIP/2.0 486 Busy Here', ...lines, 'Content-Length: 0', '', ''].join('\r\n'));
    await answered;
    t.equal(seen.responses[0]?.status, 486);
    t.match((await nth(3)).text, /^ACK /);
  },
);

t.test(
  'RFC 5626 §5.3.1, RFC 7118 §5: nobody opens a WebSocket to a phone; a request whose flow alone would do fails with it',
  async (t) => {
    const { url, requests, stack } = await bench(t);
    const { socket, nth } = await phone(t, url);
    socket.send(requestText({ via: VIA, method: 'REGISTER' }));
    await nth(1);
    const { flow } = requests[0]!.arrival;
    socket.terminate();
    while (flow.isOpen) await new Promise(setImmediate);
    const failureOf = async (isFlowOnly: boolean) => {
      const seen = recordResponses();
      const told = seen.next();
      await stack.request(requestFor(), { transport: 'ws', ...flow.remote, flow, isFlowOnly }, seen.events);
      await told;
      return seen.failures;
    };
    t.strictSame(await failureOf(false), ['flow-failed']);
    t.strictSame(await failureOf(true), ['flow-failed']);
  },
);

t.test('WSS: the same inside TLS, and a new certificate holds for the next phone', async (t) => {
  const [one, two] = await Promise.all([makeTestCertificate(), makeTestCertificate()]);
  const tls = { certificate: one.certificate, key: one.key };
  const { url, stack, requests } = await bench(t, { transport: 'wss', tls });
  const first = await phone(t, url, { ca: one.ca });
  first.socket.send(requestText({ via: VIA.replace('WS', 'WSS') }));
  t.match(await first.nth(1), { text: /^SIP\/2.0 200 / });
  t.equal(requests[0]?.arrival.flow.transport, 'wss');
  stack.setCertificate('phones', two);
  const second = await phone(t, url, { ca: two.ca });
  second.socket.send(requestText({ via: `${VIA.replace('WS', 'WSS')}2` }));
  t.match(await second.nth(1), { text: /^SIP\/2.0 200 / });
  t.equal(first.socket.readyState, WebSocket.OPEN, 'connections stay');
});

t.test(
  'the handshake: sub-protocol sip is demanded, foreign pages are kept out, and plain HTTP is told to upgrade',
  async (t) => {
    const { url, port, faults, stack } = await bench(t, { origins: ['https://pbx.example:8443', 'desk.example'] });
    t.equal(await refusal(url, []), 400);
    t.equal(await refusal(url, ['mqtt']), 400);
    t.equal(await refusal(url, ['sip'], { origin: 'https://elsewhere.example' }), 403);
    await phone(t, url, { origin: 'https://pbx.example:8443' });
    await phone(t, url, { origin: 'http://desk.example:3000' });
    await phone(t, url);
    const plain = await fetch(`http://127.0.0.1:${port}/`);
    t.equal(plain.status, 426);
    t.strictSame(faults, ['no-sip-sub-protocol', 'no-sip-sub-protocol', 'foreign-origin', 'no-websocket']);
    t.equal(isOriginAllowed('null', ['desk.example']), false);
    t.equal(isOriginAllowed('https://desk.example.elsewhere.example', ['desk.example']), false);
    while (stack.load.handshakes > 0) await new Promise(setImmediate);
  },
);

t.test('keep-alive: a double CRLF gets one; the server pings, and who does not answer is cut', async (t) => {
  const clock = new ManualClock();
  const { url, faults } = await bench(t, {}, { clock, limits: { webSocketPingMs: 1_000, firstMessageMs: 60_000 } });
  const { socket, nth } = await phone(t, url);
  socket.send('\r\n\r\n');
  t.strictSame(await nth(1), { text: '\r\n', isBinary: false });
  const asleep = await phone(t, url, { autoPong: false } as ClientOptions);
  for (let round = 0; round < 3; round++) {
    const pinged = once(socket, 'ping');
    clock.advance(1_000);
    await pinged;
    // What the pong is sent after has come when its answer has.
    socket.send('\r\n\r\n');
    await nth(2 + round);
  }
  await asleep.closed;
  t.strictSame(faults, ['no-pong']);
  t.equal(socket.readyState, WebSocket.OPEN);
});

t.test('limits: a large message, a broken frame, garbage for ever, a reader that does not read', async (t) => {
  const { url, faults, requests } = await bench(
    t,
    {},
    { limits: { messageBytes: 2_000, faultsPerConnection: 3, waitingBytes: 100_000 } },
  );
  const large = await phone(t, url);
  large.socket.send(requestText({ via: VIA, body: 'x'.repeat(3_000) }));
  await large.closed;
  const notText = await phone(t, url);
  notText.socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
  await notText.closed;
  const garbage = await phone(t, url);
  for (let count = 0; count < 5; count++) garbage.socket.send('nonsense');
  await garbage.closed;
  t.strictSame(faults, ['message-too-large', 'not-utf8', ...Array<string>(4).fill('no-header-end')]);
  const slow = await phone(t, url);
  slow.socket.send(requestText({ via: VIA }));
  await slow.nth(1);
  slow.socket.pause();
  const { flow } = requests[0]!.arrival;
  for (let count = 0; count < 500 && flow.isOpen; count++) {
    (flow as unknown as { send(bytes: Uint8Array): void }).send(Buffer.alloc(60_000, 'x'));
    await new Promise(setImmediate);
  }
  t.equal(faults.at(-1), 'slow-reader');
  t.equal(flow.isOpen, false);
});

t.test('RFC 6455 §5.4: a message that comes in two frames, split at each byte, is one message', async (t) => {
  const { url, requests } = await bench(t, {}, {}, (transaction) => transaction.respond(answer(transaction, 200)));
  const { socket, nth } = await phone(t, url);
  const text = requestText({ method: 'MESSAGE', via: VIA, body: 'héllo' });
  for (let at = 1; at < text.length; at++) {
    const own = text.replace('z9hG4bK', `z9hG4bK${at}`);
    socket.send(own.slice(0, at), { fin: false });
    socket.send(own.slice(at));
  }
  await nth(text.length - 1);
  t.equal(requests.length, text.length - 1);
  t.ok(requests.every(({ request }) => Buffer.from(request.body).toString() === 'héllo'));
});

t.test('limits: who never finishes the handshake, says nothing, or sends a message bit by bit is cut', async (t) => {
  const clock = new ManualClock();
  const limits = { handshakeMs: 1_000, firstMessageMs: 2_000, messageMs: 500 };
  const { url, port, faults, stack } = await bench(t, {}, { clock, limits });
  const half = connect(port, '127.0.0.1');
  half.on('error', () => {}).resume();
  const halfClosed = new Promise((resolve) => half.once('close', resolve));
  half.write('GET / HTTP/1.1\r\nHost: x\r\n');
  while (stack.load.handshakes < 1) await new Promise(setImmediate);
  clock.advance(1_000);
  await halfClosed;
  const garbage = connect(port, '127.0.0.1').on('error', () => {});
  garbage.resume().write('OPTIONS sip:5550100@127.0.0.1 SIP/2.0\r\n\r\n');
  await new Promise((resolve) => garbage.once('close', resolve));
  const silent = await phone(t, url);
  clock.advance(2_000);
  await silent.closed;
  const dribbles = await phone(t, url);
  dribbles.socket.send(requestText({ via: VIA }));
  await dribbles.nth(1);
  const timers = clock.pending;
  dribbles.socket.send('OPTIONS ', { fin: false });
  dribbles.socket.send('\r\n\r\n', { fin: false });
  while (clock.pending === timers) await new Promise(setImmediate);
  clock.advance(500);
  await dribbles.closed;
  t.strictSame(faults, ['slow-handshake', 'bad-http', 'no-first-message', 'slow-writer']);
});
