// Seeded properties of messages: the same meaning in every legal spelling (RFC 3261 §7.3, §25.1), and forwarding that changes
// nothing but what it must (§16.6).
import t from 'tap';
import { completeTopVia, cseqOf, parseVia, tagOf, topVia } from '../../src/protocol/sip/fields.ts';
import { findFlaw } from '../../src/protocol/sip/flaws.ts';
import type { SipRequest } from '../../src/protocol/sip/message.ts';
import { parseMessage, SipStreamReader } from '../../src/protocol/sip/parse.ts';
import { serialise } from '../../src/protocol/sip/serialise.ts';
import { parseNameAddr, parseNameAddrList, parseUri, splitList } from '../../src/protocol/sip/uri.ts';
import { type Seeded, seeded } from '../support/seeded.ts';

const ROUNDS = 1_500;
const COMPACT: Readonly<Record<string, string>> = { Via: 'v', From: 'f', To: 't', 'Call-ID': 'i', Contact: 'm' };
const TOKEN = "abcXYZ019-.!%*_+`'~";
const USER_CHARS = 'az09-_.!~*\'()&=+$,;?/ @:%"<>#|ü☎';
const NAME_CHARS = 'Aa Zz,;:@<>()"\\é☎';
const WORD = 'aZ9-.!%*_+`\'~()<>:\\"/[]?{}';

/** What a message says, however it is spelled. */
interface Meaning {
  readonly method: string;
  readonly user: string;
  readonly vias: readonly { transport: string; host: string; port: number | undefined; branch: string }[];
  readonly from: Party;
  readonly to: Party;
  readonly contacts: readonly Party[];
  readonly callId: string;
  readonly cseq: number;
  readonly body: Buffer;
}

interface Party {
  readonly name: string | undefined;
  readonly user: string;
  readonly tag: string | undefined;
}

class Speller {
  readonly random: Seeded;

  constructor(random: Seeded) {
    this.random = random;
  }

  one<Value>(values: readonly Value[]): Value {
    const value = values[this.random.below(values.length)];
    if (value === undefined) throw new Error('nothing to choose from');
    return value;
  }

  maybe<Value>(value: Value): Value | undefined {
    return this.random.below(2) === 0 ? value : undefined;
  }

  text(chars: string, most: number): string {
    const all = [...chars];
    return Array.from({ length: 1 + this.random.below(most) }, () => this.one(all)).join('');
  }

  /** SWS: nothing, spaces, or a fold. */
  sws(): string {
    return this.one(['', '', '', ' ', '\t', '\r\n ', ' \r\n\t']);
  }

  lws(): string {
    return this.one([' ', '  ', '\t', '\r\n ', ' \r\n  ']);
  }

  case(text: string): string {
    return [...text].map((char) => (this.random.below(2) === 0 ? char.toUpperCase() : char.toLowerCase())).join('');
  }

  line(name: string, value: string): string {
    const short = COMPACT[name];
    const written = this.case(short !== undefined && this.random.below(3) === 0 ? short : name);
    return `${written}${this.one(['', '', ' ', '\t'])}:${this.sws()}${value}${this.one(['', '', ' '])}`;
  }

  params(params: readonly (readonly [string, string])[]): string {
    return params
      .map(([name, value]) => `${this.sws()};${this.sws()}${this.case(name)}${this.sws()}=${this.sws()}${value}`)
      .join('');
  }

  escaped(text: string): string {
    return [...text]
      .map((char) => {
        const mustBe = !/[\w\-.!~*'()&=+$,;?/]/.test(char);
        if (!mustBe && this.random.below(5) !== 0) return char;
        const hex = [...Buffer.from(char)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
        return this.random.below(2) === 0 ? hex.toUpperCase() : hex;
      })
      .join('');
  }

  party({ name, user, tag }: Party): string {
    const uri = `${this.case('sip')}:${this.escaped(user)}@clinic.example;X-P=1`;
    const quoted = name === undefined ? '' : `"${name.replace(/["\\]/g, '\\$&')}"${this.sws()}`;
    return `${quoted}<${uri}>${this.params(tag === undefined ? [] : [['tag', tag]])}`;
  }

  via({ transport, host, port, branch }: Meaning['vias'][number]): string {
    const slash = () => `${this.sws()}/${this.sws()}`;
    const place = port === undefined ? host : `${host}${this.sws()}:${this.sws()}${port}`;
    return `SIP${slash()}2.0${slash()}${transport}${this.lws()}${place}${this.params([['branch', branch]])}`;
  }
}

function invent(speller: Speller): Meaning {
  const { random } = speller;
  const party = (): Party => ({
    name: speller.maybe(speller.text(NAME_CHARS, 12).trim() || 'x'),
    user: speller.text(USER_CHARS, 10),
    tag: speller.text(TOKEN, 8),
  });
  const via = () => ({
    transport: speller.one(['UDP', 'TCP', 'TLS', 'WS']),
    host: speller.one(['192.0.2.7', 'host.example', '[2001:db8::7]']),
    port: speller.maybe(1 + random.below(65_535)),
    branch: `z9hG4bK${speller.text(TOKEN, 10)}`,
  });
  return {
    method: speller.one(['INVITE', 'OPTIONS', speller.text(TOKEN, 8)]),
    user: speller.text(USER_CHARS, 8),
    vias: Array.from({ length: 1 + random.below(4) }, via),
    from: party(),
    to: speller.one([party(), { ...party(), tag: undefined }]),
    contacts: Array.from({ length: random.below(4) }, () => ({ ...party(), tag: undefined })),
    callId: speller.text(WORD, 12),
    cseq: random.below(2 ** 31),
    body: Buffer.from(random.bytes(random.below(40))),
  };
}

/** The header lines, in any order, lists joined or not, with lines that nobody knows among them. */
function spell(meaning: Meaning, speller: Speller): Buffer {
  const lists = (name: string, values: readonly string[]): string[] =>
    speller.random.below(2) === 0
      ? values.map((value) => speller.line(name, value))
      : [speller.line(name, values.join(`${speller.sws()},${speller.sws()}`))];
  const groups = [
    lists(
      'Via',
      meaning.vias.map((via) => speller.via(via)),
    ),
    meaning.contacts.length === 0
      ? []
      : lists(
          'Contact',
          meaning.contacts.map((contact) => speller.party(contact)),
        ),
    [speller.line('From', speller.party(meaning.from))],
    [speller.line('To', speller.party(meaning.to))],
    [speller.line('Call-ID', meaning.callId)],
    [
      speller.line(
        'CSeq',
        `${'0'.repeat(speller.random.below(3))}${meaning.cseq}`.slice(-10) + speller.lws() + meaning.method,
      ),
    ],
    [speller.line('Max-Forwards', '70')],
    [speller.line('Content-Length', String(meaning.body.length))],
    [`X-${speller.text('aZ9-', 9)}:${speller.one(['', ' ;;,,;', ' "', ' é☎', '\r\n folded', ' a, b;c'])}`],
  ];
  const start = `${meaning.method} sip:${speller.escaped(meaning.user)}@clinic.example SIP/2.0`;
  const lines = [start, ...shuffled(groups, speller.random).flat()];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), meaning.body]);
}

function shuffled<Value>(values: readonly Value[], random: Seeded): Value[] {
  const left = [...values];
  return values.flatMap(() => left.splice(random.below(left.length), 1));
}

function read(request: SipRequest): Meaning {
  const partyOf = (address: ReturnType<typeof parseNameAddr>): Party => ({
    name: address?.displayName,
    user: address?.uri.user ?? '',
    tag: address?.tag,
  });
  const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host);
  const cseq = cseqOf(request);
  return {
    method: cseq?.method ?? '',
    user: parseUri(request.uri)?.user ?? '',
    vias: request.headers
      .all('via')
      .flatMap(splitList)
      .map(parseVia)
      .map((via) => ({
        transport: via?.transport ?? '',
        host: bracketed(via?.host ?? ''),
        port: via?.port,
        branch: via?.branch ?? '',
      })),
    from: partyOf(parseNameAddr(request.headers.get('from') ?? '')),
    to: partyOf(parseNameAddr(request.headers.get('to') ?? '')),
    contacts: parseNameAddrList(request.headers.all('contact')).map(partyOf),
    callId: request.headers.get('call-id') ?? '',
    cseq: cseq?.number ?? -1,
    body: Buffer.from(request.body),
  };
}

function parse(bytes: Buffer): SipRequest {
  const message = parseMessage(bytes);
  if ('fault' in message || message.kind !== 'request') throw new Error(`no request: ${bytes.toString('base64')}`);
  return message;
}

t.test(
  'folding, compact forms, case, escapes, lists and unknown headers change nothing of what is meant',
  async (t) => {
    const speller = new Speller(seeded());
    t.comment(`WARDLINE_SEED=${speller.random.seed}`);
    for (let round = 0; round < ROUNDS; round++) {
      const meaning = invent(speller);
      const bytes = spell(meaning, speller);
      const request = parse(bytes);
      const isSame = JSON.stringify(read(request)) === JSON.stringify(meaning);
      const flaw = findFlaw(request);
      const isFramed = new SipStreamReader().push(bytes)[0]?.item === 'message';
      const isVerbatim = serialise(request).equals(bytes);
      if (isSame && flaw === undefined && isFramed && isVerbatim) continue;
      t.strictSame(read(request), meaning, bytes.toString());
      t.equal(flaw, undefined, bytes.toString());
      t.ok(isFramed && isVerbatim, bytes.toString());
      break;
    }
    t.pass(`${ROUNDS} spellings`);
  },
);

t.test('a message that is forwarded is changed nowhere but where it must be', async (t) => {
  const speller = new Speller(seeded());
  t.comment(`WARDLINE_SEED=${speller.random.seed}`);
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = spell(invent(speller), speller);
    const request = parse(bytes);
    const headers = request.headers.with('Max-Forwards', '69').prepend('Via', 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKn');
    const sent = linesOf(serialise({ ...request, headers }));
    const came = linesOf(bytes);
    const changed = came.filter((line) => !sent.includes(line));
    const added = sent.filter((line) => !came.includes(line));
    t.equal(changed.length, 1, 'one line of what came is changed');
    t.match(changed[0], /^max-forwards/i);
    t.equal(added.length, 2, 'the Via of ours and the new Max-Forwards');
    t.strictSame(
      sent.filter((line) => came.includes(line)),
      came.filter((line) => sent.includes(line)),
      'the order stays',
    );
    if (!t.passing()) break;
  }
});

t.test('RFC 3581 §4: what the way back adds to the top Via touches nothing else', async (t) => {
  const speller = new Speller(seeded());
  t.comment(`WARDLINE_SEED=${speller.random.seed}`);
  for (let round = 0; round < ROUNDS; round++) {
    const meaning = invent(speller);
    const request = parse(spell(meaning, speller));
    const via = topVia(request);
    if (via === undefined) throw new Error('no Via');
    const completed = completeTopVia(request, via, { host: '198.51.100.9', port: 4_444 });
    t.match(topVia(completed), { received: '198.51.100.9', branch: via.branch, host: via.host });
    if (via.transport === 'UDP') t.equal(topVia(completed)?.rport, '4444');
    t.strictSame(read(completed), meaning);
    t.equal(tagOf(completed.headers.get('from')), meaning.from.tag);
    if (!t.passing()) break;
  }
});

/** Header lines with their folds, and the body as the last. */
function linesOf(bytes: Buffer): string[] {
  return bytes.toString('latin1').split(/\r\n(?![ \t])/);
}
