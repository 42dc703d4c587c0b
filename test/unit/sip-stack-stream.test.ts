// The SIP stack over real TCP and TLS connections on loopback: framing, reuse, limits, certificates (RFC 3261 §18, RFC 5626).
import { once } from 'node:events';
import { createServer } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import t from 'tap';
import { makeTestCertificate } from '../support/certificate.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { answer, recordingStack, recordResponses, requestFor, requestText, streamPeer } from '../support/sip-bench.ts';

const TCP = { name: 'phones', transport: 'tcp', host: '127.0.0.1', port: 0 } as const;
const VIA = 'SIP/2.0/TCP 127.0.0.1:5999;branch=z9hG4bKtest1';

t.test(
  'RFC 3261 §18.3: a message that comes byte by byte and two that come at once are all answered in order',
  async (t) => {
    await using server = recordingStack({}, (transaction) => transaction.respond(answer(transaction, 200)));
    const { port } = await server.stack.listen(TCP);
    await using peer = await streamPeer(port);
    const first = requestText({ via: VIA, body: 'hello' });
    const second = requestText({ via: VIA, method: 'INFO', body: 'again' });
    for (const char of first.slice(0, 60)) {
      peer.write(char);
      await new Promise(setImmediate);
    }
    peer.write(first.slice(60) + second);
    await peer.nth(2);
    t.strictSame(
      server.requests.map(({ request }) => request.method),
      ['OPTIONS', 'INFO'],
    );
    t.equal(Buffer.from(server.requests[1]!.request.body).toString(), 'again');
    t.equal(server.requests[0]!.request.headers.get('via'), VIA, 'over TCP the Via stays as written');
  },
);

t.test('RFC 5626 §3.5.1: a double CRLF is answered with one', async (t) => {
  await using server = recordingStack();
  const { port } = await server.stack.listen(TCP);
  await using peer = await streamPeer(port);
  peer.write('\r\n\r\n');
  await once(peer.socket, 'data');
  t.equal(Buffer.concat(peer.raw).toString(), '\r\n');
});

t.test(
  'RFC 5626 §4.4.1: who was told to ping and does is cut when it falls silent; who never pings is left alone',
  async (t) => {
    const clock = new ManualClock();
    await using server = recordingStack({ clock }, (transaction) => {
      transaction.arrival.flow.expectPings?.(240_000);
      transaction.respond(answer(transaction, 200));
    });
    const { port } = await server.stack.listen(TCP);
    await using pings = await streamPeer(port);
    await using never = await streamPeer(port);
    for (const peer of [pings, never]) {
      peer.write(requestText({ via: VIA.replace('test1', `${peer.socket.localPort}`), method: 'REGISTER' }));
      await peer.nth(1);
    }
    for (let minutes = 0; minutes < 10; minutes += 2) {
      const ponged = once(pings.socket, 'data');
      pings.write('\r\n\r\n');
      await ponged;
      clock.advance(120_000);
    }
    t.strictSame(server.faults, []);
    clock.advance(120_000);
    await pings.closed;
    t.strictSame(server.faults, ['flow-timer']);
    never.write(requestText({ via: VIA.replace('test1', 'later') }));
    t.match(await never.nth(2), { message: { status: 200 } });
  },
);

t.test(
  'RFC 3261 §18.1.1: a second request goes by the connection that is open, and so does a request to who called',
  async (t) => {
    await using server = recordingStack({}, (transaction) => transaction.respond(answer(transaction, 200)));
    await using client = recordingStack({}, (transaction) => transaction.respond(answer(transaction, 202)));
    const { port } = await server.stack.listen(TCP);
    await client.stack.listen({ ...TCP, transport: 'udp' });
    const own = await client.stack.listen(TCP);
    t.equal(client.stack.listeners.length, 2, 'one name may stand for several transports');
    const seen = recordResponses();
    for (const _ of [1, 2]) {
      const answered = seen.next();
      await client.stack.request(requestFor(), { transport: 'tcp', host: '127.0.0.1', port }, seen.events);
      await answered;
    }
    const [first, second] = server.requests;
    t.equal(first?.arrival.flow.id, second?.arrival.flow.id);
    t.match(first?.request.headers.get('via'), `SIP/2.0/TCP 127.0.0.1:${own.port};branch=`);
    const back = recordResponses();
    const answered = back.next();
    const flow = first!.arrival.flow;
    await server.stack.request(
      requestFor({ method: 'NOTIFY' }),
      { transport: 'tcp', ...flow.remote, flow },
      back.events,
    );
    await answered;
    t.equal(back.responses[0]?.status, 202);
    t.equal(client.requests[0]?.request.method, 'NOTIFY');
  },
);

t.test(
  'RFC 3261 §18.2.2: when the connection is gone the response goes by a new one to where the Via says',
  async (t) => {
    await using server = recordingStack();
    const { port } = await server.stack.listen(TCP);
    const listening = createServer().listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const address = listening.address();
    const ownPort = typeof address === 'object' && address !== null ? address.port : 0;
    const peer = await streamPeer(port);
    const told = server.next();
    peer.write(requestText({ via: `SIP/2.0/TCP 127.0.0.1:${ownPort};branch=z9hG4bKgone` }));
    await told;
    await peer[Symbol.asyncDispose]();
    const [transaction] = server.requests;
    while (transaction!.arrival.flow.isOpen) await new Promise(setImmediate);
    const incoming = once(listening, 'connection');
    transaction?.respond(answer(transaction, 200));
    await using again = await streamPeer((await incoming)[0]);
    const item = await again.nth(1);
    t.equal(item.item === 'message' && item.message.kind === 'response' && item.message.status, 200);
    listening.close();
  },
);

t.test(
  'a connection that cannot be opened, or that ends before any answer, is a transport error at once',
  async (t) => {
    await using client = recordingStack({ clock: new ManualClock() });
    const closing = createServer((socket) => socket.once('data', () => socket.destroy())).listen(0, '127.0.0.1');
    await once(closing, 'listening');
    const address = closing.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const cut = recordResponses();
    const wasCut = cut.next();
    await client.stack.request(
      requestFor({ method: 'INVITE' }),
      { transport: 'tcp', host: '127.0.0.1', port },
      cut.events,
    );
    await wasCut;
    t.strictSame(cut.failures, ['transport-error']);
    closing.close();
    await once(closing, 'close');
    const refused = recordResponses();
    const wasRefused = refused.next();
    const sent = await client.stack.request(
      requestFor(),
      { transport: 'tcp', host: '127.0.0.1', port },
      refused.events,
    );
    t.equal(sent.flow.isOpen, false);
    await wasRefused;
    t.strictSame(refused.failures, ['transport-error']);
  },
);

t.test('limits: garbage, a message too large and a header flood cut their own connection and are named', async (t) => {
  await using server = recordingStack({ limits: { messageBytes: 2_000, headerCount: 20 } }, (transaction) => {
    transaction.respond(answer(transaction, 200));
  });
  const { port } = await server.stack.listen(TCP);
  const flood = requestText({ via: VIA }).replace('Max-Forwards', `${'X-More: 1\r\n'.repeat(20)}Max-Forwards`);
  for (const bad of [
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    requestText({ via: VIA, body: 'x'.repeat(3_000) }),
    flood,
    'x'.repeat(2_500),
  ]) {
    await using peer = await streamPeer(port);
    peer.write(bad);
    await peer.closed;
  }
  t.strictSame(server.faults, ['bad-start-line', 'message-too-large', 'too-many-headers', 'message-too-large']);
  await using peer = await streamPeer(port);
  peer.write(requestText({ via: VIA }));
  t.equal((await peer.nth(1)).item, 'message', 'others are served');
});

t.test(
  'limits: who sends nothing, who stops in the middle, and one address with too many connections are cut',
  async (t) => {
    const clock = new ManualClock();
    const limits = { connectionsPerAddress: 2, firstMessageMs: 1_000, messageMs: 500 };
    await using server = recordingStack({ clock, limits }, (transaction) =>
      transaction.respond(answer(transaction, 200)),
    );
    const { port } = await server.stack.listen(TCP);
    const silent = await streamPeer(port);
    const slow = await streamPeer(port);
    slow.write(`${requestText({ via: VIA })}OPTIONS sip:`);
    await slow.nth(1);
    const third = await streamPeer(port);
    await third.closed;
    clock.advance(500);
    await slow.closed;
    t.strictSame(server.faults, ['too-many-connections', 'slow-writer']);
    clock.advance(500);
    await silent.closed;
    t.strictSame(server.faults, ['too-many-connections', 'slow-writer', 'no-first-message']);
  },
);

t.test('limits: a peer that does not read is cut when too much waits for it', async (t) => {
  await using server = recordingStack({ limits: { waitingBytes: 100_000 } });
  const { port } = await server.stack.listen(TCP);
  await using peer = await streamPeer(port);
  const told = server.next();
  peer.write(requestText({ via: VIA, method: 'INVITE' }));
  await told;
  peer.socket.pause();
  const [invite] = server.requests;
  const large = { ...answer(invite!, 180), body: Buffer.alloc(60_000) };
  for (let count = 0; count < 500 && invite!.arrival.flow.isOpen; count++) {
    invite?.respond(large);
    await new Promise(setImmediate);
  }
  t.strictSame(server.faults, ['slow-reader']);
  t.equal(invite?.arrival.flow.isOpen, false);
});

t.test(
  'TLS: 1.2 at least, the peer’s certificate is checked, a replaced certificate holds for new connections',
  async (t) => {
    const [one, two] = await Promise.all([
      makeTestCertificate(['127.0.0.1']),
      makeTestCertificate(['sip.clinic.example']),
    ]);
    await using server = recordingStack({}, (transaction) => transaction.respond(answer(transaction, 200)));
    const tls = { certificate: one.certificate, key: one.key };
    const { port } = await server.stack.listen({ ...TCP, transport: 'tls', tls });
    await using client = recordingStack({ trust: one.ca + two.ca });
    const target = { transport: 'tls', host: '127.0.0.1', port } as const;
    const failuresOf = async (more: { serverName?: string }) => {
      const seen = recordResponses();
      const told = seen.next();
      await client.stack.request(requestFor(), { ...target, ...more }, seen.events);
      await told;
      return seen.failures;
    };
    t.strictSame(await failuresOf({}), []);
    t.strictSame(
      await failuresOf({ serverName: 'sip.clinic.example' }),
      ['transport-error'],
      'a wrong name does not connect',
    );
    const before = server.requests[0]!.arrival.flow;
    server.stack.setCertificate('phones', { certificate: two.certificate, key: two.key });
    t.equal(before.isOpen, true, 'connections stay');
    t.strictSame(await failuresOf({ serverName: 'sip.clinic.example' }), []);
    const old = connectTls({
      host: '127.0.0.1',
      port,
      ca: two.ca,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    await t.rejects(once(old, 'secureConnect'), 'TLS 1.1 is refused');
    const plain = await streamPeer(port);
    plain.write(requestText({ via: VIA }));
    await plain.closed;
    t.equal(server.requests.length, 2, 'clear text on the TLS port goes nowhere');
  },
);

t.test('TLS: a phone’s own connection carries requests back to it, split frames and all', async (t) => {
  const { certificate, key, ca } = await makeTestCertificate(['127.0.0.1']);
  await using server = recordingStack({}, (transaction) => transaction.respond(answer(transaction, 200)));
  const { port } = await server.stack.listen({ ...TCP, transport: 'tls', tls: { certificate, key } });
  const socket: TLSSocket = connectTls({ host: '127.0.0.1', port, ca });
  await once(socket, 'secureConnect');
  await using phone = await streamPeer(socket);
  const text = requestText({ method: 'REGISTER', via: 'SIP/2.0/TLS 127.0.0.1:5999;rport;branch=z9hG4bKtls' });
  phone.write(text.slice(0, 100));
  await new Promise(setImmediate);
  phone.write(text.slice(100));
  const item = await phone.nth(1);
  t.match(item.item === 'message' && item.message.headers.get('via'), `;rport=${socket.localPort};`);
  const { flow } = server.requests[0]!.arrival;
  const sent = await server.stack.request(
    requestFor({ method: 'OPTIONS' }),
    { transport: 'tls', ...flow.remote, flow },
    recordResponses().events,
  );
  await phone.nth(2);
  t.match(sent.request.headers.get('via'), `SIP/2.0/TLS 127.0.0.1:${port};branch=`);
});

t.test('TLS: a certificate that cannot be used is refused with a sentence, and the old one stays', async (t) => {
  const [one, two] = await Promise.all([makeTestCertificate(), makeTestCertificate()]);
  await using server = recordingStack();
  const spec = { ...TCP, transport: 'tls' } as const;
  await t.rejects(server.stack.listen({ ...spec, tls: { certificate: 'nonsense', key: 'x' } }), {
    code: 'bad-certificate',
  });
  await t.rejects(server.stack.listen(spec), { code: 'no-certificate' });
  const { port } = await server.stack.listen({ ...spec, tls: { certificate: one.certificate, key: one.key } });
  t.throws(() => server.stack.setCertificate('phones', { certificate: two.certificate, key: one.key }), {
    code: 'bad-certificate',
  });
  t.throws(() => server.stack.setCertificate('other', one), { code: 'no-listener' });
  const socket = connectTls({ host: '127.0.0.1', port, ca: one.ca });
  await once(socket, 'secureConnect');
  t.equal(socket.authorized, true);
  socket.destroy();
});
