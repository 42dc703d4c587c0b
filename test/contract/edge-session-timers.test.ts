// Session timers (RFC 4028) at the edge, with time moved by hand: who refreshes, what a refusal does, how an abandoned call ends.
import t, { type Test } from 'tap';
import type { SipRequest, SipResponse } from '../../src/protocol/sip/message.ts';
import { edgeBench } from '../support/edge-bench.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';

type Pairs = ReadonlyArray<readonly [string, string]>;
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

async function bench(t: Test) {
  const clock = new ManualClock();
  const edge = await edgeBench({ clock });
  const app = await (await edge.raw()).ready('invite');
  const peer = await SipPeer.udp(edge.port('carrier/udp'));
  t.teardown(async () => {
    await peer[Symbol.asyncDispose]();
    await edge[Symbol.asyncDispose]();
  });
  return { clock, edge, app, peer };
}

/** A call from the peer, answered with `answer`'s headers. */
async function callIn(t: Test, offered: Pairs, answer = '') {
  const parts = await bench(t);
  const { app, peer } = parts;
  const invite = peer.request('INVITE', { body: SDP, cseq: 10, headers: offered });
  peer.send(invite);
  const { fields } = await app.takeSip('INVITE');
  await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 200 OK\r\n${answer}\r\n${SDP}`);
  const ok = await peer.takeResponse(200);
  peer.send(peer.within(invite, ok, 'ACK'));
  await app.takeSip('ACK');
  return { ...parts, invite, ok };
}

async function answerRefresh(peer: SipPeer, refresh: SipRequest, headers: [string, string][]): Promise<void> {
  peer.answer(refresh, 200, 'OK', { headers: [['Contact', `<${peer.uri}>`], ...headers], body: SDP });
  await peer.takeRequest('ACK');
  await turn();
}

t.test('we refresh at half time, again and again, and no application hears of it', async (t) => {
  const { clock, edge, app, peer } = await callIn(t, [['Session-Expires', '90;refresher=uas']]);
  const before = app.frames.length;
  for (let round = 0; round < 3; round++) {
    clock.advance(44_999);
    await turn();
    t.notOk(peer.lines.includes('INVITE') && round === 0, 'not before half time');
    clock.advance(1);
    const refresh = await peer.takeRequest('INVITE');
    t.equal(refresh.headers.get('session-expires'), '90;refresher=uac');
    t.equal(Buffer.from(refresh.body).toString(), SDP);
    await answerRefresh(peer, refresh, [['Session-Expires', '90;refresher=uac']]);
  }
  t.equal(app.frames.length, before);
  t.equal(edge.edge.status().dialogs, 1);
});

t.test('nobody answers our refresh: both sides hear a BYE', async (t) => {
  const { clock, app, peer, edge } = await callIn(t, [['Session-Expires', '90;refresher=uas']]);
  clock.advance(45_000);
  await peer.takeRequest('INVITE');
  await turn();
  clock.advance(32_000);
  t.match((await peer.takeRequest('BYE')).headers.get('reason'), 'Session timer expired');
  t.match((await app.takeSip('BYE')).fields[8], 'unsolicited');
  t.equal(edge.edge.status().dialogs, 0);
});

t.test('refusals of a refresh: 422 asks for longer, 491 waits, 488 is tried again, 481 ends the call', async (t) => {
  const { clock, peer, app } = await callIn(t, [['Session-Expires', '120;refresher=uas']]);
  clock.advance(60_000);
  const tooShort = await peer.takeRequest('INVITE');
  peer.answer(tooShort, 422, 'Session Interval Too Small', { headers: [['Min-SE', '600']] });
  await peer.takeRequest('ACK');
  await turn();
  clock.advance(0);
  const longer = await peer.takeRequest('INVITE');
  t.equal(longer.headers.get('session-expires'), '600;refresher=uac');
  peer.answer(longer, 491, 'Request Pending');
  await peer.takeRequest('ACK');
  await turn();
  clock.advance(1_000);
  const again = await peer.takeRequest('INVITE');
  peer.answer(again, 488, 'Not Acceptable Here');
  await peer.takeRequest('ACK');
  await turn();
  clock.advance(75_000);
  peer.answer(await peer.takeRequest('INVITE'), 481, 'Call Does Not Exist');
  await peer.takeRequest('BYE');
  t.equal((await app.takeSip('BYE')).fields[8], 'unsolicited');
});

t.test('the peer refreshes by re-INVITE or UPDATE, and the call lives on; it stops, and the call ends', async (t) => {
  const { clock, app, peer, invite, ok, edge } = await callIn(t, [
    ['Session-Expires', '90;refresher=uac'],
    ['Supported', 'timer'],
  ]);
  for (const [index, method] of ['UPDATE', 'INVITE'].entries()) {
    clock.advance(80_000);
    const headers = [['Session-Expires', '90;refresher=uac'] as const];
    peer.send(peer.within(invite, ok, method, { cseq: 11 + index, headers, body: SDP }));
    const { fields } = await app.takeSip(method);
    await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 200 OK\r\n\r\n${SDP}`);
    const answer: SipResponse = await peer.takeResponse(200, method);
    t.equal(answer.headers.get('session-expires'), '90;refresher=uac');
    if (method === 'INVITE') peer.send(peer.within(invite, answer, 'ACK', { cseq: 12 }));
  }
  await app.takeSip('ACK');
  clock.advance(89_999);
  t.equal(edge.edge.status().dialogs, 1);
  clock.advance(1);
  await peer.takeRequest('BYE');
  t.match((await app.takeSip('BYE')).text, 'Session timer expired');
});

t.test(
  'an interval below 90 s is refused, in a first INVITE too; an agreement ends with a 2xx that does not name it',
  async (t) => {
    const { clock, app, peer, invite, ok, edge } = await callIn(t, [['Session-Expires', '90;refresher=uac']]);
    const short = peer.request('INVITE', { body: SDP, headers: [['x', '30']] });
    peer.send(short);
    t.equal((await peer.takeResponse(422)).headers.get('min-se'), '90');
    peer.send(peer.within(invite, ok, 'INVITE', { cseq: 11, body: SDP }));
    const { fields } = await app.takeSip('INVITE');
    await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 200 OK\r\n\r\n${SDP}`);
    const answer = await peer.takeResponse(200);
    t.notOk(answer.headers.has('session-expires'), 'a peer that no longer supports timers');
    peer.send(peer.within(invite, answer, 'ACK', { cseq: 11 }));
    await app.takeSip('ACK');
    clock.advance(600_000);
    t.equal(edge.edge.status().dialogs, 1);
  },
);

t.test('a call out whose answer names us as refresher is refreshed with what we offered', async (t) => {
  const { clock, app, peer } = await bench(t);
  await app.ask(`sip||\r\nINVITE sip:5550100@127.0.0.1:${peer.port} SIP/2.0\r\nSession-Expires: 1800\r\n\r\n${SDP}`);
  const invite = await peer.takeRequest('INVITE');
  peer.answer(invite, 200, 'OK', {
    headers: [
      ['Contact', `<${peer.uri}>`],
      ['Session-Expires', '1800;refresher=uac'],
    ],
    body: SDP,
  });
  const { fields } = await app.takeSip('SIP/2.0 200');
  await app.ask(`sip||${fields[9]}\r\nACK sip:placeholder SIP/2.0\r\n\r\n`);
  await peer.takeRequest('ACK');
  clock.advance(900_000);
  const refresh = await peer.takeRequest('INVITE');
  t.equal(Buffer.from(refresh.body).toString(), SDP);
  await answerRefresh(peer, refresh, [['Session-Expires', '1800;refresher=uas']]);
  // Now it is theirs to refresh; an application's own re-INVITE says so.
  await app.ask(`sip||${fields[9]}\r\nINVITE sip:placeholder SIP/2.0\r\n\r\n${SDP}`);
  t.equal((await peer.takeRequest('INVITE')).headers.get('session-expires'), '1800;refresher=uas');
});
