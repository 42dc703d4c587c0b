// What becomes of headers that applications write, and of those that only our own processes may send.
import t from 'tap';
import {
  appHeaders,
  canonicalName,
  contentType,
  fillPlaceholder,
  withoutOurHeaders,
} from '../../src/engine/edge/headers.ts';
import { parseAppSip } from '../../src/protocol/drachtio-wire/app-message.ts';
import { SipHeaders, type SipRequest } from '../../src/protocol/sip/message.ts';

const UDP = { host: '192.0.2.1', port: 5060, transport: 'udp' } as const;
const TLS = { host: '192.0.2.1', port: 5061, transport: 'tls' } as const;

t.test('@localhost is our own address; name, parameters and tag stay', (t) => {
  for (const [key, value, expected] of [
    ['from', 'sip:1001@localhost', '<sip:1001@192.0.2.1:5060>'],
    ['from', '"Al" <sip:al@localhost>;tag=x', '"Al" <sip:al@192.0.2.1:5060>;tag=x'],
    ['from', 'sip:localhost', '<sip:192.0.2.1:5060>'],
    ['contact', '<sip:al@localhost:9999;ob>', '<sip:al@192.0.2.1:5060;ob>'],
    ['p-asserted-identity', '<sip:al@localhost>', '<sip:al@192.0.2.1:5060>'],
    ['diversion', '<sip:d@localhost>', '<sip:d@localhost>'],
    ['contact', '<sip:al@localhost.example>', '<sip:al@localhost.example>'],
  ] as const) {
    t.equal(fillPlaceholder(key, value, UDP), expected);
  }
  t.equal(fillPlaceholder('contact', 'sip:al@localhost', TLS), '<sip:al@192.0.2.1:5061;transport=tls>');
  t.end();
});

t.test('names are capitalised, X- names stay, and what the edge writes itself is dropped', (t) => {
  t.equal(canonicalName('foo-bar'), 'Foo-Bar');
  t.equal(canonicalName('call-id'), 'Call-ID');
  t.equal(canonicalName('x-lower'), 'x-lower');
  t.equal(canonicalName('www-authenticate'), 'WWW-Authenticate');
  const sip = parseAppSip(
    Buffer.from(
      'OPTIONS sip:a SIP/2.0\r\nVia: x\r\nRoute: x\r\nRSeq: 1\r\nRecord-Route: x\r\nl: 3\r\nto: y\r\nallow: BYE\r\n\r\n',
    ),
  );
  t.same(appHeaders(sip, new Set(['to']), UDP), [['Allow', 'BYE']]);
  t.end();
});

t.test('a body has a type: given, SDP by its look, or missing', (t) => {
  const typeOf = (head: string, body: string) =>
    contentType(parseAppSip(Buffer.from(`INFO sip:a SIP/2.0\r\n${head}\r\n${body}`)));
  t.same(typeOf('', 'v=0'), { type: 'application/sdp' });
  t.same(typeOf('c: text/plain\r\n', 'v=0'), { type: 'text/plain' });
  t.same(typeOf('', ''), { type: undefined });
  t.equal(typeOf('', 'hello'), 'missing');
  t.end();
});

t.test('X-Wardline headers from outside are taken away, in any case', (t) => {
  const request = (...pairs: Array<readonly [string, string]>): SipRequest => ({
    kind: 'request',
    method: 'OPTIONS',
    uri: 'sip:a@192.0.2.1',
    headers: SipHeaders.of(...pairs),
    body: new Uint8Array(0),
  });
  const cleaned = withoutOurHeaders(request(['X-Other', '1'], ['x-wardline-call', 'c'], ['X-WARDLINE-', 'd']));
  t.same(
    [...cleaned.headers].map(({ name }) => name),
    ['X-Other'],
  );
  t.end();
});
