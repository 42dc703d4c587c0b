// Phones in browsers (RFC 7118): SIP.js registers over WSS, is called and calls, as an unmodified drachtio-srf on the other side sees it.
import { once } from 'node:events';
import t, { type Test } from 'tap';
import type { SrfDialog } from '../../src/pbx/leg/srf-types.ts';
import { makeTestCertificate } from '../support/certificate.ts';
import { edgeBench } from '../support/edge-bench.ts';
import { SDP } from '../support/sip-peer.ts';
import { reached, SessionState, WebPhone } from '../support/web-phone.ts';

const host = '127.0.0.1';

async function bench(t: Test) {
  const { ca, ...tls } = await makeTestCertificate();
  const edge = await edgeBench({
    tls,
    listeners: [
      { name: 'phones', transport: 'wss', host, port: 0 },
      { name: 'phones', transport: 'ws', host, port: 0 },
      { name: 'carrier', transport: 'udp', host, port: 0 },
    ],
  });
  t.teardown(() => edge[Symbol.asyncDispose]());
  const srf = await edge.srf();
  const contacts: string[] = [];
  const seen: string[] = [];
  srf.use('register', (req, res) => {
    contacts.push(/<(.*)>/.exec(req.get('Contact') ?? '')?.[1] ?? '');
    seen.push(`${(req as unknown as { protocol: string }).protocol} ${req.receivedOn} ${req.source_port}`);
    res.send(200, { headers: { Contact: `${req.get('Contact')};expires=600` } });
  });
  await edge.routed(['register']);
  return { edge, srf, ca, contacts, seen };
}

t.test(
  'over WSS a browser’s phone registers, is called and hangs up; the application sees tcp and the listener',
  async (t) => {
    const { edge, srf, ca, contacts, seen } = await bench(t);
    const phone = new WebPhone(`wss://${host}:${edge.port('phones/wss')}`, '5550101', ca);
    t.teardown(() => phone[Symbol.asyncDispose]());
    await phone.register();
    t.match(contacts[0], /^sip:\w+@\w+\.invalid;transport=ws/);
    t.match(seen[0], `tcp ${host}:${edge.port('phones/wss')}`, 'policy goes by the listener');
    const [dialog, session] = await Promise.all([srf.createUAC(contacts[0] ?? '', { localSdp: SDP }), phone.answer()]);
    t.equal((dialog as unknown as { remote: { sdp: string } }).remote.sdp, SDP);
    const ended = once(dialog as SrfDialog & NodeJS.EventEmitter, 'destroy');
    await session.bye();
    await ended;
  },
);

t.test('it is called by its address and port as next hop too, and calls; either side hangs up', async (t) => {
  const { edge, srf, ca, contacts, seen } = await bench(t);
  const phone = new WebPhone(`wss://${host}:${edge.port('phones/wss')}`, '5550102', ca);
  t.teardown(() => phone[Symbol.asyncDispose]());
  await phone.register();
  const nextHop = `sip:${host}:${seen[0]?.split(' ')[2]};transport=wss`;
  const [first, answered] = await Promise.all([
    srf.createUAC(contacts[0] ?? '', { localSdp: SDP, proxy: nextHop }),
    phone.answer(),
  ]);
  await (first as SrfDialog).destroy();
  await reached(answered, SessionState.Terminated);
  const taken = Promise.withResolvers<{ destroy(): unknown }>();
  srf.use('invite', (req, res) => void srf.createUAS(req, res, { localSdp: SDP }).then(taken.resolve, taken.reject));
  await edge.routed(['invite']);
  const session = await phone.call('sip:5550103@clinic.example');
  await (await taken.promise).destroy();
  await reached(session, SessionState.Terminated);
  while (edge.edge.status().dialogs > 0) await new Promise((resolve) => setImmediate(resolve));
});

t.test('RFC 5626 §5.3.1: a phone whose WebSocket is gone is 430, at once', async (t) => {
  const { edge, srf, contacts, seen } = await bench(t);
  const phone = new WebPhone(`ws://${host}:${edge.port('phones/ws')}`, '5550104');
  t.teardown(() => phone[Symbol.asyncDispose]());
  await phone.register();
  await phone.drop();
  while (edge.edge.status().connections > 0) await new Promise((resolve) => setImmediate(resolve));
  const gone = (options: object) =>
    srf.createUAC(contacts[0] ?? '', { localSdp: SDP, ...options }).catch((error: unknown) => error);
  t.match(await gone({}), { status: 430 });
  t.match(await gone({ proxy: `sip:${host}:${seen[0]?.split(' ')[2]};transport=ws` }), { status: 430 });
});
