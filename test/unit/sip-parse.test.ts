// Messages in and out: verbatim round trips, streams split anywhere, limits, and noise (RFC 3261 §7, §18.3, RFC 5626 §3.5.1).
import t from 'tap';
import { completeTopVia, parseCSeq, parseSeconds, parseVia, tagOf, topVia } from '../../src/protocol/sip/fields.ts';
import { findFlaw } from '../../src/protocol/sip/flaws.ts';
import { SipHeaders } from '../../src/protocol/sip/message.ts';
import { parseMessage, SipStreamReader, type StreamItem } from '../../src/protocol/sip/parse.ts';
import { serialise } from '../../src/protocol/sip/serialise.ts';
import { requestText } from '../support/sip-bench.ts';

const ODD = [
  'INVITE sip:5550100@clinic.example;x=1 SIP/2.0',
  'v:SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa , SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKb',
  'VIA  : SIP / 2.0 / TLS \t 192.0.2.3 : 5070 ;branch = z9hG4bKc',
  'f: "Renée ☎" <sip:a@x.example>\r\n\t;tag=1',
  't : <sip:b@x.example>',
  'i:c1',
  'cseq: 1\r\n  INVITE',
  'X-Empty:',
  'Subject:   spaces kept   ',
  'constructor: no prototype',
  'l: 4',
  '',
  'body',
].join('\r\n');

function parse(text: string | Uint8Array) {
  const message = parseMessage(Buffer.from(text));
  if ('fault' in message) throw new Error(message.fault);
  return message;
}

const faultOf = (text: string | Uint8Array): string | undefined => {
  const message = parseMessage(Buffer.from(text));
  return 'fault' in message ? message.fault : undefined;
};

t.test('a message that nobody changed goes out byte for byte as it came', async (t) => {
  for (const text of [
    ODD,
    requestText({ body: 'x' }),
    'SIP/2.0 200 \r\nContent-Length: 0\r\n\r\n',
    'SIP/2.0 180 Läutet\r\nl:0\r\n\r\n',
  ]) {
    t.equal(serialise(parse(text)).toString(), text);
  }
});

t.test('look-ups take any case and both forms; changing one line leaves the others as written', async (t) => {
  const message = parse(ODD);
  t.equal(message.headers.all('Via').length, 2);
  t.equal(message.headers.get('CALL-ID'), 'c1');
  t.equal(message.headers.get('constructor'), 'no prototype');
  t.equal(message.headers.get('to'), '<sip:b@x.example>');
  t.equal(tagOf(message.headers.get('from')), '1');
  const changed = serialise({ ...message, headers: message.headers.with('to', '<sip:b@x.example>;tag=2') }).toString();
  t.equal(changed, ODD.replace('t : <sip:b@x.example>', 't: <sip:b@x.example>;tag=2'));
  t.equal(message.headers.without('via').withFirst('x-empty', undefined).size, message.headers.size - 3);
});

t.test('Content-Length is always true on the wire', async (t) => {
  const headers = SipHeaders.of(['Content-Length', '99'], ['X-A', '1'], ['l', '98']);
  const text = serialise({ kind: 'response', status: 200, reason: 'OK', headers, body: Buffer.from('é') }).toString();
  t.equal(text, 'SIP/2.0 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\n\r\né');
  const bare = serialise({
    kind: 'request',
    method: 'OPTIONS',
    uri: 'sip:x',
    headers: SipHeaders.of(),
    body: Buffer.alloc(0),
  });
  t.equal(bare.toString(), 'OPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n');
});

t.test('RFC 3261 §18.3: in a datagram what follows the body is dropped, too little is a fault', async (t) => {
  const text = requestText({ body: 'abc' });
  t.equal(Buffer.from(parse(`${text}trailing`).body).toString(), 'abc');
  t.equal(
    Buffer.from(parse(text.replace('Content-Length: 3\r\n', '')).body).toString(),
    'abc',
    'without a length it is the rest',
  );
  t.equal(faultOf(text.slice(0, -1)), 'body-too-short');
  t.equal(parse(`\r\n\r\n${text}`).kind, 'request', 'RFC 3261 §7.5: line ends before a message');
});

t.test('each flaw has its word', async (t) => {
  const good = requestText();
  t.equal(faultOf(''), 'empty');
  t.equal(faultOf(good.replace('SIP/2.0\r\n', 'SIP/3.0\r\n')), 'bad-version');
  t.equal(faultOf(good.replace('OPTIONS sip', 'OPT(IONS sip')), 'bad-start-line');
  t.equal(faultOf(good.replace('Max-Forwards: 70', 'Max-Forwards 70')), 'bad-header-line');
  t.equal(faultOf(good.replace('Max-Forwards: 70', ': 70')), 'bad-header-line');
  t.equal(faultOf(good.replace('Content-Length: 0', 'Content-Length: -1')), 'bad-content-length');
  t.equal(faultOf(good.replace('Content-Length: 0', 'Content-Length: 0\r\nl: 1')), 'bad-content-length');
  t.equal(faultOf(good.replace('Content-Length: 0', 'X-A: 1\r\n'.repeat(300))), 'too-many-headers');
  t.equal(faultOf('x'.repeat(70_000)), 'message-too-large');
  t.equal(faultOf(Buffer.from(good.replace('Test', 'T\xe9st'), 'latin1')), 'not-utf8');
  t.equal(findFlaw(parse(good.replace('Call-ID: call-1@test.example\r\n', ''))), 'no-call-id');
  t.equal(findFlaw(parse(good.replace('CSeq: 1 OPTIONS', 'CSeq: 1 INVITE'))), 'cseq-mismatch');
  t.equal(findFlaw(parse(good)), undefined);
});

t.test('a stream split at any byte gives the same messages and pings', async (t) => {
  const stream = Buffer.from(
    `\r\n${ODD}\r\n\r\n${requestText({ body: 'x'.repeat(40) })}\r\n\r\nSIP/2.0 200 OK\r\nl: 0\r\n\r\n`,
  );
  const whole = new SipStreamReader().push(stream);
  t.strictSame(
    whole.map(({ item }) => item),
    ['message', 'ping', 'message', 'ping', 'message'],
  );
  const shape = (items: StreamItem[]) =>
    items.map((item) => (item.item === 'message' ? serialise(item.message).toString() : item.item));
  for (let at = 0; at <= stream.length; at++) {
    const reader = new SipStreamReader();
    const items = [...reader.push(stream.subarray(0, at)), ...reader.push(stream.subarray(at))];
    if (JSON.stringify(shape(items)) !== JSON.stringify(shape(whole))) t.fail(`split at ${at}`);
  }
  const bytewise = new SipStreamReader();
  t.strictSame(shape([...stream].flatMap((byte) => bytewise.push(Uint8Array.of(byte)))), shape(whole));
  t.equal(bytewise.isMidMessage, false);
});

t.test('a stream needs Content-Length, and ends at its first fault', async (t) => {
  const reader = new SipStreamReader();
  const text = requestText().replace('Content-Length: 0\r\n', '');
  const items = reader.push(Buffer.from(text + requestText()));
  t.match(items, [{ item: 'fault', fault: 'no-content-length', isFatal: true, request: { method: 'OPTIONS' } }]);
  t.equal(items.length, 1);
  t.strictSame(reader.push(Buffer.from(requestText())), []);
  const small = new SipStreamReader({ messageBytes: 100, headerCount: 10 });
  t.strictSame(small.push(Buffer.alloc(101, 'x')), [{ item: 'fault', fault: 'message-too-large', isFatal: true }]);
});

t.test('a broken message whose end is known is left out of a stream, and the next one is read', async (t) => {
  const latin = Buffer.from(requestText({ body: 'x' }).replace('Test', 'T\xe9st'), 'latin1');
  const colon = Buffer.from(requestText().replace('Max-Forwards:', 'Max Forwards'));
  const items = new SipStreamReader().push(Buffer.concat([latin, colon, Buffer.from(requestText())]));
  t.strictSame(
    items.map((item) => (item.item === 'fault' ? `${item.fault} ${item.isFatal}` : item.item)),
    ['not-utf8 false', 'bad-header-line false', 'message'],
  );
});

t.test('hostile shapes cost no more than their length', async (t) => {
  const spaces = ' '.repeat(15_000);
  const hostile = [
    requestText({ via: `SIP/2.0/UDP a;x="${','.repeat(30_000)}";branch=z9hG4bKa` }),
    requestText({ via: `SIP/2.0/UDP${spaces}a${spaces}\r\n ${spaces};rport${spaces};branch=z9hG4bKa` }),
    requestText({ cseq: `1${spaces}\r\n ${spaces}OPTIONS` }),
    requestText({ toTag: `${spaces}"<"${';'.repeat(20_000)}` }),
  ];
  const before = process.cpuUsage();
  for (const text of hostile) {
    const message = parse(text);
    findFlaw(message);
    tagOf(message.headers.get('to'));
    const via = topVia(message);
    if (via !== undefined && message.kind === 'request') completeTopVia(message, via, { host: '192.0.2.1', port: 1 });
  }
  new SipStreamReader().push(Buffer.from('\r\n\r\n'.repeat(16_000)));
  const { user } = process.cpuUsage(before);
  t.ok(user < 500_000, `all of them in half a second: ${user} µs`);
});

t.test('RFC 3261 §18.2.1, RFC 3581 §4: the top Via is completed, and nothing else is touched', async (t) => {
  const complete = (via: string, host = '192.0.2.9', port = 4444): string | undefined => {
    const message = parse(requestText({ via }));
    if (message.kind !== 'request') throw new Error('no request');
    return completeTopVia(message, topVia(message)!, { host, port }).headers.get('via');
  };
  t.equal(
    complete('SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa'),
    'SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa;rport=4444',
  );
  t.equal(
    complete('SIP/2.0/UDP a.example;rport;branch=x'),
    'SIP/2.0/UDP a.example;rport=4444;branch=x;received=192.0.2.9',
  );
  t.equal(complete('SIP/2.0/TCP 192.0.2.9;branch=x'), 'SIP/2.0/TCP 192.0.2.9;branch=x');
  t.equal(complete('SIP/2.0/TLS 192.0.2.9;branch=x;rport'), 'SIP/2.0/TLS 192.0.2.9;branch=x;rport=4444');
  t.equal(
    complete('SIP/2.0/TCP b.example;received=203.0.113.1;branch=x'),
    'SIP/2.0/TCP b.example;received=192.0.2.9;branch=x',
  );
  t.equal(
    complete('SIP/2.0/UDP 192.0.2.9;branch=a, SIP/2.0/UDP b'),
    'SIP/2.0/UDP 192.0.2.9;branch=a;rport=4444, SIP/2.0/UDP b',
  );
  t.equal(
    complete('SIP/2.0/UDP [2001:db8::1]:5;branch=a', '2001:db8::1'),
    'SIP/2.0/UDP [2001:db8::1]:5;branch=a;rport=4444',
  );
});

t.test('header fields: Via, CSeq, seconds', async (t) => {
  t.match(parseVia('SIP / 2.0 / udp [2001:db8::1] : 5070 ; branch = z9hG4bKx ;rport'), {
    transport: 'UDP',
    host: '2001:db8::1',
    port: 5070,
    rport: '',
  });
  for (const text of ['', 'SIP/2.0/UDP', 'SIP/2.0/UDP ', 'UDP x', 'SIP/2.0/UDP a b', 'SIP/2.0/UDP x:y'])
    t.equal(parseVia(text), undefined, text);
  t.strictSame(parseCSeq('4711 INVITE'), { number: 4711, method: 'INVITE' });
  for (const text of ['', 'INVITE', '1', '-1 INVITE', '2147483648 INVITE', '99999999999 X', '1 IN VITE'])
    t.equal(parseCSeq(text), undefined, text);
  t.equal(parseSeconds('3600'), 3600);
  for (const text of ['', '-1', '1.5', '4294967296', 'soon', undefined]) t.equal(parseSeconds(text), undefined);
});

t.test('noise: changed, cut and shuffled messages never throw, however they come', async (t) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  t.comment(`SEED=${seed}`);
  let state = seed + 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const interesting = Buffer.from('\r\n\r\n :;,<>"\\@%[]=\0\xff?/', 'latin1');
  let parsed = 0;
  for (let round = 0; round < 5_000; round++) {
    const bytes = Buffer.from(random(2) === 0 ? ODD : requestText({ body: 'v=0' }));
    for (let count = random(6); count >= 0; count--) {
      bytes[random(bytes.length)] = random(3) === 0 ? random(256) : (interesting[random(interesting.length)] ?? 0);
    }
    const input = random(4) === 0 ? bytes.subarray(random(20), bytes.length - random(20)) : bytes;
    const message = parseMessage(input);
    new SipStreamReader().push(input);
    if ('fault' in message) continue;
    parsed += 1;
    if (findFlaw(message) === undefined && message.kind === 'request') {
      completeTopVia(message, topVia(message)!, { host: '192.0.2.1', port: 1 });
    }
    if (serialise(message).length === 0) t.fail('a message came to nothing');
  }
  t.ok(parsed > 100, `${parsed} were still messages`);
});
