// Calls over IPv6 (RFC 3261 §25.1, RFC 5118): on ::1 through the edge, both ways, over each transport, as drachtio-srf sees them.
import t from 'tap';
import type { SrfDialog, SrfRequest } from '../../src/pbx/leg/srf-types.ts';
import { topVia } from '../../src/protocol/sip/fields.ts';
import { makeTestCertificate } from '../support/certificate.ts';
import { edgeBench } from '../support/edge-bench.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';
import { WebPhone } from '../support/web-phone.ts';

const host = '::1';

t.test('a phone on ::1 calls and is called; Via, Contact and received have what they should', async (t) => {
  const { ca, ...tls } = await makeTestCertificate([host]);
  const listeners = (['udp', 'tcp', 'tls', 'wss'] as const).map((transport) => ({
    name: 'phones',
    transport,
    host,
    port: 0,
  }));
  const edge = await edgeBench({ tls, listeners });
  t.teardown(() => edge[Symbol.asyncDispose]());
  const srf = await edge.srf();
  const arrived: SrfRequest[] = [];
  const dialogs: Array<Promise<SrfDialog>> = [];
  srf.use('invite', (req, res) => {
    arrived.push(req);
    dialogs.push(srf.createUAS(req, res, { localSdp: SDP }));
  });
  srf.use('register', (req, res) => res.send(200, { headers: { Contact: `${req.get('Contact')};expires=60` } }));
  await edge.routed(['invite', 'register']);
  for (const transport of ['udp', 'tcp', 'tls'] as const) {
    const port = edge.port(`phones/${transport}`);
    const peer = transport === 'tls' ? await SipPeer.tls(port, ca, { host }) : await SipPeer[transport](port, host);
    t.teardown(() => peer[Symbol.asyncDispose]());
    const param = transport === 'udp' ? '' : `;transport=${transport}`;
    const invite = peer.request('INVITE', { body: SDP });
    peer.send(invite);
    const ok = await peer.takeResponse(200);
    t.equal(ok.headers.get('contact'), `<sip:[::1]:${port}${param}>`);
    t.equal(arrived.at(-1)?.source_address, '::1');
    t.equal(arrived.at(-1)?.receivedOn, `::1:${port}`, 'as srf joins them');
    peer.send(peer.within(invite, ok, 'ACK'));
    const ended = (await dialogs.at(-1))?.destroy();
    const bye = await peer.takeRequest('BYE');
    t.equal(bye.uri, `sip:peer@[::1]:${peer.port}${param}`);
    t.match(topVia(bye), { host: '::1', port });
    peer.answer(bye, 200, 'OK');
    await ended;
    if (transport !== 'udp') continue;
    const made = srf.createUAC(`sip:peer@[::1]:${peer.port}`, { localSdp: SDP }) as Promise<SrfDialog>;
    const called = await peer.takeRequest('INVITE');
    t.match(called.headers.get('from'), `@[::1]:${port}`.slice(1));
    peer.answer(called, 200, 'OK', { headers: [['Contact', `<${peer.uri}>`]], body: SDP });
    await made;
    await peer.takeRequest('ACK');
  }
  const web = new WebPhone(`wss://[::1]:${edge.port('phones/wss')}`, '5550101', ca);
  t.teardown(() => web[Symbol.asyncDispose]());
  await web.register();
});
