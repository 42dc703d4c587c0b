// Who may hold what of a guarded listener: a clinic of phones behind one address gets in, strangers hold little, the banned are not read.
import { once } from 'node:events';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import type { EdgeListenerOptions } from '../../src/engine/edge/edge.ts';
import { edgeBench } from '../support/edge-bench.ts';
import { SipPeer } from '../support/sip-peer.ts';

const PHONES = 300;
const STRANGERS = 200;
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function bench(t: Test, profile?: 'phones') {
  const listener: EdgeListenerOptions = { name: 'phones', transport: 'tcp', host: '127.0.0.1', port: 0 };
  const listeners = [{ ...listener, ...(profile && { profile }) }];
  const edge = await edgeBench({ listeners });
  t.teardown(() => edge[Symbol.asyncDispose]());
  const srf = await edge.srf();
  const seen: Array<{ supported: string | undefined; contact: string | undefined }> = [];
  srf.use('register', (req, res) => {
    seen.push({ supported: req.get('Supported'), contact: req.get('Contact') });
    res.send(200, { headers: { Contact: `${req.get('Contact')};expires=60`, Require: 'outbound' } });
  });
  await edge.routed(['register']);
  const phone = async () => {
    const peer = await SipPeer.tcp(edge.port('phones/tcp'));
    t.teardown(() => peer[Symbol.asyncDispose]());
    return peer;
  };
  return { edge, phone, seen };
}

t.test(
  'all phones of a clinic come back at once from one address, each in its turn, and none is refused',
  async (t) => {
    const { edge, phone } = await bench(t, 'phones');
    const peers = await Promise.all(Array.from({ length: PHONES }, phone));
    for (const peer of peers) peer.send(peer.request('REGISTER'));
    // More than one may hold unproven, so some have had to wait.
    while (peers.some(({ seen }) => seen.length === 0)) await turn();
    t.ok(peers.every(({ lines }) => lines[0] === '200 REGISTER'));
    const { connections, waitingConnections, counters } = edge.edge.status();
    t.same([connections, waitingConnections, counters.faults], [PHONES, 0, {}]);
  },
);

t.test(
  'a stranger who never signs in holds few, and the rest of him waits unread; another address is served at once',
  async (t) => {
    const { edge, phone } = await bench(t, 'phones');
    const port = edge.port('phones/tcp');
    const sockets = Array.from({ length: STRANGERS }, () =>
      connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }),
    );
    t.teardown(() => sockets.map((socket) => socket.destroy()));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    const held = () => edge.edge.status().connections + edge.edge.status().waitingConnections;
    while (held() < STRANGERS) await turn();
    t.equal(edge.edge.status().connections, 128);
    const known = await phone();
    known.send(known.request('REGISTER'));
    t.ok(await known.takeResponse(200));
  },
);

t.test('what comes from a banned source is dropped unread, by connections that stand and by new ones', async (t) => {
  const { edge, phone } = await bench(t, 'phones');
  const before = await phone();
  before.send(before.request('REGISTER'));
  await before.takeResponse(200);
  const scanner = await phone();
  scanner.send(scanner.request('OPTIONS', { headers: [['User-Agent', 'friendly-scanner']] }));
  while (edge.edge.bans().length === 0) await turn();
  const messages = edge.edge.status().counters.messagesIn;
  before.send('not even SIP');
  const after = connect(edge.port('phones/tcp'), '127.0.0.1');
  after.on('error', () => {}).resume();
  await once(after, 'close');
  while (edge.edge.status().connections > 0) await turn();
  const { counters } = edge.edge.status();
  t.equal(counters.messagesIn, messages);
  t.same(counters.faults, {}, 'nothing was parsed');
  t.ok(counters.droppedBanned >= 2);
});

t.test(
  'RFC 5626: instance, reg-id and option tags pass as they are, both ways; a guarded listener tells how often to ping',
  async (t) => {
    const contact =
      '<sip:5550101@10.0.0.5:5061;transport=tcp;ob>;reg-id=1;+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"';
    for (const profile of ['phones', undefined] as const) {
      const { phone, seen } = await bench(t, profile);
      const peer = await phone();
      peer.send(peer.request('REGISTER', { contact, headers: [['Supported', 'path, outbound']] }));
      const ok = await peer.takeResponse(200);
      t.same(seen, [{ supported: 'path, outbound', contact }]);
      t.equal(ok.headers.get('require'), 'outbound');
      t.equal(ok.headers.get('contact'), `${contact};expires=60`);
      t.equal(ok.headers.get('flow-timer'), profile === undefined ? undefined : '120');
      peer.send(peer.request('REGISTER', { contact: '<sip:5550101@10.0.0.5:5061>' }));
      t.notOk((await peer.takeResponse(200)).headers.has('flow-timer'), 'not to a phone that did not ask');
    }
  },
);
