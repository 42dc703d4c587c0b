// Which connection and which listener a request goes out by: phones over TLS and TCP, NAT, the media server, connections that are gone.
import t, { type Test } from 'tap';
import type { SrfDialog, SrfRequest } from '../../src/pbx/leg/srf-types.ts';
import { tagOf, topVia } from '../../src/protocol/sip/fields.ts';
import { makeTestCertificate } from '../support/certificate.ts';
import { edgeBench } from '../support/edge-bench.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';

const certificate = await makeTestCertificate();

async function bench(t: Test) {
  const edge = await edgeBench({ tls: certificate });
  t.teardown(() => edge[Symbol.asyncDispose]());
  const srf = await edge.srf();
  const sources: Array<{ port: number; contact: string }> = [];
  srf.use('register', (req, res) => {
    const contact = req.get('Contact') ?? '';
    sources.push({ port: Number(req.source_port), contact });
    res.send(200, { headers: { Contact: `${contact};expires=${req.get('Expires') ?? 60}` } });
  });
  await edge.routed(['register']);
  const phone = async (contact?: string) => {
    const peer = await SipPeer.tls(edge.port('phones/tls'), certificate.ca);
    t.teardown(() => peer[Symbol.asyncDispose]());
    peer.send(
      peer.request('REGISTER', { ...(contact === undefined ? {} : { contact }), headers: [['Expires', '60']] }),
    );
    await peer.takeResponse(200, 'REGISTER');
    return peer;
  };
  return { edge, srf, phone };
}

/** Calls `uri` and lets `peer` answer; resolves to the INVITE and the dialog. */
async function call(srf: Awaited<ReturnType<typeof bench>>['srf'], uri: string, peer: SipPeer, proxy?: string) {
  const options = { localSdp: SDP, ...(proxy === undefined ? {} : { proxy }) };
  const made = srf.createUAC(uri, options) as Promise<SrfDialog>;
  const invite = await peer.takeRequest('INVITE');
  peer.answer(invite, 200, 'OK', { headers: [['Contact', `<${peer.uri}>`]], body: SDP });
  const dialog = await made;
  await peer.takeRequest('ACK');
  return { invite, dialog };
}

t.test('a phone on TLS is called, and hung up, by the connection that it registered', async (t) => {
  const { srf, phone, edge } = await bench(t);
  const peer = await phone('<sip:5550101@10.0.0.5:40000;transport=tls>');
  const { invite, dialog } = await call(srf, 'sip:5550101@10.0.0.5:40000;transport=tls', peer);
  t.equal(invite.headers.get('contact'), `<sip:127.0.0.1:${edge.port('phones/tls')};transport=tls>`);
  t.equal(topVia(invite)?.transport, 'TLS');
  t.equal(topVia(invite)?.port, edge.port('phones/tls'));
  const ended = dialog.destroy();
  peer.answer(await peer.takeRequest('BYE'), 200, 'OK');
  await ended;
});

t.test('two phones with the same private Contact are told apart by their ports, or by the next hop', async (t) => {
  const { srf, phone, edge } = await bench(t);
  const one = await phone('<sip:5550101@10.0.0.5:40001;transport=tls>');
  const two = await phone('<sip:5550101@10.0.0.5:40002;transport=tls>');
  await call(srf, 'sip:5550101@10.0.0.5:40001;transport=tls', one);
  await call(srf, 'sip:5550101@10.0.0.5:40002;transport=tls', two);
  const same = await phone('<sip:5550101@10.0.0.5:40002;transport=tls>');
  const hop = (peer: SipPeer) => `sip:127.0.0.1:${peer.port};transport=tls`;
  await call(srf, 'sip:5550101@10.0.0.5:40002;transport=tls', two, hop(two));
  await call(srf, 'sip:5550101@10.0.0.5:40002;transport=tls', same, hop(same));
  t.equal(edge.edge.status().registeredConnections, 2);
});

t.test('a connection that is gone, or was unregistered, is not used', async (t) => {
  const { srf, phone, edge } = await bench(t);
  const uri = 'sip:5550101@127.0.0.1:9;transport=tls';
  const peer = await phone(`<${uri}>`);
  peer.send(peer.request('REGISTER', { contact: `<${uri}>`, headers: [['Expires', '0']] }));
  await peer.takeResponse(200, 'REGISTER');
  t.equal(edge.edge.status().registeredConnections, 0);
  t.match(await srf.createUAC(uri, { localSdp: SDP }).catch((error: unknown) => error), { status: 503 });
  const other = await phone(`<${uri}>`);
  await other[Symbol.asyncDispose]();
  t.match(await srf.createUAC(uri, { localSdp: SDP }).catch((error: unknown) => error), { status: 503 });
});

t.test('a call from a phone on TLS: the answer, the Contact and the BYE belong to its connection', async (t) => {
  const { srf, phone, edge } = await bench(t);
  const answered = Promise.withResolvers<SrfDialog>();
  let receivedOn: string | undefined;
  srf.use('invite', (req: SrfRequest, res) => {
    receivedOn = req.receivedOn;
    void srf.createUAS(req, res, { localSdp: SDP }).then(answered.resolve);
  });
  await edge.routed(['invite']);
  const peer = await phone();
  const invite = peer.request('INVITE', { body: SDP, contact: '<sip:5550101@10.0.0.5:40000;transport=tls>' });
  peer.send(invite);
  const ok = await peer.takeResponse(200, 'INVITE');
  t.equal(ok.headers.get('contact'), `<sip:127.0.0.1:${edge.port('phones/tls')};transport=tls>`);
  t.equal(receivedOn, `127.0.0.1:${edge.port('phones/tls')}`, 'call control knows the listener by it');
  peer.send(peer.within(invite, ok, 'ACK'));
  const ended = (await answered.promise).destroy();
  const bye = await peer.takeRequest('BYE');
  t.equal(bye.uri, 'sip:5550101@10.0.0.5:40000;transport=tls');
  peer.answer(bye, 200, 'OK');
  await ended;
});

t.test('the media server is called by the inner listener, everybody else by another', async (t) => {
  const { srf, edge } = await bench(t);
  const peer = await SipPeer.udp(edge.port('inner/udp'));
  t.teardown(() => peer[Symbol.asyncDispose]());
  const toMedia = await call(srf, `sip:drachtio@127.0.0.1:${peer.port}`, peer);
  t.equal(topVia(toMedia.invite)?.port, edge.port('inner/udp'));
  t.equal(toMedia.invite.headers.get('contact'), `<sip:127.0.0.1:${edge.port('inner/udp')}>`);
  const toOther = await call(srf, `sip:5550100@127.0.0.1:${peer.port}`, peer);
  t.equal(topVia(toOther.invite)?.port, edge.port('carrier/udp'));
});

t.test('a caller over UDP behind NAT is reached where it came from, and named as it said', async (t) => {
  const { srf, edge } = await bench(t);
  const answered = Promise.withResolvers<SrfDialog>();
  srf.use('invite', (req, res) => void srf.createUAS(req, res, { localSdp: SDP }).then(answered.resolve));
  await edge.routed(['invite']);
  const peer = await SipPeer.udp(edge.port('carrier/udp'));
  t.teardown(() => peer[Symbol.asyncDispose]());
  const invite = peer.request('INVITE', { body: SDP, contact: '<sip:peer@10.1.2.3:5066>' });
  peer.send(invite);
  const ok = await peer.takeResponse(200);
  peer.send(peer.within(invite, ok, 'ACK'));
  const ended = (await answered.promise).destroy();
  const bye = await peer.takeRequest('BYE');
  t.equal(bye.uri, 'sip:peer@10.1.2.3:5066');
  peer.answer(bye, 200, 'OK');
  await ended;
});

t.test('a carrier calls, a phone on TLS answers: one call of two legs, hung up by either', async (t) => {
  const { srf, phone, edge } = await bench(t);
  type Bridge = { createB2BUA(...args: readonly unknown[]): Promise<{ uas: SrfDialog; uac: SrfDialog }> };
  srf.use('invite', (req, res) => {
    const options = { localSdpB: req.body, proxyRequestHeaders: ['X-Foo'] };
    void (srf as unknown as Bridge)
      .createB2BUA(req, res, 'sip:5550101@10.0.0.5:40000;transport=tls', options)
      .then(({ uas, uac }) => {
        uas.on('destroy', () => void uac.destroy());
        uac.on('destroy', () => void uas.destroy());
      });
  });
  await edge.routed(['invite']);
  const desk = await phone('<sip:5550101@10.0.0.5:40000;transport=tls>');
  const carrier = await SipPeer.udp(edge.port('carrier/udp'));
  t.teardown(() => carrier[Symbol.asyncDispose]());
  for (const hangsUp of ['carrier', 'desk']) {
    const invite = carrier.request('INVITE', { body: SDP, headers: [['X-Foo', 'bar']] });
    carrier.send(invite);
    const offered = await desk.takeRequest('INVITE');
    t.equal(offered.headers.get('x-foo'), 'bar');
    desk.answer(offered, 180, 'Ringing');
    await carrier.takeResponse(180);
    const answer = SDP.replace('40000', '50000');
    const picked = desk.answer(offered, 200, 'OK', { headers: [['Contact', `<${desk.uri}>`]], body: answer });
    const ok = await carrier.takeResponse(200, 'INVITE');
    t.equal(Buffer.from(ok.body).toString(), answer);
    carrier.send(carrier.within(invite, ok, 'ACK'));
    await desk.takeRequest('ACK');
    if (hangsUp === 'carrier') {
      carrier.send(carrier.within(invite, ok, 'BYE'));
      await carrier.takeResponse(200, 'BYE');
      desk.answer(await desk.takeRequest('BYE'), 200, 'OK');
    } else {
      const callId = offered.headers.get('call-id') ?? '';
      const toTag = tagOf(offered.headers.get('from'));
      desk.send(desk.request('BYE', { callId, fromTag: tagOf(picked.headers.get('to')) ?? '', toTag, cseq: 2 }));
      await desk.takeResponse(200, 'BYE');
      carrier.answer(await carrier.takeRequest('BYE'), 200, 'OK');
    }
  }
  while (edge.edge.status().dialogs > 0) await new Promise((resolve) => setImmediate(resolve));
  t.equal(edge.edge.status().pendingOut, 0);
});

t.test('a subscription that ends leaves the registration of its Contact alone', async (t) => {
  const { srf, phone, edge } = await bench(t);
  srf.use('subscribe', (req, res) => res.send(202, { headers: { Expires: req.get('Expires') ?? '60' } }));
  await edge.routed(['subscribe']);
  const contact = '<sip:5550101@10.0.0.5:40000;transport=tls>';
  const peer = await phone(contact);
  const event = ['Event', 'message-summary'] as const;
  for (const expires of ['30', '0']) {
    peer.send(peer.request('SUBSCRIBE', { contact, headers: [event, ['Expires', expires]] }));
    await peer.takeResponse(202, 'SUBSCRIBE');
  }
  t.equal(edge.edge.status().registeredConnections, 1);
  await call(srf, 'sip:5550101@10.0.0.5:40000;transport=tls', peer);
});

t.test('a phone on UDP is called from the very socket that it registered at', async (t) => {
  const host = '127.0.0.1';
  const edge = await edgeBench({
    listeners: [
      { name: 'carrier', transport: 'udp', host, port: 0 },
      { name: 'phones', transport: 'udp', host, port: 0 },
    ],
  });
  t.teardown(() => edge[Symbol.asyncDispose]());
  const srf = await edge.srf();
  srf.use('register', (req, res) => res.send(200, { headers: { Contact: `${req.get('Contact')};expires=60` } }));
  await edge.routed(['register']);
  const peer = await SipPeer.udp(edge.port('phones/udp'));
  t.teardown(() => peer[Symbol.asyncDispose]());
  peer.send(peer.request('REGISTER', { contact: '<sip:5550101@10.0.0.5:5060>' }));
  await peer.takeResponse(200);
  const { invite } = await call(srf, 'sip:5550101@10.0.0.5:5060', peer, `sip:127.0.0.1:${peer.port}`);
  t.equal(invite.uri, 'sip:5550101@10.0.0.5:5060');
  t.equal(topVia(invite)?.port, edge.port('phones/udp'));
});

t.test('a name that nobody knows: 503 at once', async (t) => {
  const nothing = async () => ({ records: [], ttlMs: 0 });
  const edge = await edgeBench({ resolver: { naptr: nothing, srv: nothing, addresses: nothing } });
  t.teardown(() => edge[Symbol.asyncDispose]());
  const app = await (await edge.raw()).ready();
  for (const transport of ['udp', 'tcp']) {
    const echo = await app.ask(`sip||\r\nOPTIONS sip:nobody.invalid;transport=${transport} SIP/2.0\r\n\r\n`);
    t.equal(echo.fields[3], 'OK');
    t.ok(await app.takeSip('SIP/2.0 503'));
  }
});
