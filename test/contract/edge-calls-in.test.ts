// Calls from the network through unmodified drachtio-srf 5.0.29: ringing, answer, what happens inside, hanging up, CANCEL.
import { once } from 'node:events';
import t, { type Test } from 'tap';
import type { SrfDialog, SrfRequest, SrfResponse } from '../../src/pbx/leg/srf-types.ts';
import { tagOf } from '../../src/protocol/sip/fields.ts';
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
  return { edge, srf, peer };
}

t.test('a caller is rung, answered, asks inside the call, and the application hangs up', async (t) => {
  const { srf, peer, edge } = await bench(t);
  const answered = Promise.withResolvers<SrfDialog>();
  let receivedOn: string | undefined;
  srf.use('invite', (req: SrfRequest, res: SrfResponse) => {
    receivedOn = req.receivedOn;
    res.send(180);
    srf.createUAS(req, res, { localSdp: SDP }).then(answered.resolve, answered.reject);
  });
  await edge.routed(['invite']);
  const invite = peer.request('INVITE', { body: SDP });
  peer.send(invite);
  const trying = await peer.takeResponse(100);
  t.equal(tagOf(trying.headers.get('to')), undefined, 'a 100 has no tag');
  const ringing = await peer.takeResponse(180);
  const ok = await peer.takeResponse(200);
  t.equal(tagOf(ok.headers.get('to')), tagOf(ringing.headers.get('to')), 'one tag for every answer');
  t.equal(ok.headers.get('contact'), `<sip:127.0.0.1:${edge.port('carrier/udp')}>`);
  t.equal(ok.headers.get('content-type'), 'application/sdp', 'added for SDP');
  const dialog = await answered.promise;
  t.equal(receivedOn, `127.0.0.1:${edge.port('carrier/udp')}`);
  t.equal(dialog.id, `${invite.headers.get('call-id')};from-tag=${tagOf(invite.headers.get('from'))}`);
  peer.send(peer.within(invite, ok, 'ACK'));

  const info = once(dialog, 'info');
  peer.send(peer.within(invite, ok, 'INFO', { cseq: 2, headers: [['Content-Type', 'text/plain']], body: 'hello' }));
  const [infoReq, infoRes] = (await info) as [SrfRequest, SrfResponse];
  t.equal(infoReq.body, 'hello');
  infoRes.send(200);
  await peer.takeResponse(200, 'INFO');

  const reinvite = peer.within(invite, ok, 'INVITE', { cseq: 3, body: SDP });
  peer.send(reinvite);
  await peer.takeResponse(100);
  const again = await peer.takeResponse(200, 'INVITE');
  t.equal(again.headers.get('contact'), ok.headers.get('contact'));
  peer.send(peer.within(reinvite, again, 'ACK'));

  const refer = once(dialog, 'refer');
  peer.send(peer.within(invite, ok, 'REFER', { cseq: 4, headers: [['Refer-To', '<sip:other@127.0.0.1>']] }));
  const [, referRes] = (await refer) as [SrfRequest, SrfResponse];
  referRes.send(202);
  await peer.takeResponse(202, 'REFER');

  const notified = dialog.request({
    method: 'NOTIFY',
    headers: { Event: 'refer', 'Subscription-State': 'terminated' },
  });
  const notify = await peer.takeRequest('NOTIFY');
  t.equal(notify.uri, peer.uri, "to the caller's Contact");
  t.equal(notify.headers.get('cseq'), '2 NOTIFY');
  peer.answer(notify, 200, 'OK');
  t.equal((await notified).status, 200);

  const ended = dialog.destroy();
  const bye = await peer.takeRequest('BYE');
  t.equal(tagOf(bye.headers.get('from')), tagOf(ok.headers.get('to')));
  t.equal(tagOf(bye.headers.get('to')), tagOf(invite.headers.get('from')));
  peer.answer(bye, 200, 'OK');
  await ended;
  t.equal(edge.edge.status().dialogs, 0);
  t.equal(edge.edge.status().pendingIn, 0);
});

t.test('the caller hangs up: the dialog is destroyed, and a second BYE finds nothing', async (t) => {
  const { srf, peer, edge } = await bench(t);
  const answered = Promise.withResolvers<SrfDialog>();
  srf.use('invite', (req, res) => void srf.createUAS(req, res, { localSdp: SDP }).then(answered.resolve));
  await edge.routed(['invite']);
  const invite = peer.request('INVITE', { body: SDP });
  peer.send(invite);
  const ok = await peer.takeResponse(200);
  peer.send(peer.within(invite, ok, 'ACK'));
  const destroyed = once(await answered.promise, 'destroy');
  peer.send(peer.within(invite, ok, 'BYE', { cseq: 2 }));
  await destroyed;
  await peer.takeResponse(200, 'BYE');
  peer.send(peer.within(invite, ok, 'BYE', { cseq: 3 }));
  await peer.takeResponse(481, 'BYE');
});

t.test('CANCEL before and after ringing: 200 and 487 from the edge, a cancel event for the application', async (t) => {
  const { srf, peer, edge } = await bench(t);
  const cancelled: string[] = [];
  srf.use('invite', (req, res) => {
    if (req.has('X-Ring')) res.send(180);
    req.on('cancel', () => cancelled.push(req.get('Call-ID') ?? ''));
  });
  await edge.routed(['invite']);
  for (const headers of [[], [['X-Ring', '1']]] as const) {
    const invite = peer.request('INVITE', { body: SDP, headers });
    peer.send(invite);
    await peer.takeResponse(headers.length === 0 ? 100 : 180);
    const branch = /branch=(\S+)/.exec(invite.headers.get('via') ?? '')?.[1] ?? '';
    const ids = {
      callId: invite.headers.get('call-id') ?? '',
      fromTag: tagOf(invite.headers.get('from')) ?? '',
      branch,
    };
    peer.send(peer.request('CANCEL', ids));
    await peer.takeResponse(200, 'CANCEL');
    const gone = await peer.takeResponse(487, 'INVITE');
    peer.send(peer.within(invite, gone, 'ACK', { branch }));
    while (!cancelled.includes(ids.callId)) await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal(cancelled.length, 2);
});

t.test('nobody takes the method: 503 after the 100', async () => {
  const { peer } = await bench(t);
  peer.send(peer.request('INVITE', { body: SDP }));
  await peer.takeResponse(100);
  await peer.takeResponse(503, 'INVITE');
  peer.send(peer.request('OPTIONS'));
  await peer.takeResponse(503, 'OPTIONS');
});

t.test("REGISTER, OPTIONS and MESSAGE are handed over and answered with the application's headers", async (t) => {
  const { srf, peer, edge } = await bench(t);
  srf.use('register', (req, res) =>
    res.send(200, { headers: { Contact: `${req.get('Contact')};expires=60`, 'foo-bar': 'x' } }),
  );
  srf.use('options', (_req, res) => res.send(200, { headers: { Allow: 'INVITE, ACK' } }));
  srf.use('message', (req, res) => res.send(req.body === 'grüß' ? 202 : 400));
  await edge.routed(['register', 'options', 'message']);
  peer.send(peer.request('REGISTER', { headers: [['Expires', '60']] }));
  const registered = await peer.takeResponse(200, 'REGISTER');
  t.equal(registered.headers.get('contact'), `<${peer.uri}>;expires=60`);
  t.ok(
    [...registered.headers].some(({ name }) => name === 'Foo-Bar'),
    'names are capitalised',
  );
  peer.send(peer.request('OPTIONS'));
  t.equal((await peer.takeResponse(200, 'OPTIONS')).headers.get('allow'), 'INVITE, ACK');
  peer.send(peer.request('MESSAGE', { headers: [['Content-Type', 'text/plain']], body: 'grüß' }));
  await peer.takeResponse(202, 'MESSAGE');
});

t.test('X-Wardline headers from outside never reach an application', async (t) => {
  const { srf, peer, edge } = await bench(t);
  srf.use('options', (req, res) => res.send(req.has('X-Wardline-Call') ? 400 : 200));
  await edge.routed(['options']);
  peer.send(peer.request('OPTIONS', { headers: [['x-wardline-call', 'forged']] }));
  t.ok(await peer.takeResponse(edge.has('foreign-headers-pass') ? 400 : 200, 'OPTIONS'));
});
