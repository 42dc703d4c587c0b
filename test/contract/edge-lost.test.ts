// What goes missing at the edge: an answer that comes after its time, and a call whose connection has gone.
import t from 'tap';
import { edgeBench } from '../support/edge-bench.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';

t.test('RFC 3261 §13.2.2.4: an answer after the time-out is acknowledged and hung up, once', async (t) => {
  const clock = new ManualClock();
  await using edge = await edgeBench({ clock });
  const app = await (await edge.raw()).ready();
  await using peer = await SipPeer.udp(edge.port('carrier/udp'));
  await app.ask(`sip||\r\nINVITE sip:5550100@127.0.0.1:${peer.port} SIP/2.0\r\n\r\n${SDP}`);
  const invite = await peer.takeRequest('INVITE');
  clock.advance(32_000);
  await app.takeSip('SIP/2.0 408');
  const headers: [string, string][] = [['Contact', `<${peer.uri}>`]];
  peer.answer(invite, 200, 'OK', { tag: 'late', headers, body: SDP });
  const ack = await peer.takeRequest('ACK');
  t.match(ack.headers.get('to'), ';tag=late');
  peer.answer(await peer.takeRequest('BYE'), 200, 'OK');
  peer.answer(invite, 200, 'OK', { tag: 'late', headers, body: SDP });
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(peer.lines.filter((line) => line === 'BYE').length, 1);
  t.notOk(
    app.frames.some(({ text }) => text.startsWith('SIP/2.0 200')),
    'the application has its 408',
  );
  t.equal(edge.edge.status().dialogs, 0);
});

t.test(
  'the peer is gone with its connection: a request in the call gets 503 at once, and the call is over',
  async (t) => {
    await using edge = await edgeBench();
    const app = await (await edge.raw()).ready('invite');
    const peer = await SipPeer.tcp(edge.port('carrier/tcp'));
    const invite = peer.request('INVITE', { body: SDP });
    peer.send(invite);
    const { fields } = await app.takeSip('INVITE');
    const echo = await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 200 OK\r\n\r\n${SDP}`);
    peer.send(peer.within(invite, await peer.takeResponse(200), 'ACK'));
    await app.takeSip('ACK');
    await peer[Symbol.asyncDispose]();
    const dialogId = echo.fields[11] ?? '';
    await app.ask(`sip||${dialogId}\r\nINFO sip:placeholder SIP/2.0\r\n\r\n`);
    const failed = await app.takeSip('SIP/2.0 503');
    t.equal(failed.fields[9], dialogId);
    await app.ask(`sip||${dialogId}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`);
    await app.takeSip('SIP/2.0 503');
    t.equal(edge.edge.status().dialogs, 0);
  },
);
