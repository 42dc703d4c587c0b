// Names at the edge (RFC 3263): a DNS server of our own on loopback, and the next server when one is silent, refuses or is out of service.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { systemResolver } from '../../src/engine/runtime/resolver.ts';
import type { SrfDialog } from '../../src/pbx/leg/srf-types.ts';
import { cseqOf, tagOf, topVia } from '../../src/protocol/sip/fields.ts';
import { DnsServer, type Zone } from '../support/dns-server.ts';
import { edgeBench } from '../support/edge-bench.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';

const HOST = { addresses: ['127.0.0.1'] };

/** An edge that asks our DNS server, and `count` peers as servers of `carrier.example`, the first preferred. */
async function bench(t: Test, count: number, zones: Record<string, Zone> = {}) {
  const clock = new ManualClock();
  const dns = await DnsServer.start({ 'one.example': HOST, ...zones });
  const edge = await edgeBench({ clock, resolver: systemResolver({ servers: [dns.place] }) });
  const peers: SipPeer[] = [];
  for (let index = 0; index < count; index++) peers.push(await SipPeer.udp(edge.port('carrier/udp')));
  dns.zones['_sip._udp.carrier.example'] ??= {
    srv: peers.map(({ port }, index) => ({ priority: index, port, name: 'one.example' })),
  };
  t.teardown(async () => {
    for (const peer of peers) await peer[Symbol.asyncDispose]();
    await edge[Symbol.asyncDispose]();
    await dns[Symbol.asyncDispose]();
  });
  return { clock, dns, edge, peers };
}

t.test(
  'an INVITE to a silent server goes to the next after four seconds, with the same ids; whoever answers has the call',
  async (t) => {
    const { clock, edge, peers } = await bench(t, 2);
    const [silent, alive] = peers as [SipPeer, SipPeer];
    const srf = await edge.srf();
    const call = srf.createUAC('sip:5550100@carrier.example', { localSdp: SDP }) as Promise<SrfDialog>;
    const first = await silent.takeRequest('INVITE');
    clock.advance(3_999);
    t.same(alive.lines, []);
    clock.advance(1);
    const second = await alive.takeRequest('INVITE');
    for (const name of ['call-id', 'cseq', 'from', 'to', 'contact']) {
      t.equal(second.headers.get(name), first.headers.get(name), name);
    }
    t.not(topVia(second)?.branch, topVia(first)?.branch, 'another transaction');
    t.equal(second.uri, 'sip:5550100@carrier.example');
    alive.answer(second, 200, 'OK', { headers: [['Contact', `<${alive.uri}>`]], body: SDP });
    const dialog = await call;
    t.equal(cseqOf(await alive.takeRequest('ACK'))?.number, cseqOf(second)?.number);
    // It wakes up too late: it is told to stop, and hung up if it answers nevertheless.
    silent.answer(first, 180, 'Ringing', { tag: 'late' });
    await silent.takeRequest('CANCEL');
    silent.answer(first, 200, 'OK', { tag: 'late', headers: [['Contact', `<${silent.uri}>`]], body: SDP });
    await silent.takeRequest('ACK');
    silent.answer(await silent.takeRequest('BYE'), 200, 'OK');
    const ended = dialog.destroy();
    alive.answer(await alive.takeRequest('BYE'), 200, 'OK');
    await ended;
    t.equal(edge.edge.status().dialogs, 0);
    t.equal(edge.edge.status().pendingOut, 0);
  },
);

t.test('a silent server is tried last for a minute, and first again once it has answered', async (t) => {
  const { clock, edge, peers } = await bench(t, 2);
  const [first, second] = peers as [SipPeer, SipPeer];
  const app = await (await edge.raw()).ready();
  const options = () => app.ask('sip||\r\nOPTIONS sip:carrier.example SIP/2.0\r\n\r\n');
  await options();
  await first.takeRequest('OPTIONS');
  clock.advance(32_000);
  second.answer(await second.takeRequest('OPTIONS'), 200, 'OK');
  await app.takeSip('SIP/2.0 200');
  await options();
  second.answer(await second.takeRequest('OPTIONS'), 200, 'OK');
  await app.takeSip('SIP/2.0 200');
  clock.advance(60_000);
  const before = first.lines.length;
  await options();
  while (first.lines.length === before) await new Promise((resolve) => setImmediate(resolve));
  t.notOk(
    app.frames.some(({ text }) => text.startsWith('SIP/2.0 408')),
    'the application heard of no time-out',
  );
});

t.test("503 and a refused connection: the next at once; the last one's answer is the application's", async (t) => {
  const { edge, peers, dns } = await bench(t, 3);
  const [first, second, third] = peers as [SipPeer, SipPeer, SipPeer];
  const app = await (await edge.raw()).ready();
  await app.ask(`sip||\r\nINVITE sip:5550100@carrier.example SIP/2.0\r\n\r\n${SDP}`);
  for (const peer of [first, second]) {
    peer.answer(await peer.takeRequest('INVITE'), 503, 'Service Unavailable');
    await peer.takeRequest('ACK');
  }
  third.answer(await third.takeRequest('INVITE'), 486, 'Busy Here');
  await app.takeSip('SIP/2.0 486');
  t.notOk(app.frames.some(({ text }) => text.startsWith('SIP/2.0 503')));

  // Nobody listens at the first port; the second is a peer's UDP port, which TCP does not know either.
  dns.zones['_sip._tcp.refused.example'] = {
    srv: [
      { priority: 1, port: 1, name: 'one.example' },
      { priority: 2, port: edge.port('carrier/tcp'), name: 'one.example' },
    ],
  };
  await app.ask('route|options');
  await app.ask('sip||\r\nOPTIONS sip:refused.example;transport=tcp SIP/2.0\r\n\r\n');
  const looped = await app.takeSip('OPTIONS');
  await app.ask(`sip|${looped.fields[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`);
  await app.takeSip('SIP/2.0 200');

  dns.zones['_sip._udp.down.example'] = {
    srv: [first, second].map(({ port }, index) => ({ priority: index, port, name: 'one.example' })),
  };
  await app.ask('sip||\r\nMESSAGE sip:down.example SIP/2.0\r\n\r\n');
  for (const peer of [first, second]) {
    peer.answer(await peer.takeRequest('MESSAGE'), 503, 'Service Unavailable');
  }
  t.equal((await app.takeSip('SIP/2.0 503')).fields[6], String(second.port), 'from the last');
});

t.test(
  'the silent server answers when all is over: it is acknowledged and hung up, for nobody talks to it',
  async (t) => {
    const { clock, edge, peers } = await bench(t, 2);
    const [silent, other] = peers as [SipPeer, SipPeer];
    const app = await (await edge.raw()).ready();
    await app.ask(`sip||\r\nINVITE sip:5550100@carrier.example SIP/2.0\r\n\r\n${SDP}`);
    const invite = await silent.takeRequest('INVITE');
    clock.advance(4_000);
    other.answer(await other.takeRequest('INVITE'), 503, 'Service Unavailable');
    await app.takeSip('SIP/2.0 503');
    silent.answer(invite, 200, 'OK', { headers: [['Contact', `<${silent.uri}>`]], body: SDP });
    await silent.takeRequest('ACK');
    silent.answer(await silent.takeRequest('BYE'), 200, 'OK');
    t.notOk(
      app.frames.some(({ text }) => text.startsWith('SIP/2.0 200')),
      'the application has its answer',
    );
  },
);

t.test('cancelled between two servers: nobody else is called', async (t) => {
  const { clock, edge, peers } = await bench(t, 2);
  const [silent, other] = peers as [SipPeer, SipPeer];
  const app = await (await edge.raw()).ready();
  const { fields } = await app.ask(`sip||\r\nINVITE sip:5550100@carrier.example SIP/2.0\r\n\r\n${SDP}`);
  const invite = await silent.takeRequest('INVITE');
  await app.ask(`sip|${fields[10]}|\r\nCANCEL sip:5550100@carrier.example SIP/2.0\r\n\r\n`);
  clock.advance(10_000);
  silent.answer(invite, 180, 'Ringing');
  await silent.takeRequest('CANCEL');
  silent.answer(invite, 503, 'Service Unavailable');
  await app.takeSip('SIP/2.0 503');
  t.same(other.lines, []);
});

t.test('RFC 3263 §4.1: NAPTR says TCP, and the Contact that goes out says so too', async (t) => {
  const { edge, dns } = await bench(t, 0);
  const far = await edgeBench();
  t.teardown(() => far[Symbol.asyncDispose]());
  const there = await (await far.raw()).ready('invite');
  dns.zones['naptr.example'] = {
    naptr: [{ service: 'SIP+D2T', replacement: 'by-tcp.example' }],
    addresses: ['192.0.2.1'],
  };
  dns.zones['by-tcp.example'] = { srv: [{ port: far.port('carrier/tcp'), name: 'one.example' }] };
  const app = await (await edge.raw()).ready();
  await app.ask(`sip||\r\nINVITE sip:5550100@naptr.example SIP/2.0\r\n\r\n${SDP}`);
  const invite = await there.takeSip('INVITE');
  t.equal(invite.fields[4], 'tcp');
  t.match(invite.text, new RegExp(`Contact: <sip:127\\.0\\.0\\.1:${edge.port('carrier/tcp')};transport=tcp>`));
  t.notOk(
    dns.asked.some((question) => question.includes('_sip._udp.naptr')),
    'what NAPTR has said is not asked for again',
  );
});

t.test(
  'a Record-Route by name: the requests of the dialog find its servers, and the second when the first is out',
  async (t) => {
    const { edge, peers, dns } = await bench(t, 3);
    const [callee, first, second] = peers as [SipPeer, SipPeer, SipPeer];
    dns.zones['_sip._udp.proxy.example'] = {
      srv: [first, second].map(({ port }, index) => ({ priority: index, port, name: 'one.example' })),
    };
    const srf = await edge.srf();
    const call = srf.createUAC(`sip:5550100@127.0.0.1:${callee.port}`, { localSdp: SDP }) as Promise<SrfDialog>;
    const headers = [
      ['Contact', `<${callee.uri}>`],
      ['Record-Route', '<sip:proxy.example;lr>'],
    ] as [string, string][];
    callee.answer(await callee.takeRequest('INVITE'), 200, 'OK', { headers, body: SDP });
    const ack = await first.takeRequest('ACK');
    t.equal(ack.headers.get('route'), '<sip:proxy.example;lr>');
    const ended = (await call).destroy();
    first.answer(await first.takeRequest('BYE'), 503, 'Service Unavailable');
    const bye = await second.takeRequest('BYE');
    t.equal(bye.uri, callee.uri);
    second.answer(bye, 200, 'OK');
    await ended;
  },
);

t.test('a proxied request goes to the next server too, and the caller hears of one search', async (t) => {
  const { edge, peers } = await bench(t, 3);
  const [first, second, caller] = peers as [SipPeer, SipPeer, SipPeer];
  const app = await (await edge.raw()).ready('invite');
  const invite = caller.request('INVITE', { body: SDP });
  caller.send(invite);
  const { fields } = await app.takeSip('INVITE');
  void app.ask(
    `proxy|${fields[8]}|remainInDialog|fullResponse||serial|||sip:5550100@carrier.example\r\nINVITE x SIP/2.0\r\n\r\n`,
  );
  first.answer(await first.takeRequest('INVITE'), 503, 'Service Unavailable');
  const seen = await second.takeRequest('INVITE');
  t.equal(tagOf(seen.headers.get('from')), tagOf(invite.headers.get('from')));
  second.answer(seen, 200, 'OK', { headers: [['Contact', `<${second.uri}>`]], body: SDP });
  await caller.takeResponse(200);
  t.notOk(caller.lines.includes('503 INVITE'));
});

t.test('names of the hosts file and localhost are known without DNS; what DNS said is kept for its time', async (t) => {
  const folder = t.testdir({});
  const hostsFile = join(folder, 'hosts');
  writeFileSync(hostsFile, '# ours\n127.0.0.1\tpbx.example gateway  # front desk\n::1 pbx.example\n');
  const dns = await DnsServer.start({ 'told.example': { addresses: ['127.0.0.1'], ttlSeconds: 5 } });
  const clock = new ManualClock();
  const edge = await edgeBench({ clock, resolver: systemResolver({ servers: [dns.place], hostsFile }) });
  const peer = await SipPeer.udp(edge.port('carrier/udp'));
  t.teardown(async () => {
    await peer[Symbol.asyncDispose]();
    await edge[Symbol.asyncDispose]();
    await dns[Symbol.asyncDispose]();
  });
  const app = await (await edge.raw()).ready();
  const reaches = async (name: string) => {
    await app.ask(`sip||\r\nOPTIONS sip:a@${name}:${peer.port} SIP/2.0\r\n\r\n`);
    peer.answer(await peer.takeRequest('OPTIONS'), 200, 'OK');
    await app.takeSip('SIP/2.0 200');
  };
  for (const name of ['localhost', 'PBX.example', 'gateway']) await reaches(name);
  t.same(dns.asked, []);
  await reaches('told.example');
  await reaches('Told.Example');
  t.same([...dns.asked].sort(), ['A told.example', 'AAAA told.example'], 'asked once');
  clock.advance(5_000);
  await reaches('told.example');
  t.equal(dns.asked.length, 4, 'and again when its time is over');
});
