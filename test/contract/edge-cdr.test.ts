// CDR frames: what drachtio-server tells of an answered, a refused and a given-up call, in and out.
import t, { type Test } from 'tap';
import { edgeBench, type RawApp } from '../support/edge-bench.ts';
import { SDP, SipPeer } from '../support/sip-peer.ts';

t.test('attempt, start and stop of each leg', async (t) => {
  await using edge = await edgeBench();
  const records = await (await edge.raw()).ready('cdr:attempt', 'cdr:start', 'cdr:stop');
  const app = await (await edge.raw()).ready('invite');
  await using peer = await SipPeer.udp(edge.port('carrier/udp'));
  const heard = (record: string, startsWith: string) => take(t, records, record, startsWith);

  const invite = peer.request('INVITE', { body: SDP });
  peer.send(invite);
  const first = await app.takeSip('INVITE');
  await heard('cdr:attempt|network', 'INVITE');
  await app.ask(`sip|${first.fields[8]}|\r\nSIP/2.0 200 OK\r\n\r\n${SDP}`);
  await heard('cdr:start|application|uas', 'SIP/2.0 200');
  const ok = await peer.takeResponse(200);
  peer.send(peer.within(invite, ok, 'ACK'));
  peer.send(peer.within(invite, ok, 'BYE'));
  await heard('cdr:stop|network|normal-release', 'BYE');

  peer.send(peer.request('INVITE', { body: SDP }));
  const second = await app.takeSip('INVITE');
  await heard('cdr:attempt|network', 'INVITE');
  await app.ask(`sip|${second.fields[8]}|\r\nSIP/2.0 486 Busy Here\r\n\r\n`);
  await heard('cdr:stop|application|call-rejected', 'SIP/2.0 486');

  const given = peer.request('INVITE', { body: SDP });
  peer.send(given);
  const third = await app.takeSip('INVITE');
  await heard('cdr:attempt|network', 'INVITE');
  await app.ask(`sip|${third.fields[8]}|\r\nSIP/2.0 180 Ringing\r\n\r\n`);
  peer.send({ ...given, method: 'CANCEL', headers: given.headers.with('CSeq', '1 CANCEL'), body: new Uint8Array() });
  await heard('cdr:stop|network|call-canceled', 'INVITE');

  await app.ask(`sip||\r\nINVITE sip:5550100@127.0.0.1:${peer.port} SIP/2.0\r\n\r\n${SDP}`);
  await heard('cdr:attempt|application', 'INVITE');
  peer.answer(await peer.takeRequest('INVITE'), 404, 'Not Found');
  await heard('cdr:stop|network|call-rejected', 'SIP/2.0 404');

  await app.ask(`sip||\r\nINVITE sip:5550100@127.0.0.1:${peer.port} SIP/2.0\r\n\r\n${SDP}`);
  await heard('cdr:attempt|application', 'INVITE');
  peer.answer(await peer.takeRequest('INVITE'), 200, 'OK', { headers: [['Contact', `<${peer.uri}>`]], body: SDP });
  await heard('cdr:start|network|uac', 'SIP/2.0 200');
  const dialogId = (await app.takeSip('SIP/2.0 200')).fields[9] ?? '';
  await app.ask(`sip||${dialogId}\r\nACK sip:x SIP/2.0\r\n\r\n`);
  await app.ask(`sip||${dialogId}\r\nBYE sip:x SIP/2.0\r\n\r\n`);
  await heard('cdr:stop|application|normal-release', 'BYE');
});

t.test('a proxied call has both legs on record', async (t) => {
  await using edge = await edgeBench();
  const records = await (await edge.raw()).ready('cdr:attempt', 'cdr:start', 'cdr:stop');
  const app = await (await edge.raw()).ready('invite');
  await using peer = await SipPeer.udp(edge.port('carrier/udp'));
  await using target = await SipPeer.udp(edge.port('carrier/udp'));
  const heard = (record: string, startsWith: string) => take(t, records, record, startsWith);
  const invite = peer.request('INVITE', { body: SDP });
  peer.send(invite);
  const { fields } = await app.takeSip('INVITE');
  await heard('cdr:attempt|network', 'INVITE');
  void app.ask(`proxy|${fields[8]}|remainInDialog|||serial|||${target.uri}\r\nINVITE x SIP/2.0\r\n\r\n`);
  const seen = await target.takeRequest('INVITE');
  await heard('cdr:attempt|application', 'INVITE');
  const route = ['Record-Route', seen.headers.get('record-route') ?? ''] as const;
  target.answer(seen, 200, 'OK', { headers: [['Contact', `<${target.uri}>`], [...route]], body: SDP });
  const ok = await peer.takeResponse(200);
  await heard('cdr:start|network|proxy-uac', 'SIP/2.0 200');
  await heard('cdr:start|application|proxy-uas', 'SIP/2.0 200');
  const through = { uri: target.uri, headers: [['Route', route[1]]] as const };
  peer.send(peer.within(invite, ok, 'ACK', through));
  await target.takeRequest('ACK');
  peer.send(peer.within(invite, ok, 'BYE', through));
  target.answer(await target.takeRequest('BYE'), 200, 'OK');
  await heard('cdr:stop|network|normal-release', 'BYE');
});

/** The next record, its time left out. */
async function take(t: Test, records: RawApp, record: string, startsWith: string): Promise<void> {
  const frame = await records.take(({ fields }) => fields[1]?.startsWith('cdr:') === true, record);
  const [, event, source, time, word] = frame.fields;
  t.equal([event, source, ...(word === undefined ? [] : [word])].join('|'), record);
  t.match(time, /^\d\d:\d\d:\d\d\.\d{6}$/);
  t.ok(frame.text.startsWith(startsWith), `${record} carries ${startsWith}`);
}
