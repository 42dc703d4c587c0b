// Whatever a client of the event socket or a SIP peer sends, the media server goes on: seeded commands, arguments and bytes.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { mediaBench, SECRET } from '../support/media-bench.ts';
import { seeded } from '../support/seeded.ts';

// Digits are left out: while some are being sent, nothing else is. So is a transfer to an application that nobody knows, which ends a call.
const VERBS = ['api', 'bgapi', 'sendmsg', 'event', 'filter', 'nixevent', 'noevents', 'myevents', 'linger', 'connect'];
const APIS = [
  'uuid_dump',
  'uuid_setvar',
  'uuid_getvar',
  'uuid_record',
  'uuid_bridge',
  'uuid_transfer',
  'uuid_break',
].concat(['uuid_recv_dtmf', 'show', 'status', 'sofia', 'conference', 'uuid_set_media_stats']);
const APPS = [
  'set',
  'multiset',
  'playback',
  'play_and_get_digits',
  'record_session',
  'stop_record_session',
  'unset',
].concat(['set_mute', 'sleep', 'export', 'speak', 'endless_playback']);
const WORDS = [
  'start',
  'stop',
  'all',
  'park inline',
  '-both',
  '1',
  '-1',
  '99999999999',
  '%',
  '%E4',
  `$${'{uuid}'}`,
  '${',
  '{a=b',
].concat([
  '^^|a=b|c',
  'tone_stream://%(,,)',
  'silence_stream://x',
  "'",
  '((',
  '/',
  '../..',
  '\u00fc\u{1f4de}',
  '=',
  '@@',
  '#',
]);

t.test('two thousand random commands on a live call: each is answered once, the call can still be used', async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  await using bench = await mediaBench();
  const { phone, endpoint } = await bench.call();
  const socket = connect(bench.server.eventSocket.port, '127.0.0.1');
  let heard = '';
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString();
  });
  const pick = (list: readonly string[]) => list[random.below(list.length)] ?? '';
  const words = () => Array.from({ length: random.below(5) }, () => pick(WORDS)).join(' ');
  socket.write(`auth ${SECRET}\n\n`);
  for (let i = 0; i < 2000; i++) {
    const verb = pick(VERBS);
    const who = random.below(4) === 0 ? pick(WORDS) : endpoint.uuid;
    if (verb === 'sendmsg') {
      const app = `execute-app-name: ${pick(APPS)}\nexecute-app-arg: ${words()}`;
      socket.write(`sendmsg ${who}\ncall-command: execute\n${app}\nEvent-UUID: ${i}\n\n`);
    } else if (verb.endsWith('api')) socket.write(`${verb} ${pick(APIS)} ${who} ${words()}\n\n`);
    else socket.write(`${verb} ${words()}\n\n`);
    if (i % 100 === 0) await phone.wait(20);
  }
  socket.write('api version\n\n');
  while (!heard.includes('FreeSWITCH Version')) await once(socket, 'data');
  const replies = heard.match(/Content-Type: (?:command\/reply|api\/response)/g)?.length;
  t.equal(replies, 2002);
  socket.destroy();
  t.equal(bench.server.status().calls, 1);
  await endpoint.api('uuid_break', `${endpoint.uuid} all`);
  await endpoint.set('playback_terminators', 'none');
  await endpoint.set('playback_timeout_sec', '');
  await endpoint.execute('set_mute', 'read false');
  const playing = endpoint.play('tone_stream://%(1000,0,440)');
  await phone.wait(400);
  t.equal(await phone.hearing(440), 440);
  await endpoint.api('uuid_break', endpoint.uuid);
  await playing;
});

t.test('noise on the SIP port and half a dialog leave nothing behind', async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  await using bench = await mediaBench();
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = bench.server.sip;
  const invite = [
    'INVITE sip:x@127.0.0.1 SIP/2.0',
    `Via: SIP/2.0/UDP 127.0.0.1:${socket.address().port};branch=z9hG4bKBRANCH`,
    'From: <sip:a@127.0.0.1>;tag=1',
    'To: <sip:x@127.0.0.1>',
    'Call-ID: BRANCH',
    'CSeq: 1 INVITE',
    'X-esl-outbound: 127.0.0.1:9',
    'Content-Type: application/sdp',
    '',
    'v=0\r\nm=audio 0 RTP/AVP 0\r\n',
  ].join('\r\n');
  for (let i = 0; i < 200; i++) {
    const text = Buffer.from(invite.replaceAll('BRANCH', `b${i}`));
    for (let flips = random.below(4); flips > 0; flips--) text[random.below(text.length)] = random.below(256);
    socket.send(random.below(5) === 0 ? random.bytes(random.below(300)) : text, port, '127.0.0.1');
  }
  const { phone, endpoint } = await bench.call();
  await phone.wait(200);
  t.equal(bench.server.status().calls, 1, 'no refused offer stayed as a call');
  await endpoint.destroy();
  socket.close();
});
