// The trace that an admin switches on: one person's messages, in and out, with nothing in them that tells who they are.
import t from 'tap';
import { edgeBench } from '../support/edge-bench.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SipPeer } from '../support/sip-peer.ts';

const SECRET_SDP = [
  'v=0',
  'o=1001 1 1 IN IP4 127.0.0.1',
  's=Pat Doe',
  'c=IN IP4 127.0.0.1',
  't=0 0',
  'm=audio 40000 RTP/SAVP 0',
  'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0LWtleS1tYXRlcmlhbC1mb3ItdGVzdHM=',
  'a=ice-pwd:verysecret',
  'a=sendrecv',
  '',
].join('\r\n');

t.test('names, numbers, keys and credentials are masked; the protocol is there', async (t) => {
  const clock = new ManualClock();
  await using edge = await edgeBench({ clock });
  const app = await (await edge.raw()).ready('invite', 'message');
  await using peer = await SipPeer.udp(edge.port('carrier/udp'));
  const lines: string[] = [];
  let ends = 0;
  edge.edge.trace(
    '5550123',
    60,
    (line) => lines.push(line),
    () => ends++,
  );
  const invite = peer.request('INVITE', {
    uri: `sip:5550199@127.0.0.1:${edge.port('carrier/udp')}`,
    contact: `<sip:5550123@127.0.0.1:${peer.port};x-name=PatDoe>`,
    headers: [
      ['Authorization', 'Digest username="5550123", response="0badc0de"'],
      ['P-Asserted-Identity', '"Pat Doe" <tel:+12025550123>'],
      ['Subject', 'Results for Pat Doe'],
      ['X-Note', 'Pat Doe'],
      ['User-Agent', 'Example Phone 1.0'],
    ],
    body: SECRET_SDP,
  });
  peer.send(invite);
  const { fields } = await app.takeSip('INVITE');
  await app.ask(`sip|${fields[8]}|\r\nSIP/2.0 486 Busy Here, Pat Doe\r\n\r\n`);
  await peer.takeResponse(486);
  peer.send(peer.request('MESSAGE'));
  await app.takeSip('MESSAGE');
  const text = lines.join('\n');
  for (const secret of [
    'Pat',
    'Doe',
    '5550123',
    '5550199',
    '0badc0de',
    'c2VjcmV0',
    'verysecret',
    'Results',
    'Test Person',
  ])
    t.notMatch(text, secret);
  for (const shown of [
    /<- udp/,
    /-> udp/,
    /^INVITE sip:person-\d@127/m,
    /^SIP\/2\.0 486$/m,
    /AES_CM_128_HMAC_SHA1_80/,
    /Example Phone/,
  ])
    t.match(text, shown);
  t.notMatch(text, 'MESSAGE', 'whom it is not of');
  clock.advance(60_000);
  t.equal(ends, 1);
  const before = lines.length;
  peer.send({ ...invite, headers: invite.headers.with('Call-ID', 'other') });
  await app.takeSip('INVITE');
  t.equal(lines.length, before);
});

t.test('a few at once, and no more', async (t) => {
  await using edge = await edgeBench();
  if (edge.has('inside-unseen')) return;
  const traces = Array.from({ length: 4 }, () =>
    edge.edge.trace(
      'sip:a@b.example',
      10,
      () => {},
      () => {},
    ),
  );
  t.throws(
    () =>
      edge.edge.trace(
        'b',
        10,
        () => {},
        () => {},
      ),
    { code: 'too-many-traces' },
  );
  for (const trace of traces) trace[Symbol.dispose]();
});
