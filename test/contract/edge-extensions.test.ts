// What SIP grew beside RFC 3261, through unmodified drachtio-srf: PRACK, UPDATE, REFER with Replaces, glare, PUBLISH, SUBSCRIBE that is refreshed.
import { once } from 'node:events';
import t, { type Test } from 'tap';
import type { SrfDialog, SrfRequest, SrfResponse } from '../../src/pbx/leg/srf-types.ts';
import { cseqOf, tagOf } from '../../src/protocol/sip/fields.ts';
import { edgeBench } from '../support/edge-bench.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';

/** What srf does and its types here do not tell. */
interface Provisional {
  send(status: number, options: object, callback: (error: unknown) => void, onPrack: (prack: SrfRequest) => void): void;
}
type Modified = SrfDialog & { modify(sdp: string): Promise<string> };

const OTHER_SDP = SDP.replace('40000', '50000');

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

/** A call from the peer that srf has answered. */
async function callIn({ edge, srf, peer }: Awaited<ReturnType<typeof bench>>) {
  const answered = Promise.withResolvers<SrfDialog>();
  srf.use('invite', (req, res) => void srf.createUAS(req, res, { localSdp: SDP }).then(answered.resolve));
  await edge.routed(['invite']);
  const invite = peer.request('INVITE', { body: SDP });
  peer.send(invite);
  const ok = await peer.takeResponse(200);
  peer.send(peer.within(invite, ok, 'ACK'));
  return { invite, ok, dialog: (await answered.promise) as Modified };
}

/** A call to the peer that it has answered. */
async function callOut({ srf, peer, contact, to }: Awaited<ReturnType<typeof bench>>) {
  const call = srf.createUAC(to, { localSdp: SDP }) as Promise<Modified>;
  const invite = await peer.takeRequest('INVITE');
  peer.answer(invite, 200, 'OK', { headers: [contact], body: SDP });
  const dialog = await call;
  await peer.takeRequest('ACK');
  return { invite, dialog };
}

t.test('RFC 3262: srf rings reliably, hears the PRACK, and only a caller that can is rung so', async (t) => {
  const { edge, srf, peer } = await bench(t);
  const pracked = Promise.withResolvers<SrfRequest>();
  const refused = Promise.withResolvers<unknown>();
  srf.use('invite', (req, res) => {
    const onSent = (error: unknown) => error && refused.resolve(error);
    const reliable = { headers: { Require: '100rel' }, body: SDP };
    (res as unknown as Provisional).send(183, reliable, onSent, pracked.resolve);
    if (!req.has('Supported')) res.send(486);
    else void pracked.promise.then(() => srf.createUAS(req, res, { localSdp: SDP }));
  });
  await edge.routed(['invite']);
  const invite = peer.request('INVITE', { body: SDP, headers: [['Supported', '100rel']] });
  peer.send(invite);
  const progress = await peer.takeResponse(183);
  t.equal(progress.headers.get('require'), '100rel');
  t.ok(progress.headers.has('contact'));
  const rack = `${progress.headers.get('rseq')} 1 INVITE`;
  peer.send(peer.within(invite, progress, 'PRACK', { headers: [['RAck', rack]] }));
  await peer.takeResponse(200, 'PRACK');
  t.equal((await pracked.promise).get('RAck'), rack);
  const ok = await peer.takeResponse(200, 'INVITE');
  peer.send(peer.within(invite, ok, 'ACK'));
  peer.send(peer.request('INVITE', { body: SDP }));
  await peer.takeResponse(486);
  t.match(await refused.promise, /100rel/);
  t.equal(peer.lines.filter((line) => line === '183 INVITE').length, 1, 'and it was not resent');
});

t.test('RFC 3262: what rings srf reliably gets its PRACK, and then the call', async (t) => {
  const { srf, peer, contact, to } = await bench(t);
  const call = srf.createUAC(to, { localSdp: SDP, headers: { Supported: '100rel' } }) as Promise<SrfDialog>;
  const invite = await peer.takeRequest('INVITE');
  const reliable = [contact, ['Require', '100rel'], ['RSeq', '7']] as [string, string][];
  peer.answer(invite, 183, 'Session Progress', { headers: reliable, body: SDP });
  const prack = await peer.takeRequest('PRACK');
  t.equal(prack.headers.get('rack'), `7 ${cseqOf(invite)?.number} INVITE`);
  peer.answer(prack, 200, 'OK');
  peer.answer(invite, 200, 'OK', { headers: [contact], body: SDP });
  t.equal(cseqOf(await peer.takeRequest('ACK'))?.number, cseqOf(invite)?.number);
  t.equal((await call).remote.sdp, SDP);
});

t.test('RFC 3311: UPDATE while it rings, in a call, and from srf', async (t) => {
  const parts = await bench(t);
  const { edge, srf, peer, contact } = parts;
  const answer = Promise.withResolvers<void>();
  srf.use('invite', (req, res) => {
    res.send(180);
    req.on('update', (_req: SrfRequest, updated: SrfResponse) => updated.send(200, { body: OTHER_SDP }));
    void answer.promise.then(() => srf.createUAS(req, res, { localSdp: SDP }));
  });
  await edge.routed(['invite']);
  const invite = peer.request('INVITE', { body: SDP });
  peer.send(invite);
  const ringing = await peer.takeResponse(180);
  peer.send(peer.within(invite, ringing, 'UPDATE', { body: SDP }));
  const early = await peer.takeResponse(200, 'UPDATE');
  t.equal(Buffer.from(early.body).toString(), OTHER_SDP);
  t.equal(tagOf(early.headers.get('to')), tagOf(ringing.headers.get('to')));
  answer.resolve();
  const ok = await peer.takeResponse(200, 'INVITE');
  peer.send(peer.within(invite, ok, 'ACK'));
  peer.send(peer.within(invite, ok, 'UPDATE', { cseq: 3, body: SDP }));
  await peer.takeResponse(200, 'UPDATE');

  const { dialog } = await callOut(parts);
  const updated = dialog.request({ method: 'UPDATE', body: OTHER_SDP });
  const update = await peer.takeRequest('UPDATE');
  t.equal(Buffer.from(update.body).toString(), OTHER_SDP);
  peer.answer(update, 200, 'OK', { headers: [contact], body: SDP });
  t.equal((await updated).status, 200);
});

t.test('RFC 3515, RFC 3891: REFER both ways, its NOTIFYs, and a call with Replaces both ways', async (t) => {
  const parts = await bench(t);
  const { srf, peer, contact } = parts;
  const { invite, ok, dialog } = await callIn(parts);
  const replaces = `a84b4c76e66710@127.0.0.1;to-tag=t1;from-tag=f1`;
  const referTo = `<sip:5550101@127.0.0.1?Replaces=${encodeURIComponent(replaces)}>`;

  const referred = once(dialog, 'refer');
  peer.send(peer.within(invite, ok, 'REFER', { headers: [['Refer-To', referTo]] }));
  const [refer, response] = (await referred) as [SrfRequest, SrfResponse];
  t.equal(refer.get('Refer-To'), referTo, 'as written');
  response.send(202);
  await peer.takeResponse(202, 'REFER');
  const told = dialog.request({
    method: 'NOTIFY',
    headers: {
      Event: 'refer',
      'Subscription-State': 'terminated;reason=noresource',
      'Content-Type': 'message/sipfrag',
    },
    body: 'SIP/2.0 200 OK\r\n',
  });
  const notify = await peer.takeRequest('NOTIFY');
  t.equal(Buffer.from(notify.body).toString(), 'SIP/2.0 200 OK\r\n');
  peer.answer(notify, 200, 'OK');
  t.equal((await told).status, 200, 'and the call goes on');

  const transfer = dialog.request({
    method: 'REFER',
    headers: { 'Refer-To': referTo, 'Referred-By': '<sip:a@127.0.0.1>' },
  });
  const out = await peer.takeRequest('REFER');
  t.equal(out.headers.get('refer-to'), referTo);
  t.ok(out.headers.has('contact'));
  peer.answer(out, 202, 'Accepted');
  t.equal((await transfer).status, 202);
  const notified = once(dialog, 'notify');
  const frag = [
    ['Event', 'refer'],
    ['Subscription-State', 'terminated'],
    ['Content-Type', 'message/sipfrag'],
  ] as const;
  peer.send(peer.within(invite, ok, 'NOTIFY', { cseq: 3, headers: frag, body: 'SIP/2.0 100 Trying\r\n' }));
  const [heard, answered] = (await notified) as [SrfRequest, SrfResponse];
  t.match(heard.body, 'SIP/2.0 100');
  answered.send(200);
  await peer.takeResponse(200, 'NOTIFY');

  const call = srf.createUAC(`sip:5550101@127.0.0.1:${peer.port}`, { localSdp: SDP, headers: { Replaces: replaces } });
  const replacing = await peer.takeRequest('INVITE');
  t.equal(replacing.headers.get('replaces'), replaces);
  peer.answer(replacing, 200, 'OK', { headers: [contact], body: SDP });
  await call;
  await peer.takeRequest('ACK');
});

t.test('an INVITE with Replaces reaches the application as written, with Require', async (t) => {
  const { edge, srf, peer } = await bench(t);
  srf.use('invite', (req, res) => res.send(req.get('Replaces') === 'x@y;to-tag=a;from-tag=b;early-only' ? 481 : 400));
  await edge.routed(['invite']);
  const headers = [
    ['Replaces', 'x@y;to-tag=a;from-tag=b;early-only'],
    ['Require', 'replaces'],
  ] as const;
  peer.send(peer.request('INVITE', { body: SDP, headers }));
  t.ok(await peer.takeResponse(481));
});

t.test('RFC 3261 §14: glare seen from srf: the peer says 491, and its own re-INVITE passes', async (t) => {
  const parts = await bench(t);
  const { peer } = parts;
  const { invite, ok, dialog } = await callIn(parts);
  const refused = dialog.modify(OTHER_SDP).catch((error: { status?: number }) => error.status);
  const ours = await peer.takeRequest('INVITE');
  peer.answer(ours, 491, 'Request Pending');
  await peer.takeRequest('ACK');
  t.equal(await refused, 491);
  const theirs = peer.within(invite, ok, 'INVITE', { cseq: 2, body: SDP });
  peer.send(theirs);
  const again = await peer.takeResponse(200, 'INVITE');
  peer.send(peer.within(theirs, again, 'ACK', { cseq: 2 }));
});

t.test('RFC 3903: PUBLISH in and out, with its ETag', async (t) => {
  const { edge, srf, peer, to } = await bench(t);
  srf.use('publish', (req, res) =>
    res.send(req.body === '<presence/>' ? 200 : 400, { headers: { 'SIP-ETag': 'e1', Expires: '60' } }),
  );
  await edge.routed(['publish']);
  const headers = [
    ['Event', 'presence'],
    ['Content-Type', 'application/pidf+xml'],
    ['SIP-If-Match', 'e0'],
  ] as const;
  peer.send(peer.request('PUBLISH', { headers, body: '<presence/>' }));
  t.equal((await peer.takeResponse(200, 'PUBLISH')).headers.get('sip-etag'), 'e1');
  const answered = new Promise<number>((resolve) => {
    const options = { method: 'PUBLISH', headers: { Event: 'presence', 'SIP-If-Match': 'e9' } };
    srf.request(to, options, (_error, sent) => sent?.on('response', ({ status }: SrfResponse) => resolve(status)));
  });
  const publish = await peer.takeRequest('PUBLISH');
  t.equal(publish.headers.get('sip-if-match'), 'e9');
  peer.answer(publish, 412, 'Conditional Request Failed');
  t.equal(await answered, 412);
});

t.test('RFC 6665: a subscription is refreshed in its dialog, told of, and ended by its subscriber', async (t) => {
  const { edge, srf, peer } = await bench(t);
  const made = Promise.withResolvers<SrfDialog>();
  srf.use('subscribe', (req, res) => void srf.createUAS(req, res, { headers: { Expires: '60' } }).then(made.resolve));
  await edge.routed(['subscribe']);
  const wanted = (expires: string) =>
    [
      ['Event', 'dialog'],
      ['Expires', expires],
    ] as const;
  const subscribe = peer.request('SUBSCRIBE', { headers: wanted('60') });
  peer.send(subscribe);
  const accepted = await peer.takeResponse(202, 'SUBSCRIBE');
  const dialog = await made.promise;
  const tell = async (state: string) => {
    const told = dialog.request({ method: 'NOTIFY', headers: { Event: 'dialog', 'Subscription-State': state } });
    const notify = await peer.takeRequest('NOTIFY');
    t.equal(tagOf(notify.headers.get('to')), tagOf(subscribe.headers.get('from')));
    peer.answer(notify, 200, 'OK');
    t.equal((await told).status, 200);
  };
  await tell('active;expires=60');
  const asked = once(dialog, 'subscribe');
  peer.send(peer.within(subscribe, accepted, 'SUBSCRIBE', { cseq: 2, headers: wanted('60') }));
  const [, res] = (await asked) as [SrfRequest, SrfResponse];
  res.send(202, { headers: { Expires: '60' } });
  await peer.takeResponse(202, 'SUBSCRIBE');
  await tell('active;expires=60');
  const ended = once(dialog, 'unsubscribe');
  peer.send(peer.within(subscribe, accepted, 'SUBSCRIBE', { cseq: 3, headers: wanted('0') }));
  await ended;
  await tell('terminated;reason=timeout');
  t.equal(edge.edge.status().dialogs, 0);
});
