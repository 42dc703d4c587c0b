// The SIP stack over real UDP sockets on loopback: RFC 3261 §17 and §18, RFC 3581.
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { ManualClock } from '../support/manual-clock.ts';
import { answer, recordingStack, recordResponses, requestFor, requestText, udpPeer } from '../support/sip-bench.ts';

const LISTENER = { name: 'phones', transport: 'udp', host: '127.0.0.1', port: 0 } as const;

t.test('RFC 3581 §4: a request by UDP has rport filled in, received only when the address differs', async (t) => {
  await using server = recordingStack({}, (transaction) => transaction.respond(answer(transaction, 200)));
  const { port } = await server.stack.listen(LISTENER);
  await using peer = await udpPeer();
  const text = requestText({ via: 'SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKa' });
  peer.send(text, port);
  const response = await peer.nth(1);
  t.match(response, `Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKa;rport=${peer.port}\r\n`);
  t.equal(server.requests[0]?.arrival.bytes, Buffer.byteLength(text), 'the size is that on the wire');
  peer.send(requestText({ via: 'SIP/2.0/UDP phone.example;rport;branch=z9hG4bKb' }), port);
  t.match(
    await peer.nth(2),
    `Via: SIP/2.0/UDP phone.example;rport=${peer.port};branch=z9hG4bKb;received=127.0.0.1\r\n`,
  );
});

t.test('RFC 3261 §17.2.2: a repeated request is answered with the same response and not handed up again', async (t) => {
  await using server = recordingStack({}, (transaction) => transaction.respond(answer(transaction, 200)));
  const { port } = await server.stack.listen(LISTENER);
  await using peer = await udpPeer();
  for (let count = 0; count < 3; count++) peer.send(requestText(), port);
  const first = await peer.nth(1);
  t.equal(await peer.nth(3), first);
  t.equal(server.requests.length, 1);
});

t.test(
  'RFC 3261 §17.2.2, timer J: copies get the answer again for 64 × T1 and are then new; no more answers are kept than may be',
  async (t) => {
    const clock = new ManualClock();
    const options = { clock, limits: { answeredRequests: 2 } };
    await using server = recordingStack(options, (transaction) => transaction.respond(answer(transaction, 486)));
    const { port } = await server.stack.listen(LISTENER);
    await using peer = await udpPeer();
    let asked = 0;
    const ask = async (branch: string, method = 'OPTIONS') => {
      peer.send(requestText({ method, via: `SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK${branch}` }), port);
      asked += 1;
      return await peer.nth(asked);
    };
    const first = await ask('a');
    t.ok(server.requests[0]?.isOver, 'nothing more can be said to it');
    t.equal(server.requests[0]?.respond(answer(server.requests[0], 200)), undefined);
    clock.advance(31_900);
    t.equal(await ask('a'), first);
    t.equal(server.requests.length, 1);
    clock.advance(100);
    t.equal(server.stack.load.transactions, 0);
    await ask('a');
    t.equal(server.requests.length, 2, 'it is new');
    await ask('a', 'INFO');
    await ask('c');
    t.equal(server.stack.load.transactions, 2, 'the oldest is forgotten');
    await ask('c');
    t.equal(server.requests.length, 4);
    clock.advance(32_000);
    t.equal(server.stack.load.transactions, 0);
    t.equal(clock.pending, 0);
  },
);

t.test('RFC 3261 §17.2.1: a 486 is resent from T1, doubling, until its ACK; the ACK is not handed up', async (t) => {
  const clock = new ManualClock();
  await using server = recordingStack({ clock });
  const { port } = await server.stack.listen(LISTENER);
  await using peer = await udpPeer();
  const told = server.next();
  peer.send(requestText({ method: 'INVITE' }), port);
  await told;
  const [invite] = server.requests;
  t.ok(invite?.respond(answer(invite, 486)));
  for (const [wait, count] of [
    [500, 2],
    [1_000, 3],
    [2_000, 4],
  ] as const) {
    clock.advance(wait);
    await peer.nth(count);
  }
  t.equal(invite?.respond(answer(invite, 200)), undefined, 'a second final answer is refused');
  peer.send(requestText({ method: 'ACK', toTag: 't1' }), port);
  const heard = server.next();
  peer.send(requestText({ via: 'SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKlater' }), port);
  await heard;
  t.equal(invite?.isOver, false, 'timer I absorbs repeated ACKs');
  clock.advance(5_000);
  t.equal(invite?.isOver, true);
  t.equal(peer.received.length, 4, 'the ACK ended the retransmissions');
  t.equal(server.acks.length, 0);
});

t.test('an INVITE that is never acknowledged ends with a timeout after 64 × T1', async (t) => {
  const clock = new ManualClock();
  await using server = recordingStack({ clock });
  const { port } = await server.stack.listen(LISTENER);
  await using peer = await udpPeer();
  const told = server.next();
  peer.send(requestText({ method: 'INVITE' }), port);
  await told;
  const [invite] = server.requests;
  const endings: string[] = [];
  if (invite !== undefined) invite.onEnd = (ending) => endings.push(ending);
  invite?.respond(answer(invite!, 486));
  clock.advance(31_999);
  t.strictSame(endings, []);
  clock.advance(1);
  t.strictSame(endings, ['timeout']);
  t.equal(clock.pending, 0, 'no timer is left behind');
});

t.test(
  'RFC 3261 §9.2: a CANCEL is answered 200 and told with its INVITE; one that matches nothing gets 481',
  async (t) => {
    await using server = recordingStack();
    const { port } = await server.stack.listen(LISTENER);
    await using peer = await udpPeer();
    let told = server.next();
    peer.send(requestText({ method: 'INVITE' }), port);
    await told;
    told = server.next();
    peer.send(requestText({ method: 'CANCEL' }), port);
    await told;
    t.equal(server.cancels[0], server.requests[0]);
    t.match(await peer.nth(1), /^SIP\/2.0 200 OK\r\n.*CSeq: 1 CANCEL\r\n/s);
    peer.send(requestText({ method: 'CANCEL', via: 'SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKother' }), port);
    t.match(await peer.nth(2), /^SIP\/2.0 481 /);
    t.equal(server.requests.length, 1, 'no CANCEL is handed up as a request');
  },
);

t.test('RFC 3261 §13.2.2.4: the ACK to a 2xx is handed up, and its answer may be sent again', async (t) => {
  await using server = recordingStack({}, (transaction) => transaction.respond(answer(transaction, 200)));
  const { port } = await server.stack.listen(LISTENER);
  await using peer = await udpPeer();
  peer.send(requestText({ method: 'INVITE' }), port);
  await peer.nth(1);
  const [invite] = server.requests;
  t.ok(invite?.respond(answer(invite, 200)));
  await peer.nth(2);
  const told = server.next();
  peer.send(requestText({ method: 'ACK', toTag: 't1', via: 'SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKack' }), port);
  await told;
  t.equal(server.acks[0]?.method, 'ACK');
});

t.test(
  'a client INVITE: 100 is kept back, 180 and each fork’s 200 are given once, a repeated 200 is a stray',
  async (t) => {
    await using server = recordingStack();
    await using client = recordingStack();
    const { port } = await server.stack.listen(LISTENER);
    await client.stack.listen(LISTENER);
    const told = server.next();
    const seen = recordResponses();
    const sent = await client.stack.request(
      requestFor({ method: 'INVITE' }),
      { transport: 'udp', host: '127.0.0.1', port },
      seen.events,
    );
    await told;
    const invite = server.requests[0]!;
    t.match(invite.request.headers.get('via'), /^SIP\/2\.0\/UDP 127\.0\.0\.1:\d+;rport=\d+;branch=z9hG4bK[0-9a-f]+$/);
    t.equal(invite.arrival.bytes, sent.wire.length);
    const stray = client.next();
    for (const [status, tag] of [
      [100, ''],
      [180, 'a'],
      [200, 'a'],
      [200, 'b'],
      [200, 'a'],
    ] as const) {
      invite.respond(answer(invite, status, 'Test', tag));
    }
    await stray;
    t.strictSame(
      seen.responses.map(({ status }) => status),
      [180, 200, 200],
    );
    t.equal(client.strays.length, 1);
    const acked = server.next();
    const ack = await client.stack.sendAck(requestFor({ method: 'ACK', toTag: 'a' }), {
      transport: 'udp',
      host: '127.0.0.1',
      port,
    });
    await acked;
    t.match(ack.request.headers.get('via'), /z9hG4bK/);
  },
);

t.test('RFC 3261 §9.1: a CANCEL waits for a provisional; a 487 is acknowledged by the stack', async (t) => {
  const clock = new ManualClock();
  await using server = recordingStack({ clock });
  await using client = recordingStack();
  const { port } = await server.stack.listen(LISTENER);
  await client.stack.listen(LISTENER);
  let told = server.next();
  const seen = recordResponses();
  const sent = await client.stack.request(
    requestFor({ method: 'INVITE' }),
    { transport: 'udp', host: '127.0.0.1', port },
    seen.events,
  );
  await told;
  sent.cancel([['Reason', 'SIP;cause=200']]);
  await setImmediate();
  t.equal(server.cancels.length, 0);
  told = server.next();
  server.requests[0]?.respond(answer(server.requests[0], 100));
  await told;
  t.equal(server.cancels.length, 1);
  const failed = seen.next();
  const invite = server.requests[0]!;
  invite.respond(answer(invite, 487));
  await failed;
  t.strictSame(
    seen.responses.map(({ status }) => status),
    [487],
  );
  told = server.next();
  await client.stack.request(requestFor(), { transport: 'udp', host: '127.0.0.1', port }, recordResponses().events);
  await told;
  clock.advance(5_000);
  t.equal(invite.isOver, true, 'the ACK came: timer I ends it');
});

t.test('RFC 3261 §17.1: nobody answers: timer B or F reports a timeout', async (t) => {
  const clock = new ManualClock();
  await using client = recordingStack({ clock });
  await client.stack.listen(LISTENER);
  await using deaf = await udpPeer();
  for (const method of ['INVITE', 'OPTIONS']) {
    const seen = recordResponses();
    await client.stack.request(
      requestFor({ method }),
      { transport: 'udp', host: '127.0.0.1', port: deaf.port },
      seen.events,
    );
    clock.advance(32_000);
    t.strictSame(seen.failures, ['timeout'], method);
  }
  await deaf.nth(7 + 11);
  t.equal(clock.pending, 0);
});

t.test('garbage is counted and never crashes; a request that cannot be matched gets 400', async (t) => {
  await using server = recordingStack({}, (transaction) => transaction.respond(answer(transaction, 200)));
  const { port } = await server.stack.listen(LISTENER);
  await using peer = await udpPeer();
  for (const garbage of ['\0\0\0', 'hello', 'OPTIONS sip:x SIP/2.0\r\n\r\n', '\r\n\r\n', '']) peer.send(garbage, port);
  peer.send(requestText({ cseq: 'x OPTIONS' }), port);
  t.match(await peer.nth(1), /^SIP\/2.0 400 /);
  t.strictSame(server.faults, ['no-header-end', 'no-header-end', 'bad-via', 'bad-cseq']);
  peer.send(requestText(), port);
  t.match(await peer.nth(2), /^SIP\/2.0 200 /);
});

t.test('what an owner throws ends its own request with 500', async (t) => {
  await using server = recordingStack({}, () => {
    throw new Error('broken');
  });
  const { port } = await server.stack.listen(LISTENER);
  await using peer = await udpPeer();
  peer.send(requestText(), port);
  t.match(await peer.nth(1), /^SIP\/2.0 500 /);
  t.strictSame(server.faults, ['handler-threw']);
});

t.test('IPv6 and a wildcard: sent-by is a real address in brackets', async (t) => {
  await using server = recordingStack({}, (transaction) => transaction.respond(answer(transaction, 200)));
  await using client = recordingStack();
  const { port } = await server.stack.listen({ ...LISTENER, host: '::' });
  await client.stack.listen({ ...LISTENER, host: '::1' });
  const seen = recordResponses();
  const answered = seen.next();
  const sent = await client.stack.request(requestFor(), { transport: 'udp', host: '::1', port }, seen.events);
  await answered;
  t.match(sent.request.headers.get('via'), /^SIP\/2\.0\/UDP \[::1\]:\d+;rport;branch=/);
  t.equal(server.requests[0]?.arrival.flow.local.host, '::1');
  t.equal(seen.responses[0]?.status, 200);
});

t.test('beyond the transaction limit a request gets 503', async (t) => {
  await using server = recordingStack({ limits: { transactions: 1 } });
  const { port } = await server.stack.listen(LISTENER);
  await using peer = await udpPeer();
  peer.send(requestText(), port);
  peer.send(requestText({ via: 'SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKmore' }), port);
  t.match(await peer.nth(1), /^SIP\/2.0 503 /);
  t.strictSame(server.faults, ['too-many-transactions']);
});

t.test('a port that is taken is Node’s own EADDRINUSE', async (t) => {
  await using server = recordingStack();
  const { port } = await server.stack.listen(LISTENER);
  await t.rejects(server.stack.listen({ ...LISTENER, name: 'again', port }), { code: 'EADDRINUSE' });
});
