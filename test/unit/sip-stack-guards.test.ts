// What the stack does before it parses: flood limits by source, STUN and CRLF keep-alives, and TCP for what is too large for UDP.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { SourceBuckets } from '../../src/engine/runtime/flood.ts';
import type { ServerTransaction } from '../../src/engine/runtime/sip-stack.ts';
import { createSipStack } from '../../src/engine/runtime/stack.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { makeTestCertificate } from '../support/certificate.ts';
import { ManualClock } from '../support/manual-clock.ts';
import {
  answer,
  recordingStack,
  recordResponses,
  requestFor,
  requestText,
  streamPeer,
  udpPeer,
} from '../support/sip-bench.ts';

const PLACE = { host: '127.0.0.1', port: 0 };
const FLOOD = {
  datagramsPerSecond: 10,
  datagramBurst: 5,
  connectionsPerSecond: 1,
  connectionBurst: 2,
  unprovenConnections: 100,
  unprovenMs: 60_000,
};

t.test('a bucket fills with time, and each source has its own', async (t) => {
  const clock = new ManualClock();
  const buckets = new SourceBuckets(clock, 10, 3);
  const taken = (address: string) => Array.from({ length: 5 }, () => buckets.take(address)).filter(Boolean).length;
  t.equal(taken('192.0.2.1'), 3);
  t.equal(taken('192.0.2.2'), 3, 'another source is not held up');
  clock.advance(200);
  t.equal(taken('192.0.2.1'), 2);
  clock.advance(60_000);
  t.equal(taken('192.0.2.1'), 3, 'no more than the burst');
  t.equal(taken('2001:db8:1:2::1') + taken('2001:db8:1:2:ffff::9'), 3, 'a /64 is one source');
  t.equal(taken('2001:db8:1:3::1'), 3);
  for (let host = 0; host < 40_000; host++) buckets.take(`10.${host >> 16}.${(host >> 8) & 255}.${host & 255}`);
  t.ok(buckets.size <= 16_384, 'sources that are remembered are bounded');
});

t.test('UDP: beyond its limit a source is not parsed, only counted; another is served', async (t) => {
  const clock = new ManualClock();
  await using server = recordingStack({ clock }, (transaction) => transaction.respond(answer(transaction, 200)));
  const { port } = await server.stack.listen({ name: 'phones', transport: 'udp', ...PLACE, flood: FLOOD });
  await using peer = await udpPeer();
  const send = (branch: number) =>
    peer.send(requestText({ via: `SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK${branch}` }), port);
  for (let branch = 0; branch < 12; branch++) send(branch);
  await peer.nth(5);
  while (server.faults.length < 7) await server.next();
  t.strictSame([server.requests.length, new Set(server.faults)], [5, new Set(['flood'])]);
  const other = createSocket('udp4');
  other.bind(0, '127.0.0.2');
  await once(other, 'listening');
  const answered = once(other, 'message');
  other.send(requestText({ via: 'SIP/2.0/UDP 127.0.0.2;branch=z9hG4bKother' }), port, '127.0.0.1');
  t.match(String((await answered)[0]), /^SIP\/2.0 200 /);
  other.close();
  clock.advance(1_000);
  send(100);
  t.match(await peer.nth(6), /^SIP\/2.0 200 /, 'nobody is banned');
});

t.test(
  'TCP: beyond its limit a source’s connections wait unread for their turn, and are refused when it does not come',
  async (t) => {
    const clock = new ManualClock();
    const limits = { waitingConnections: 2, waitingMs: 3_000 };
    await using server = recordingStack({ clock, limits }, (transaction) =>
      transaction.respond(answer(transaction, 200)),
    );
    const { port } = await server.stack.listen({
      name: 'phones',
      transport: 'tcp',
      ...PLACE,
      flood: { ...FLOOD, connectionsPerSecond: 0.5 },
    });
    const ask = (branch: string) => requestText({ via: `SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK${branch}` });
    await using first = await streamPeer(port);
    await using second = await streamPeer(port);
    await using third = await streamPeer(port);
    third.write(ask('third'));
    for (const [index, peer] of [first, second].entries()) {
      peer.write(ask(String(index)));
      t.match(await peer.nth(1), { message: { status: 200 } });
    }
    t.equal(server.stack.load.waiting, 1);
    t.equal(server.requests.length, 2, 'what waits is not read');
    clock.advance(2_200);
    t.match(await third.nth(1), { message: { status: 200 } }, 'and then it is');
    const late = await Promise.all([streamPeer(port), streamPeer(port)]);
    while (server.stack.load.waiting < 2) await new Promise(setImmediate);
    const noRoom = await streamPeer(port);
    await noRoom.closed;
    t.strictSame(server.faults, ['flood'], 'there is no room to wait in');
    await using other = await streamPeer(await from('127.0.0.2', port));
    other.write(ask('other'));
    t.match(await other.nth(1), { message: { status: 200 } }, 'another source is served at once');
    clock.advance(3_200);
    await late[1].closed;
    t.strictSame(server.faults, ['flood', 'flood'], 'the second one’s turn did not come in time');
    late[0].socket.destroy();
    await late[0].closed;
  },
);

t.test(
  'a source with connections that have proven nothing has few of them; one that is granted something has room again',
  async (t) => {
    const clock = new ManualClock();
    const flood = { ...FLOOD, connectionBurst: 100, unprovenConnections: 2, unprovenMs: 10_000 };
    await using server = recordingStack({ clock }, (transaction) => transaction.respond(answer(transaction, 200)));
    const { port } = await server.stack.listen({ name: 'phones', transport: 'tcp', ...PLACE, flood });
    const ask = (branch: string, method: string) =>
      requestText({ method, via: `SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK${branch}` });
    await using phone = await streamPeer(port);
    await using stranger = await streamPeer(port);
    stranger.write(ask('asks', 'OPTIONS'));
    await stranger.nth(1);
    await using third = await streamPeer(port);
    third.write(ask('third', 'REGISTER'));
    while (server.stack.load.waiting < 1) await new Promise(setImmediate);
    t.equal(server.requests.length, 1, 'to be told what we are proves nothing');
    phone.write(ask('phone', 'REGISTER'));
    t.match(await phone.nth(1), { message: { status: 200 } });
    t.match(await third.nth(1), { message: { status: 200 } }, 'a granted registration makes room for the next');
    clock.advance(10_000);
    await stranger.closed;
    t.strictSame(server.faults, ['proved-nothing']);
    t.equal(phone.socket.destroyed || third.socket.destroyed, false, 'who has proven something stays');
  },
);

t.test(
  'who proves something is not held to the rate of strangers: phones behind one address come as fast as they sign in',
  async (t) => {
    const flood = { ...FLOOD, connectionsPerSecond: 0.001, connectionBurst: 2 };
    await using server = recordingStack({ clock: new ManualClock() }, (transaction) =>
      transaction.respond(answer(transaction, 200)),
    );
    const { port } = await server.stack.listen({ name: 'phones', transport: 'tcp', ...PLACE, flood });
    for (let phone = 0; phone < 5; phone++) {
      const peer = await streamPeer(port);
      t.teardown(() => peer[Symbol.asyncDispose]());
      peer.write(requestText({ method: 'REGISTER', via: `SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK${phone}` }));
      t.match(await peer.nth(1), { message: { status: 200 } });
    }
  },
);

t.test(
  'a banned source: its datagrams and connections are dropped before anything is parsed, those that stand too',
  async (t) => {
    let standing: 'banned' | 'unknown' = 'unknown';
    const faults: string[] = [];
    let asked = 0;
    const events = {
      onRequest: (transaction: ServerTransaction) => transaction.respond(answer(transaction, 200)),
      onCancel() {},
      onAck() {},
      onStrayResponse() {},
      onFault: (reason: string) => faults.push(reason),
      standing: () => {
        asked += 1;
        return standing;
      },
    };
    await using stack = createSipStack(events, { clock: systemClock });
    const udp = await stack.listen({ name: 'phones', transport: 'udp', ...PLACE });
    const tcp = await stack.listen({ name: 'phones', transport: 'tcp', ...PLACE });
    await using before = await streamPeer(tcp.port);
    before.write(requestText({ via: 'SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKbefore' }));
    await before.nth(1);
    standing = 'banned';
    await using peer = await udpPeer();
    const known = asked;
    peer.send('no SIP at all', udp.port);
    while (asked === known) await new Promise((resolve) => setImmediate(resolve));
    before.write('neither is this\r\n\r\n');
    await before.closed;
    await using after = await streamPeer(tcp.port);
    await after.closed;
    t.strictSame(faults, [], 'nothing was parsed');
    t.strictSame(peer.received, []);
  },
);

t.test(
  'RFC 5626 §8: STUN on the SIP port tells a phone its address; a broken one is counted and not answered',
  async (t) => {
    await using server = recordingStack();
    const { port } = await server.stack.listen({ name: 'phones', transport: 'udp', ...PLACE });
    const phone = createSocket('udp4');
    phone.bind(0, '127.0.0.1');
    await once(phone, 'listening');
    const transaction = 'b7e7a701bc34d686fa87dfae';
    phone.send(Buffer.from(`000100042112a442${transaction}`, 'hex'), port, '127.0.0.1');
    phone.send(Buffer.from(`000100002112a442${transaction}`, 'hex'), port, '127.0.0.1');
    const [response]: Buffer[] = await once(phone, 'message');
    t.equal(response?.subarray(0, 24).toString('hex'), `0101000c2112a442${transaction}00200008`);
    t.equal((response?.readUInt16BE(26) ?? 0) ^ 0x2112, phone.address().port);
    t.equal(((response?.readUInt32BE(28) ?? 0) ^ 0x2112a442) >>> 0, 0x7f000001);
    t.strictSame(server.faults, ['bad-stun']);
    phone.close();
  },
);

t.test(
  'RFC 3261 §18.1.1: a request too large for UDP goes by TCP where the caller allows it, else by UDP',
  async (t) => {
    await using server = recordingStack({}, (transaction) => transaction.respond(answer(transaction, 200)));
    const { port } = await server.stack.listen({ name: 'a', transport: 'udp', ...PLACE });
    await using client = recordingStack();
    await client.stack.listen({ name: 'b', transport: 'udp', ...PLACE });
    const send = async (body: string, mayUseTcp: boolean) => {
      const target = { host: '127.0.0.1', port, transport: 'udp', mayUseTcp } as const;
      const { events, next } = recordResponses();
      const { flow } = await client.stack.request(requestFor({ method: 'MESSAGE', body }), target, events);
      await next();
      return flow.transport;
    };
    const large = 'x'.repeat(1_300);
    t.equal(await send(large, true), 'udp', 'no TCP there: UDP after all');
    await server.stack.listen({ name: 'a', transport: 'tcp', host: '127.0.0.1', port });
    t.equal(await send(large, true), 'tcp');
    t.equal(await send(large, false), 'udp');
    t.equal(await send('small', true), 'udp');
  },
);

t.test('TLS: no more handshakes at once than the limit; when one is over the next may begin', async (t) => {
  const { certificate, key, ca } = await makeTestCertificate(['127.0.0.1']);
  await using server = recordingStack({ limits: { handshakes: 1 } }, (transaction) =>
    transaction.respond(answer(transaction, 200)),
  );
  const tls = { certificate, key };
  const { port } = await server.stack.listen({ name: 'phones', transport: 'tls', ...PLACE, tls });
  const idle = connect(port, '127.0.0.1');
  await once(idle, 'connect');
  const turnedAway = connect(port, '127.0.0.1');
  turnedAway.on('error', () => {});
  await once(turnedAway, 'close');
  t.strictSame(server.faults, ['too-many-handshakes']);
  idle.destroy();
  await once(idle, 'close');
  while (server.stack.load.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  for (let phone = 0; phone < 3; phone++) {
    const socket = connectTls({ port, host: '127.0.0.1', ca });
    await once(socket, 'secureConnect');
    await using peer = await streamPeer(socket);
    peer.write(requestText({ via: `SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK${phone}` }));
    t.match(await peer.nth(1), { message: { status: 200 } }, 'secured connections do not count');
  }
});

t.test('who is turned away hears nothing, whether its request is sound or broken', async (t) => {
  const faults: string[] = [];
  const events = {
    onRequest() {},
    onCancel() {},
    onAck() {},
    onStrayResponse() {},
    onFault: (reason: string) => faults.push(reason),
    admits: () => false,
  };
  await using stack = createSipStack(events, { clock: systemClock });
  const { port } = await stack.listen({ name: 'phones', transport: 'udp', ...PLACE });
  await using peer = await udpPeer();
  const via = 'SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKaway';
  peer.send(requestText({ via }), port);
  peer.send(requestText({ via }).replace('SIP/2.0\r\n', 'SIP/7.0\r\n'), port);
  peer.send(requestText({ via }).replace('OPTIONS sip:', 'OPTIONS  sip:'), port);
  peer.send('\0', port);
  while (faults.length < 3) await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(faults, ['bad-version', 'bad-start-line', 'no-header-end']);
  t.strictSame(peer.received, []);
});

/** A connection from another loopback address. */
async function from(localAddress: string, port: number) {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  await once(socket, 'connect');
  return socket;
}
