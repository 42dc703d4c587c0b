// Calls and requests that drachtio-srf 5.0.29 makes: ringing, answer, early media, no offer, CANCEL, digest, failure.
import { once } from 'node:events';
import t, { type Test } from 'tap';
import type { OfferedDialog, SrfDialog, SrfRequest } from '../../src/pbx/leg/srf-types.ts';
import { cseqOf, tagOf } from '../../src/protocol/sip/fields.ts';
import { edgeBench } from '../support/edge-bench.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';

async function bench(t: Test) {
  const edge = await edgeBench();
  const srf = await edge.srf();
  const peer = await SipPeer.udp(edge.port('carrier/udp'));
  t.teardown(async () => {
    await peer[Symbol.asyncDispose]();
    await edge[Symbol.asyncDispose]();
  });
  const contact = ['Contact', `<${peer.uri}>`] as const;
  return { edge, srf, peer, contact, to: `sip:5550100@127.0.0.1:${peer.port}` };
}

t.test(
  'a call out: @localhost filled in, provisionals told, answered, acknowledged, hung up by the peer',
  async (t) => {
    const { srf, peer, contact, to, edge } = await bench(t);
    const heard: number[] = [];
    const call = srf.createUAC(
      to,
      { localSdp: SDP, headers: { From: 'sip:5550101@localhost', Contact: 'sip:5550101@localhost', 'X-Foo': 'bar' } },
      { cbProvisional: (res) => heard.push(res.status) },
    ) as Promise<SrfDialog>;
    const invite = await peer.takeRequest('INVITE');
    const place = `127.0.0.1:${edge.port('carrier/udp')}`;
    t.match(invite.headers.get('from'), new RegExp(`^<sip:5550101@${place}>;tag=\\w+$`));
    t.equal(invite.headers.get('contact'), `<sip:5550101@${place}>`);
    t.equal(invite.headers.get('x-foo'), 'bar');
    t.equal(invite.headers.get('content-type'), 'application/sdp');
    t.equal(Buffer.from(invite.body).toString(), SDP);
    peer.answer(invite, 100, 'Trying');
    peer.answer(invite, 180, 'Ringing', { headers: [contact] });
    peer.answer(invite, 183, 'Session Progress', { headers: [contact], body: SDP });
    const ok = peer.answer(invite, 200, 'OK', { headers: [contact], body: SDP });
    const ack = await peer.takeRequest('ACK');
    t.equal(ack.uri, peer.uri, 'to the Contact');
    t.equal(cseqOf(ack)?.number, cseqOf(invite)?.number);
    const dialog = await call;
    t.same(heard, [180, 183], 'a 100 is never told');
    t.equal(dialog.id, `${invite.headers.get('call-id')};from-tag=${tagOf(invite.headers.get('from'))}`);

    peer.send(ok);
    const again = await peer.takeRequest('ACK');
    t.equal(again.headers.get('to'), ack.headers.get('to'), 'a repeated 200 is acknowledged again by the edge');

    const reinvited = (dialog as unknown as { modify(sdp: string): Promise<string> }).modify(SDP);
    const reinvite = await peer.takeRequest('INVITE');
    t.equal(cseqOf(reinvite)?.number, (cseqOf(invite)?.number ?? 0) + 1);
    t.equal(reinvite.headers.get('contact'), invite.headers.get('contact'));
    if (!edge.has('provisional-ends-transaction')) peer.answer(reinvite, 180, 'Ringing');
    peer.answer(reinvite, 200, 'OK', { headers: [contact], body: SDP });
    t.equal(cseqOf(await peer.takeRequest('ACK'))?.number, cseqOf(reinvite)?.number);
    t.equal(await reinvited, SDP, 'a 1xx before does not lose the answer');

    const destroyed = once(dialog, 'destroy');
    peer.send(
      peer.request('BYE', {
        callId: invite.headers.get('call-id') ?? '',
        fromTag: 'peertag',
        toTag: tagOf(invite.headers.get('from')),
        cseq: 7,
      }),
    );
    await destroyed;
    await peer.takeResponse(200, 'BYE');
    t.equal(edge.edge.status().dialogs, 0);
    t.equal(edge.edge.status().pendingOut, 0);
  },
);

t.test('a call without an offer: the answer travels in the ACK', async (t) => {
  const { srf, peer, contact, to } = await bench(t);
  const call = srf.createUAC(to, { noAck: true }) as Promise<OfferedDialog>;
  const invite = await peer.takeRequest('INVITE');
  t.equal(invite.body.length, 0);
  peer.answer(invite, 200, 'OK', { headers: [contact], body: SDP });
  const offered = await call;
  t.equal(offered.sdp, SDP);
  const answer = SDP.replace('40000', '50000');
  const done = offered.ack(answer);
  const ack = await peer.takeRequest('ACK');
  t.equal(Buffer.from(ack.body).toString(), answer);
  t.equal(ack.headers.get('content-type'), 'application/sdp');
  const dialog = await done;
  const ended = dialog.destroy();
  peer.answer(await peer.takeRequest('BYE'), 200, 'OK');
  await ended;
});

t.test('refused: the failure is told, acknowledged by the edge, and srf goes on', async (t) => {
  const { srf, peer, to, edge } = await bench(t);
  const call = srf.createUAC(to, { localSdp: SDP });
  const invite = await peer.takeRequest('INVITE');
  peer.answer(invite, 486, 'Busy Here');
  t.match(await call.catch((error: unknown) => error), { status: 486 });
  const ack = await peer.takeRequest('ACK');
  t.equal(ack.headers.get('via'), invite.headers.get('via'), 'of the same transaction');
  t.equal(edge.edge.status().dialogs, 0);
});

t.test('cancelled while it rings: CANCEL with the reason, and 487 for the application', async (t) => {
  const { srf, peer, to } = await bench(t);
  const asked = Promise.withResolvers<SrfRequest | undefined>();
  const call = srf.createUAC(to, { localSdp: SDP }, { cbRequest: (_error, req) => asked.resolve(req) });
  call.catch(() => {});
  const invite = await peer.takeRequest('INVITE');
  (await asked.promise)?.cancel();
  t.notOk(peer.lines.includes('CANCEL'), 'not before a provisional');
  peer.answer(invite, 180, 'Ringing');
  const cancel = await peer.takeRequest('CANCEL');
  t.equal(cancel.headers.get('via'), invite.headers.get('via'));
  peer.answer(cancel, 200, 'OK');
  peer.answer(invite, 487, 'Request Terminated');
  t.match(await call.catch((error: unknown) => error), { status: 487 });
});

t.test('an answer that crosses the CANCEL is acknowledged and hung up', async (t) => {
  const { srf, peer, contact, to, edge } = await bench(t);
  const asked = Promise.withResolvers<SrfRequest | undefined>();
  const call = srf.createUAC(
    to,
    { localSdp: SDP },
    { cbRequest: (_error, req) => asked.resolve(req) },
  ) as Promise<SrfDialog>;
  const invite = await peer.takeRequest('INVITE');
  peer.answer(invite, 180, 'Ringing');
  (await asked.promise)?.cancel();
  await peer.takeRequest('CANCEL');
  peer.answer(invite, 200, 'OK', { headers: [contact], body: SDP });
  await peer.takeRequest('ACK');
  const bye = await peer.takeRequest('BYE');
  t.match(bye.headers.get('reason'), 'ACK-BYE due to cancel race condition');
  peer.answer(bye, 200, 'OK');
  await call.catch(() => {});
  t.equal(edge.edge.status().dialogs, 0);
});

t.test('digest: the retry keeps Call-ID and tag, counts CSeq on, and goes to who challenged', async (t) => {
  const { srf, peer, contact, to, edge } = await bench(t);
  const options = { localSdp: SDP, auth: { username: 'clinic', password: 'made-up' } };
  const call = srf.createUAC(to, options) as Promise<SrfDialog>;
  const first = await peer.takeRequest('INVITE');
  peer.answer(first, 407, 'Proxy Authentication Required', {
    headers: [['Proxy-Authenticate', 'Digest realm="x", nonce="n1", algorithm=MD5, qop="auth"']],
  });
  const second = await peer.takeRequest('INVITE');
  t.equal(second.headers.get('call-id'), first.headers.get('call-id'));
  t.equal(second.headers.get('from'), first.headers.get('from'));
  t.equal(cseqOf(second)?.number, (cseqOf(first)?.number ?? 0) + 1);
  t.match(second.headers.get('proxy-authorization'), /^Digest username="clinic"/);
  peer.answer(second, 200, 'OK', { headers: [contact], body: SDP });
  await call;
  await peer.takeRequest('ACK');
  const ack = await peer.takeRequest('ACK');
  const isBare = edge.has('ack-without-credentials');
  t.equal(ack.headers.has('proxy-authorization'), !isBare, 'the ACK to a 2xx repeats the credentials');
});

t.test('a second phone that answers is acknowledged and hung up; the first keeps the call', async (t) => {
  const { srf, peer, contact, to, edge } = await bench(t);
  const call = srf.createUAC(to, { localSdp: SDP }) as Promise<SrfDialog>;
  const invite = await peer.takeRequest('INVITE');
  peer.answer(invite, 180, 'Ringing', { tag: 'one', headers: [contact] });
  peer.answer(invite, 180, 'Ringing', { tag: 'two', headers: [contact] });
  peer.answer(invite, 200, 'OK', { tag: 'one', headers: [contact], body: SDP });
  const dialog = await call;
  t.equal(tagOf((await peer.takeRequest('ACK')).headers.get('to')), 'one');
  peer.answer(invite, 200, 'OK', { tag: 'two', headers: [contact], body: SDP });
  const isForgotten = edge.has('second-answer-lives');
  t.equal(tagOf((await peer.takeRequest('ACK')).headers.get('to')), isForgotten ? 'one' : 'two');
  if (!isForgotten) {
    const bye = await peer.takeRequest('BYE');
    t.equal(tagOf(bye.headers.get('to')), 'two');
    peer.answer(bye, 200, 'OK');
  }
  const ended = dialog.destroy();
  const last = await peer.takeRequest('BYE');
  t.equal(tagOf(last.headers.get('to')), 'one');
  peer.answer(last, 200, 'OK');
  await ended;
});

t.test('Record-Route is followed, reversed for the caller', async (t) => {
  const { srf, peer, contact, to } = await bench(t);
  const call = srf.createUAC(to, { localSdp: SDP }) as Promise<SrfDialog>;
  const invite = await peer.takeRequest('INVITE');
  const proxy = `<sip:127.0.0.1:${peer.port};lr>`;
  peer.answer(invite, 200, 'OK', { headers: [['Record-Route', `<sip:far.example;lr>, ${proxy}`], contact], body: SDP });
  const ack = await peer.takeRequest('ACK');
  t.same(ack.headers.all('route'), [proxy, '<sip:far.example;lr>']);
  t.equal(ack.uri, peer.uri);
  const ended = (await call).destroy();
  const bye = await peer.takeRequest('BYE');
  t.same(bye.headers.all('route'), [proxy, '<sip:far.example;lr>']);
  peer.answer(bye, 200, 'OK');
  await ended;
});

t.test('OPTIONS, MESSAGE and NOTIFY outside a dialog; nobody there is a 503 within a moment', async (t) => {
  const { srf, peer, to } = await bench(t);
  // The listener is there before a response that came in the same read as the echo.
  const answered = (options: Parameters<typeof srf.request>[1], uri = to) =>
    new Promise<[{ status: number }]>((resolve, reject) => {
      srf.request(uri, options, (error, request) => {
        if (request === undefined) reject(error);
        else request.on('response', (response: { status: number }) => resolve([response]));
      });
    });
  const sent = answered(
    { method: 'OPTIONS', proxy: `sip:127.0.0.1:${peer.port};transport=udp` },
    'sip:5550100@clinic.invalid',
  );
  const options = await peer.takeRequest('OPTIONS');
  t.equal(options.uri, 'sip:5550100@clinic.invalid', 'the next hop does not change the URI');
  t.same(options.headers.all('route'), []);
  peer.answer(options, 200, 'OK');
  t.equal((await sent)[0].status, 200);
  const told = answered({ method: 'MESSAGE', headers: { 'Content-Type': 'text/plain' }, body: 'grüß' });
  const message = await peer.takeRequest('MESSAGE');
  t.equal(Buffer.from(message.body).toString(), 'grüß');
  peer.answer(message, 202, 'Accepted');
  t.equal((await told)[0].status, 202);
  const refused = await answered({ method: 'OPTIONS' }, 'sip:5550100@127.0.0.1:1;transport=tcp');
  t.equal(refused[0].status, 503);
});

t.test('SUBSCRIBE and NOTIFY, both ways', async (t) => {
  const { srf, peer, contact, to, edge } = await bench(t);
  const watching = srf.createUAC(to, {
    method: 'SUBSCRIBE',
    headers: { Event: 'presence', Expires: '60' },
  }) as Promise<SrfDialog>;
  const subscribe = await peer.takeRequest('SUBSCRIBE');
  t.ok(subscribe.headers.has('contact'));
  const accepted = peer.answer(subscribe, 202, 'Accepted', { headers: [contact, ['Expires', '60']] });
  const dialog = await watching;
  const notified = once(dialog, 'notify');
  const ids = { callId: subscribe.headers.get('call-id') ?? '', fromTag: tagOf(accepted.headers.get('to')) ?? '' };
  const state = [
    ['Event', 'presence'],
    ['Subscription-State', 'terminated'],
  ] as const;
  peer.send(peer.request('NOTIFY', { ...ids, toTag: tagOf(subscribe.headers.get('from')), headers: state }));
  const [, res] = (await notified) as [SrfRequest, { send(status: number): void }];
  res.send(200);
  await peer.takeResponse(edge.has('last-notify-500') ? 500 : 200, 'NOTIFY');
  t.equal(edge.edge.status().dialogs, 0, 'terminated ends it');

  const watched = Promise.withResolvers<SrfDialog>();
  srf.use('subscribe', (req, response) => {
    srf.createUAS(req, response, { headers: { Expires: '60' } }).then(watched.resolve, watched.reject);
  });
  await edge.routed(['subscribe']);
  peer.send(
    peer.request('SUBSCRIBE', {
      headers: [
        ['Event', 'message-summary'],
        ['Expires', '60'],
      ],
    }),
  );
  const ok = await peer.takeResponse(202, 'SUBSCRIBE');
  t.ok(ok.headers.has('contact'));
  const said = (await watched.promise).request({
    method: 'NOTIFY',
    headers: {
      Event: 'message-summary',
      'Subscription-State': 'terminated',
      'Content-Type': 'application/simple-message-summary',
    },
    body: 'Messages-Waiting: no\r\n',
  });
  peer.answer(await peer.takeRequest('NOTIFY'), 200, 'OK');
  t.equal((await said).status, 200);
  t.equal(edge.edge.status().dialogs, 0);
});
