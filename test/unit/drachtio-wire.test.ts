// The codec of drachtio's application wire, against frames as drachtio-srf 5.0.29 and drachtio-server v0.9.10 write them.
import { Buffer } from 'node:buffer';
import t from 'tap';
import { parseAppMessage } from '../../src/protocol/drachtio-wire/app-message.ts';
import { encodeFrame, FrameReader } from '../../src/protocol/drachtio-wire/frame.ts';
import { requestEcho, responseEcho, sipLeader, timeOfDay } from '../../src/protocol/drachtio-wire/leader.ts';

const META = {
  protocol: 'udp',
  address: '127.0.0.1',
  port: 17070,
  bytes: 592,
  atMs: Date.UTC(2026, 0, 5, 22, 27, 41, 625),
};

t.test('frames split at every byte and coalesced come out the same', (t) => {
  const frames = [
    encodeFrame('a|ping'),
    encodeFrame('b|sip|x|', Buffer.from('SIP/2.0 200 OK\r\n\r\nné')),
    encodeFrame('c|ping'),
  ];
  const stream = Buffer.concat(frames);
  const expected = ['a|ping', 'b|sip|x|\r\nSIP/2.0 200 OK\r\n\r\nné', 'c|ping'];
  for (let cut = 0; cut <= stream.length; cut++) {
    const reader = new FrameReader();
    const got = [...reader.push(stream.subarray(0, cut)).payloads, ...reader.push(stream.subarray(cut)).payloads];
    t.same(got.map(String), expected, `cut at ${cut}`);
  }
  const reader = new FrameReader();
  const got = [...stream].flatMap((byte) => reader.push(Uint8Array.of(byte)).payloads.map(String));
  t.same(got, expected, 'one byte at a time');
  t.end();
});

t.test('the length counts bytes, not characters', (t) => {
  t.equal(encodeFrame('ü').toString(), '2#ü');
  t.same(new FrameReader().push(Buffer.from('2#ü')).payloads.map(String), ['ü']);
  t.end();
});

t.test('leading zeros and frames far above 12 kB are taken', (t) => {
  t.same(new FrameReader().push(Buffer.from('0006#a|ping')).payloads.map(String), ['a|ping']);
  const big = 'x'.repeat(600_000);
  t.equal(new FrameReader().push(encodeFrame('a|sip||', Buffer.from(big))).payloads[0]?.length, 600_000 + 9);
  t.end();
});

t.test('a broken length is a fault, and nothing comes after it', (t) => {
  for (const [text, fault] of [
    ['x#', 'bad-length'],
    ['#a', 'bad-length'],
    ['123456789#', 'bad-length'],
    ['9999999#', 'frame-too-large'],
  ] as const) {
    const reader = new FrameReader();
    t.equal(reader.push(Buffer.from(text)).fault, fault, text);
    t.same(reader.push(Buffer.from('6#a|ping')).payloads, []);
  }
  t.end();
});

t.test('an empty frame is a message without a type', (t) => {
  t.match(parseAppMessage(new FrameReader().push(Buffer.from('0#')).payloads[0] ?? Buffer.alloc(0)), { type: 'fault' });
  t.end();
});

t.test('what applications say', (t) => {
  const parse = (text: string) => parseAppMessage(Buffer.from(text));
  t.same(parse('1|authenticate|cymru|'), { type: 'authenticate', id: '1', secret: 'cymru', tags: [] });
  t.same(parse('1|authenticate|cymru|a,b'), { type: 'authenticate', id: '1', secret: 'cymru', tags: ['a', 'b'] });
  t.same(parse('2|route|INVITE'), { type: 'route', id: '2', verb: 'invite' });
  t.same(parse('3|ping'), { type: 'ping', id: '3' });
  t.match(parse('hello'), { type: 'fault', id: 'hello', text: 'Invalid message format' });
  t.match(parse('4|noop'), { type: 'fault', id: '4', text: 'Unknown message type' });
  t.match(parse('4|proxy|x'), { type: 'fault', text: 'Invalid proxy request: not enough information provided' });
  t.match(parse('5|sip||\r\nSIP/2.0 200 OK\r\n\r\n'), { type: 'fault', text: 'transaction id missing' });
  t.match(parse('5|sip'), { type: 'fault' });
  t.end();
});

t.test('SIP from an application: the body is what follows the blank line, whatever Content-Length says', (t) => {
  const text =
    '6|sip|||sip:127.0.0.1:17080\r\nINVITE sip:b@127.0.0.1 SIP/2.0\r\nfrom: <sip:a@localhost>\r\nnot a header\r\nContent-Length: 3\r\n\r\nv=0 né';
  const message = parseAppMessage(Buffer.from(text));
  if (message.type !== 'sip') throw new Error('no sip');
  t.equal(message.routeUrl, 'sip:127.0.0.1:17080');
  t.same(message.sip.headers, [
    ['from', '<sip:a@localhost>'],
    ['Content-Length', '3'],
  ]);
  t.equal(Buffer.from(message.sip.body).toString(), 'v=0 né');
  t.end();
});

t.test('leaders have the fields that the traces show', (t) => {
  t.equal(
    sipLeader('i', 'network', META, 'txn', '', { host: '127.0.0.1', port: 5060 }),
    'i|sip|network|592|udp|127.0.0.1|17070|22:27:41.625000|txn||127.0.0.1|5060|',
  );
  t.equal(
    sipLeader('i', 'network', META, 'txn', 'dlg'),
    'i|sip|network|592|udp|127.0.0.1|17070|22:27:41.625000|txn|dlg|',
  );
  t.equal(
    requestEcho('i', 'r', META, 'txn'),
    'i|response|r|OK|application|592|udp|127.0.0.1|17070|22:27:41.625000|txn|Msg sent:|',
  );
  t.equal(
    responseEcho('i', 'r', META, 'txn', 'dlg'),
    'i|response|r|OK|application|592|udp|127.0.0.1|17070|22:27:41.625000|txn|dlg||Msg sent:|',
  );
  t.equal(timeOfDay(0), '00:00:00.000000');
  t.end();
});
