// What a SIP trace may show: the protocol as it is, people as letters. What is not known to be harmless is left out.
import type { SipMessage } from '../../protocol/sip/message.ts';
import { formatHostPort, parseNameAddr, parseUri, splitList } from '../../protocol/sip/uri.ts';

const HIDDEN = '[masked]';
/** Different people that one trace tells apart; the rest are one. */
const MAX_PEOPLE = 500;

/** Shown as they are: they speak of the protocol alone. */
const SHOWN = new Set(
  ['via', 'cseq', 'max-forwards', 'content-length', 'content-type', 'expires', 'min-expires', 'supported', 'require']
    .concat(['allow', 'accept', 'event', 'allow-events', 'subscription-state', 'user-agent', 'server', 'rseq', 'rack'])
    .concat(['session-expires', 'min-se', 'retry-after', 'unsupported', 'proxy-require', 'call-id', 'date']),
);
const ADDRESSES = new Set(
  ['from', 'to', 'contact', 'route', 'record-route', 'path', 'refer-to', 'referred-by', 'p-asserted-identity'].concat([
    'p-preferred-identity',
    'diversion',
    'remote-party-id',
    'service-route',
  ]),
);
const SHOWN_PARAMS = new Set(['tag', 'expires', 'q', 'lr', 'transport', 'reg-id', 'ob', 'rport', 'received']);

/** The same letter for the same person through one trace. */
export class Mask {
  readonly #people = new Map<string, string>();

  person(user: string): string {
    const known = this.#people.get(user);
    if (known !== undefined) return known;
    if (this.#people.size >= MAX_PEOPLE) return 'person-other';
    const made = `person-${this.#people.size + 1}`;
    this.#people.set(user, made);
    return made;
  }

  uri(text: string): string {
    const uri = parseUri(text);
    if (uri === undefined) return HIDDEN;
    const user = uri.user === undefined ? '' : `${this.person(uri.user.toLowerCase())}@`;
    return `${uri.scheme}:${user}${place(uri.host, uri.port)}${shownParams(uri.params)}`;
  }

  address(value: string): string {
    if (value.trim() === '*') return '*';
    const address = parseNameAddr(value);
    return address === undefined ? HIDDEN : `<${this.uri(address.uriText)}>${shownParams(address.params)}`;
  }
}

export function maskedHeader(key: string, value: string, mask: Mask): string {
  const flat = value.replace(/\s+/g, ' ');
  if (SHOWN.has(key)) return key === 'call-id' ? flat.replace(/^[^@]*[0-9]{3,}[^@]*@/, (id) => idShown(id)) : flat;
  if (!ADDRESSES.has(key)) return HIDDEN;
  return splitList(flat)
    .map((each) => mask.address(each))
    .join(', ');
}

/** Of SDP the lines that say what is sent where; of anything else its size alone. */
export function maskedBody({ headers, body }: SipMessage): string[] {
  if (body.length === 0) return [];
  if (!/^application\/sdp\b/i.test(headers.get('content-type') ?? '')) return ['', `[${body.length} bytes]`];
  const lines = Buffer.from(body).toString('latin1').split(/\r?\n/);
  return ['', ...lines.filter((line) => /^[vctmab]=/.test(line)).map(maskedSdpLine)];
}

const SHOWN_ATTRIBUTES =
  /^a=(rtpmap|fmtp|ptime|maxptime|sendrecv|sendonly|recvonly|inactive|rtcp|rtcp-mux|setup|mid|group|rtcp-fb)\b/;

function maskedSdpLine(line: string): string {
  if (!line.startsWith('a=') || SHOWN_ATTRIBUTES.test(line)) return line;
  const suite = /^a=crypto:\d+ [A-Z0-9_]+/.exec(line)?.[0];
  return suite === undefined ? `${line.split(':')[0]}:${HIDDEN}` : `${suite} ${HIDDEN}`;
}

/** A Call-ID that is a number may be somebody's. */
function idShown(id: string): string {
  return /^\+?[0-9]+@$/.test(id) ? `${HIDDEN}@` : id;
}

function place(host: string, port: number | undefined): string {
  return port === undefined ? (host.includes(':') ? `[${host}]` : host) : formatHostPort(host, port);
}

function shownParams(params: Iterable<readonly [string, string | undefined]>): string {
  let text = '';
  for (const [name, value] of params) {
    if (SHOWN_PARAMS.has(name)) text += value === undefined || value === '' ? `;${name}` : `;${name}=${value}`;
  }
  return text;
}
