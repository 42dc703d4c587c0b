// What the edge decides by itself (RFC 3261 §8.2, §12.2.2, §14), and that nothing from either side can throw it.
import t, { type Test } from 'tap';
import { serialise } from '../../src/protocol/sip/serialise.ts';
import { edgeBench } from '../support/edge-bench.ts';
import { seeded } from '../support/seeded.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';

async function bench(t: Test, ...verbs: string[]) {
  const edge = await edgeBench();
  const app = await (await edge.raw()).ready(...verbs);
  const peer = await SipPeer.udp(edge.port('carrier/udp'));
  t.teardown(async () => {
    await peer[Symbol.asyncDispose]();
    await edge[Symbol.asyncDispose]();
  });
  return { edge, app, peer };
}

/** A confirmed call from the peer. */
async function answeredCall(t: Test) {
  const { edge, app, peer } = await bench(t, 'invite');
  const invite = peer.request('INVITE', { body: SDP, cseq: 10 });
  peer.send(invite);
  const { fields } = await app.takeSip('INVITE');
  const echo = await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 200 OK\r\n\r\n${SDP}`);
  const ok = await peer.takeResponse(200);
  peer.send(peer.within(invite, ok, 'ACK'));
  await app.takeSip('ACK');
  return { edge, app, peer, invite, ok, dialogId: echo.fields[11] ?? '' };
}

t.test('outside a dialog: unknown methods 405, what needs a dialog 481, the same INVITE by two ways 482', async (t) => {
  const { peer, app, edge } = await bench(t, 'invite', 'info', 'subscribe');
  for (const method of ['FOO', 'REFER']) {
    if (edge.has('silent-unknown-method')) continue;
    peer.send(peer.request(method));
    t.ok((await peer.takeResponse(405, method)).headers.has('allow'));
  }
  for (const method of ['BYE', 'UPDATE', 'PRACK', 'INFO', 'SUBSCRIBE']) {
    if (method === 'PRACK' && edge.has('silent-unknown-method')) continue;
    peer.send(peer.request(method, { toTag: 'nobody' }));
    const isDelivered = (method === 'INFO' || method === 'SUBSCRIBE') && edge.has('delivers-with-foreign-tag');
    if (isDelivered) t.ok(await app.takeSip(method));
    else await peer.takeResponse(481, method);
  }
  const ids = { callId: 'merged@peer.example', fromTag: 'm1', body: SDP };
  peer.send(peer.request('INVITE', ids));
  await app.takeSip('INVITE');
  peer.send(peer.request('INVITE', ids));
  if (edge.has('merged-delivered')) t.ok(await app.takeSip('INVITE'));
  else await peer.takeResponse(482, 'INVITE');
});

t.test('a method that an application routes is handed over, whatever it is', async (t) => {
  const { peer, app, edge } = await bench(t, 'refer');
  peer.send(peer.request('REFER', { headers: [['Refer-To', '<sip:other@127.0.0.1>']] }));
  if (edge.has('silent-unknown-method')) {
    t.equal((await app.ask('ping')).fields[4], 'pong');
    t.same(peer.lines, []);
    t.notOk(app.frames.some(({ text }) => text.startsWith('REFER')));
    return;
  }
  const { fields } = await app.takeSip('REFER');
  t.equal(fields.length, 13, 'with the tail of a request outside a dialog');
  await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 603 Decline\r\n\r\n`);
  await peer.takeResponse(603);
});

t.test('both sides re-INVITE at once: 491; an older CSeq: 500; a second INVITE while one waits: 500', async (t) => {
  const { app, peer, invite, ok, dialogId, edge } = await answeredCall(t);
  await app.ask(`sip||${dialogId}\r\nINVITE sip:placeholder SIP/2.0\r\n\r\n${SDP}`);
  const ours = await peer.takeRequest('INVITE');
  peer.send(peer.within(invite, ok, 'INVITE', { cseq: 11, body: SDP }));
  if (edge.has('glare-delivered')) {
    t.ok(await app.takeSip('INVITE'));
    return;
  }
  await peer.takeResponse(491);
  peer.answer(ours, 488, 'Not Acceptable Here', { tag: 'x' });
  await app.takeSip('SIP/2.0 488');
  peer.send(peer.within(invite, ok, 'INVITE', { cseq: 12, body: SDP }));
  await app.takeSip('INVITE');
  peer.send(peer.within(invite, ok, 'INVITE', { cseq: 13, body: SDP }));
  t.ok((await peer.takeResponse(500, 'INVITE')).headers.has('retry-after'));
  peer.send(peer.within(invite, ok, 'INFO', { cseq: 3 }));
  await peer.takeResponse(500, 'INFO');
});

t.test('a provisional to a re-INVITE, or to a request that is no INVITE, is not the end of it', async (t) => {
  const { app, peer, invite, ok, edge } = await answeredCall(t);
  for (const [method, status] of [
    ['INVITE', 180],
    ['INFO', 183],
  ] as const) {
    peer.send(
      peer.within(invite, ok, method, { cseq: method === 'INVITE' ? 11 : 12, body: method === 'INVITE' ? SDP : '' }),
    );
    const { fields } = await app.takeSip(method);
    await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 ${status} Going On\r\n\r\n`);
    await peer.takeResponse(status, method);
    if (edge.has('provisional-ends-transaction')) {
      await peer.takeResponse(500, method);
      continue;
    }
    t.equal((await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`)).fields[3], 'OK');
    await peer.takeResponse(200, method);
  }
});

t.test('the caller hangs up while it rings, by BYE: 200, 487, and a CANCEL for the application', async (t) => {
  const { app, peer, edge } = await bench(t, 'invite');
  const invite = peer.request('INVITE', { body: SDP });
  peer.send(invite);
  const { fields } = await app.takeSip('INVITE');
  await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 180 Ringing\r\n\r\n`);
  const ringing = await peer.takeResponse(180);
  peer.send(peer.within(invite, ringing, 'BYE'));
  if (edge.has('bye-while-ringing-481')) {
    await peer.takeResponse(481, 'BYE');
    await peer.takeResponse(500, 'INVITE');
    return;
  }
  await peer.takeResponse(200, 'BYE');
  await peer.takeResponse(487, 'INVITE');
  t.equal((await app.takeSip('CANCEL')).fields[8], fields[8]);
  t.equal(edge.edge.status().dialogs, 0);
});

t.test('limits on calls and on requests in hand: 503 with a time to come back', async (t) => {
  await using edge = await edgeBench({ limits: { dialogs: 1, incomingRequests: 2 } });
  const app = await (await edge.raw()).ready('invite', 'options');
  await using peer = await SipPeer.udp(edge.port('carrier/udp'));
  peer.send(peer.request('INVITE', { body: SDP }));
  const { fields } = await app.takeSip('INVITE');
  await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 180 Ringing\r\n\r\n`);
  peer.send(peer.request('INVITE', { body: SDP }));
  t.ok((await peer.takeResponse(503, 'INVITE')).headers.has('retry-after'));
  peer.send(peer.request('OPTIONS'));
  await app.takeSip('OPTIONS');
  peer.send(peer.request('OPTIONS'));
  t.ok((await peer.takeResponse(503, 'OPTIONS')).headers.has('retry-after'));
  const { faults } = edge.edge.status().counters;
  t.match(faults, { 'too-many-dialogs': 1, 'too-many-requests': 1 });
});

t.test('an application that does not read is cut off before it costs memory', async (t) => {
  await using edge = await edgeBench({ limits: { waitingBytes: 100_000 } });
  const app = await (await edge.raw()).ready('message');
  await using peer = await SipPeer.tcp(edge.port('carrier/tcp'));
  app.pause();
  const body = 'x'.repeat(50_000);
  const isConnected = () => edge.edge.status().applications === 1;
  for (let sent = 0; sent < 400 && isConnected(); sent++) {
    peer.send(peer.request('MESSAGE', { headers: [['Content-Type', 'text/plain']], body }));
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (isConnected()) await new Promise((resolve) => setImmediate(resolve));
  await peer.takeResponse(503);
  t.notOk(isConnected());
});

t.test('mutated messages and frames: nothing throws, and the next call goes through', async (t) => {
  const verbs = ['invite', 'options', 'register', 'subscribe'];
  const { app: firstApp, peer, edge } = await bench(t, ...verbs);
  // It would take every other test down with it.
  const mayMutateFrames = !edge.has('dies-of-broken-frames');
  let app = firstApp;
  const { seed, below: pick } = seeded();
  t.comment(`seed ${seed}`);
  const mutate = (text: string) => {
    const chars = [...text];
    for (let count = 1 + pick(6); count > 0; count--)
      chars.splice(pick(chars.length), pick(3), String.fromCharCode(pick(256)));
    return chars.join('');
  };
  for (let round = 0; round < 300; round++) {
    // What is no message at all ends its connection.
    if (!app.isOpen) app = await (await edge.raw()).ready(...verbs);
    const method = ['INVITE', 'OPTIONS', 'REGISTER', 'SUBSCRIBE', 'BYE', 'CANCEL', 'ACK'][pick(7)] ?? 'OPTIONS';
    peer.send(mutate(serialise(peer.request(method, { body: SDP, cseq: pick(5) })).toString('latin1')));
    const heard = app.frames.findLast(({ fields }) => fields[1] === 'sip');
    const ids = `${heard?.fields[8] ?? 'none'}|${pick(2) === 0 ? '' : (heard?.fields[9] ?? '')}`;
    const start = [
      'SIP/2.0 200 OK',
      'SIP/2.0 180 Ringing',
      `INVITE sip:x@127.0.0.1:${peer.port} SIP/2.0`,
      'BYE sip:x SIP/2.0',
    ][pick(4)];
    const sip = mutate(
      `${start}\r\nFrom: <sip:a@localhost>\r\nContact: sip:a@localhost\r\nRequire: 100rel\r\n\r\n${SDP}`,
    );
    const payload = Buffer.from(`f${round}|sip|${ids}\r\n${sip}`);
    if (mayMutateFrames) app.write(Buffer.concat([Buffer.from(`${payload.length}#`), payload]));
    if (round % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setImmediate(resolve));
  const { faults } = edge.edge.status().counters;
  t.equal(faults['handler-threw'], undefined);
  t.equal(faults['request-failed'], undefined);
  const other = await (await edge.raw()).ready('publish');
  const publish = peer.request('PUBLISH');
  peer.send(publish);
  // After such a flood a datagram may be lost; RFC 3261's timer E says it again.
  const timerE = setInterval(() => peer.send(publish), 500);
  t.teardown(() => clearInterval(timerE));
  t.ok(await other.takeSip('PUBLISH'));
  clearInterval(timerE);
});
