// Time at the edge, moved by hand: an ACK that never comes, applications and peers that never answer, subscriptions that run out.
import { once } from 'node:events';
import t, { type Test } from 'tap';
import type { SrfDialog } from '../../src/pbx/leg/srf-types.ts';
import { edgeBench } from '../support/edge-bench.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';

async function bench(t: Test) {
  const clock = new ManualClock();
  const edge = await edgeBench({ clock });
  const peer = await SipPeer.udp(edge.port('carrier/udp'));
  t.teardown(async () => {
    await peer[Symbol.asyncDispose]();
    await edge[Symbol.asyncDispose]();
  });
  return { clock, edge, peer };
}

t.test('no ACK: the 200 is resent from T1 to T2, and after 32 s both sides hear a BYE', async (t) => {
  const { clock, edge, peer } = await bench(t);
  const srf = await edge.srf();
  const answered = Promise.withResolvers<SrfDialog>();
  srf.use('invite', (req, res) => void srf.createUAS(req, res, { localSdp: SDP }).then(answered.resolve));
  await edge.routed(['invite']);
  peer.send(peer.request('INVITE', { body: SDP }));
  await peer.takeResponse(200);
  const destroyed = once(await answered.promise, 'destroy');
  for (const afterMs of [500, 1_000, 2_000, 4_000, 4_000]) {
    clock.advance(afterMs - 1);
    const before = peer.lines.filter((line) => line === '200 INVITE').length;
    clock.advance(1);
    await peer.takeResponse(200);
    t.equal(peer.lines.filter((line) => line === '200 INVITE').length, before + 1);
  }
  clock.advance(32_000);
  const bye = await peer.takeRequest('BYE');
  t.match(bye.headers.get('reason'), 'SIP;cause=200;text="ACK timeout"');
  peer.answer(bye, 200, 'OK');
  const [byeToApplication] = (await destroyed) as [{ source: string; get(name: string): string | undefined }];
  t.equal(byeToApplication.source, 'application');
  t.match(byeToApplication.get('Reason'), 'ACK timeout');
  t.equal(edge.edge.status().dialogs, 0);
});

t.test('RFC 3261 §13.3.1.1: a call that rings on says so each minute, until it is answered', async (t) => {
  const { clock, edge, peer } = await bench(t);
  const app = await (await edge.raw()).ready('invite');
  peer.send(peer.request('INVITE', { body: SDP }));
  const { fields } = await app.takeSip('INVITE');
  await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 180 Ringing\r\n\r\n`);
  await peer.takeResponse(180);
  for (let minute = 0; minute < 3; minute++) {
    clock.advance(60_000);
    await peer.takeResponse(180);
  }
  await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 486 Busy Here\r\n\r\n`);
  await peer.takeResponse(486);
  clock.advance(10 * 60_000);
  t.equal(peer.lines.filter((line) => line === '180 INVITE').length, 4);
  t.equal(edge.edge.status().dialogs, 0);
});

t.test('the application never answers: the peer is told, and a late answer is refused', async (t) => {
  const { clock, edge, peer } = await bench(t);
  const app = await (await edge.raw()).ready('invite', 'options');
  peer.send(peer.request('OPTIONS'));
  const options = await app.takeSip('OPTIONS');
  peer.send(peer.request('INVITE', { body: SDP }));
  const invite = await app.takeSip('INVITE');
  clock.advance(32_000);
  await peer.takeResponse(500, 'OPTIONS');
  clock.advance(32_000);
  await peer.takeResponse(500, 'INVITE');
  for (const { fields } of [options, invite]) {
    const late = await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`);
    t.same(late.fields.slice(3), ['NOK', 'Response not sent due to unknown transaction']);
  }
  t.equal(edge.edge.status().pendingIn, 0);
});

t.test('the peer never answers: a 408 from nowhere', async (t) => {
  const { clock, edge, peer } = await bench(t);
  const app = await (await edge.raw()).ready();
  for (const method of ['OPTIONS', 'INVITE']) {
    await app.ask(`sip||\r\n${method} sip:5550100@127.0.0.1:${peer.port} SIP/2.0\r\n\r\n`);
    clock.advance(32_000);
    const frame = await app.takeSip('SIP/2.0 408');
    t.same([frame.fields[3], frame.fields[4], frame.fields[5], frame.fields[6]], ['0', 'udp', '', '0']);
    t.equal(frame.fields[9] === '', method === 'OPTIONS', 'an INVITE names its dialog');
  }
  t.equal(edge.edge.status().dialogs, 0);
  t.equal(edge.edge.status().pendingOut, 0);
});

t.test('a subscription that nobody ends does not stay for ever', async (t) => {
  const { clock, edge, peer } = await bench(t);
  const app = await (await edge.raw()).ready('subscribe');
  peer.send(
    peer.request('SUBSCRIBE', {
      headers: [
        ['Event', 'presence'],
        ['Expires', '60'],
      ],
    }),
  );
  const { fields } = await app.takeSip('SUBSCRIBE');
  await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 202 Accepted\r\nExpires: 60\r\n\r\n`);
  t.equal(edge.edge.status().dialogs, 1);
  clock.advance(60_000 + 64_000);
  t.equal(edge.edge.status().dialogs, 0);
});

t.test('a connection that does not authenticate is closed', async () => {
  const { clock, edge } = await bench(t);
  const app = await edge.raw();
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(10_000);
  await app.closed;
});
