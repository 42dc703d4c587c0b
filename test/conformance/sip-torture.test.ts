// A first handful of the torture messages of RFC 4475, by section; the complete set is still to come.
import t from 'tap';
import { cseqOf, findFlaw, parseVia, tagOf, topVia } from '../../src/protocol/sip/fields.ts';
import { parseMessage } from '../../src/protocol/sip/parse.ts';
import { serialise } from '../../src/protocol/sip/serialise.ts';
import { parseNameAddr, parseUri, splitList } from '../../src/protocol/sip/uri.ts';

const text = (...lines: string[]): string => lines.join('\r\n');

function parse(wire: string) {
  const message = parseMessage(Buffer.from(wire));
  if ('fault' in message) throw new Error(message.fault);
  return message;
}

t.test('§3.1.1.1 wsinv: a short tortuous INVITE', async (t) => {
  const wire = text(
    'INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0',
    'TO :',
    ' sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n',
    'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>',
    '  ;',
    '  tag = 98asjd8',
    'MaX-fOrWaRdS: 0068',
    'Call-ID: wsinv.ndaksdj@192.0.2.1',
    'Content-Length   : 150',
    'cseq: 0009',
    '  INVITE',
    'Via  : SIP  /   2.0',
    ' /UDP',
    '    192.0.2.2;branch=390skdjuw',
    's :',
    'NewFangledHeader:   newfangled value',
    ' continued newfangled value',
    'UnknownHeaderWithUnusualValue: ;;,,;;,;',
    'Content-Type: application/sdp',
    'Route:',
    ' <sip:services.example.com;lr;unknownwith=value;unknown-no-value>',
    'v:  SIP  / 2.0  / TCP     spindle.example.com   ;',
    '  branch  =   z9hG4bK9ikj8  ,',
    ' SIP  /    2.0   / UDP  192.168.255.111   ; branch=',
    ' z9hG4bK30239',
    'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =',
    '      newvalue ;',
    '  secondparam ; q = 0.33',
    '',
    'v=0',
    'o=mhandley 29739 7272939 IN IP4 192.0.2.3',
    's=-',
    'c=IN IP4 192.0.2.4',
    't=0 0',
    'm=audio 49217 RTP/AVP 0 12',
    'm=video 3227 RTP/AVP 31',
    'a=rtpmap:31 LPC',
    '',
  );
  const message = parse(wire);
  t.equal(findFlaw(message), undefined);
  t.equal(serialise(message).toString(), wire);
  t.match(topVia(message), { transport: 'UDP', host: '192.0.2.2', branch: '390skdjuw' });
  t.strictSame(cseqOf(message), { number: 9, method: 'INVITE' });
  t.equal(tagOf(message.headers.get('to')), '1918181833n');
  t.match(parseNameAddr(message.headers.get('from') ?? ''), { displayName: 'J Rosenberg \\"', tag: '98asjd8' });
  const [, second = ''] = message.headers.all('via');
  t.strictSame(
    splitList(second).map((item) => parseVia(item)?.branch),
    ['z9hG4bK9ikj8', 'z9hG4bK30239'],
  );
  const contact = parseNameAddr(message.headers.get('contact') ?? '');
  t.strictSame(
    [...(contact?.params ?? [])],
    [
      ['newparam', 'newvalue'],
      ['secondparam', ''],
      ['q', '0.33'],
    ],
  );
});

t.test('§3.1.1.2 intmeth: the wide range of valid characters', async (t) => {
  const method = "!interesting-Method0123456789_*+`.%indeed'~";
  const uri =
    "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com";
  const wire = text(
    `${method} ${uri} SIP/2.0`,
    "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
    'To: "BEL:\\\u0007 NUL:\\\u0000 DEL:\\\u007f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*@example.com>',
    "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
    'Call-ID: intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{',
    `CSeq: 139122385 ${method}`,
    'Max-Forwards: 255',
    "extensionHeader-!.%*+_`~':\ufeff大停電",
    'Content-Length: 0',
    '',
    '',
  );
  const message = parse(wire);
  t.equal(findFlaw(message), undefined);
  t.equal(serialise(message).toString(), wire);
  t.match(parseUri(uri), { host: 'example.com', password: "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)" });
  t.equal(tagOf(message.headers.get('from')), "_token~1'+`*%!-.");
  t.match(parseNameAddr(message.headers.get('to') ?? ''), { displayName: 'BEL:\u0007 NUL:\u0000 DEL:\u007f' });
});

t.test('§3.1.1.13 and §3.1.1.14: reason phrases that are unusual or empty', async (t) => {
  t.match(parse('SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое\r\nl: 0\r\n\r\n'), {
    reason: '= 2**3 * 5**2 но сто девяносто девять - простое',
  });
  t.match(parse('SIP/2.0 100 \r\nl: 0\r\n\r\n'), { status: 100, reason: '' });
});

const COMMON = text(
  'Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKkdjuw',
  'To: <sip:j.user@example.com>',
  'From: <sip:caller@example.net>;tag=93942939o2',
  'Call-ID: torture.1@host.example.com',
  'Max-Forwards: 70',
);

/** What is wrong with a message of one flaw: the parser's word, or the transaction layer's. */
function flawOf(startLine: string, ...more: string[]): string | undefined {
  const message = parseMessage(Buffer.from(text(startLine, COMMON, ...more, '', '')));
  return 'fault' in message ? message.fault : findFlaw(message);
}

t.test('§3.1.2: one flaw each, each named', async (t) => {
  const length = 'Content-Length: 0';
  const cseq = 'CSeq: 8 INVITE';
  const line = 'INVITE sip:user@example.com SIP/2.0';
  t.equal(flawOf(line, cseq, length), undefined, 'the frame itself is sound');
  t.equal(flawOf(line, cseq, 'Content-Length: 9999'), 'body-too-short', '§3.1.2.2 clerr');
  t.equal(flawOf(line, cseq, 'Content-Length: -999'), 'bad-content-length', '§3.1.2.3 ncl');
  t.equal(
    flawOf('REGISTER sip:example.com SIP/2.0', 'CSeq: 36893488147419103232 REGISTER', length),
    'bad-cseq',
    '§3.1.2.4 scalar02',
  );
  t.equal(
    flawOf('SIP/2.0 503 Service Unavailable', 'CSeq: 9292394834772304023312 OPTIONS', length),
    'bad-cseq',
    '§3.1.2.5 scalarlg',
  );
  t.equal(flawOf('INVITE <sip:user@example.com> SIP/2.0', cseq, length), 'bad-start-line', '§3.1.2.7 ltgtruri');
  t.equal(flawOf('INVITE sip:user@example.com; lr SIP/2.0', cseq, length), 'bad-start-line', '§3.1.2.8 lwsruri');
  t.equal(flawOf('INVITE  sip:user@example.com  SIP/2.0', cseq, length), 'bad-start-line', '§3.1.2.9 lwsstart');
  t.equal(flawOf('OPTIONS sip:remote-target@example.com SIP/2.0  ', cseq, length), 'bad-start-line', '§3.1.2.10 trws');
  t.equal(flawOf('OPTIONS sip:t.watson@example.org SIP/7.0', cseq, length), 'bad-version', '§3.1.2.16 badvers');
  t.equal(flawOf('OPTIONS sip:user@example.com SIP/2.0', cseq, length), 'cseq-mismatch', '§3.1.2.17 mismatch01');
  t.equal(flawOf('NEWMETHOD sip:user@example.com SIP/2.0', cseq, length), 'cseq-mismatch', '§3.1.2.18 mismatch02');
  t.equal(flawOf('SIP/2.0 4294967301 better not break the receiver', cseq, length), 'bad-status', '§3.1.2.19 bigcode');
  t.equal(parseNameAddr('"Mr. J. User <sip:j.user@example.com>'), undefined, '§3.1.2.6 quotbal');
});
