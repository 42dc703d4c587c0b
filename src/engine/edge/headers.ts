// What becomes of the headers that an application writes: drachtio-server's rules (some dropped, `@localhost` filled in).
import type { AppHeader, AppSip } from '../../protocol/drachtio-wire/app-message.ts';
import { headerKey, SipHeaders, type SipMessage, type SipRequest } from '../../protocol/sip/message.ts';
import { formatHostPort } from '../../protocol/sip/uri.ts';
import type { SipTransport } from '../runtime/sip-stack.ts';

/** Our own address toward a peer, as it stands in Contact and replaces `@localhost`. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly transport: SipTransport;
  readonly isSecureScheme?: boolean;
}

/** The edge writes these itself, whatever an application says. */
const DROPPED = new Set(['via', 'route', 'rseq', 'record-route', 'content-length']);

/** Spellings that capitals after each hyphen do not give, and those that nearly every message needs. */
const SPELLINGS: ReadonlyMap<string, string> = new Map(
  ['Call-ID', 'CSeq', 'MIME-Version', 'WWW-Authenticate', 'RAck', 'RSeq', 'SIP-ETag', 'SIP-If-Match', 'Min-SE']
    .concat(['Content-ID', 'P-DCS-LAES', 'Alert-Info', 'Contact', 'Expires', 'Date', 'Allow', 'Supported', 'Require'])
    .concat(['User-Agent', 'Server', 'Content-Type', 'Max-Forwards', 'From', 'To'])
    .map((name) => [name.toLowerCase(), name]),
);

export function findHeader(sip: AppSip, name: string): string | undefined {
  return sip.headers.find(([other]) => headerKey(other) === name)?.[1];
}

/** `foo-bar` → `Foo-Bar`; `X-…` stays as written. */
export function canonicalName(name: string): string {
  if (isExtension(name)) return name;
  const key = headerKey(name);
  return (
    SPELLINGS.get(key) ?? key.replace(/(^|-)([a-z])/g, (_, hyphen: string, char: string) => hyphen + char.toUpperCase())
  );
}

function isExtension(name: string): boolean {
  return (name[0] === 'x' || name[0] === 'X') && name[1] === '-';
}

/** The application's headers for the wire, without those in `taken`, which the caller writes. */
export function appHeaders(sip: AppSip, taken: ReadonlySet<string>, place: Place): AppHeader[] {
  const headers: AppHeader[] = [];
  for (const [name, value] of sip.headers) {
    const key = headerKey(name);
    if (!DROPPED.has(key) && !taken.has(key)) headers.push([canonicalName(name), fillPlaceholder(key, value, place)]);
  }
  return headers;
}

/** `sip:host:port` of ours, with the transport when it is not UDP. */
export function contactUri({ host, port, transport, isSecureScheme = false }: Place): string {
  const scheme = isSecureScheme ? 'sips' : 'sip';
  return `${scheme}:${formatHostPort(host, port)}${transport === 'udp' ? '' : `;transport=${transportParam(transport)}`}`;
}

/** RFC 7118 §5.2: a WebSocket over TLS is `ws` in a URI too. */
function transportParam(transport: SipTransport): string {
  return transport === 'wss' ? 'ws' : transport;
}

/** `@localhost` stands for the address that the message leaves by, in these headers. */
export function fillPlaceholder(key: string, value: string, place: Place): string {
  if (key !== 'from' && key !== 'to' && key !== 'contact' && key !== 'p-asserted-identity') return value;
  const pattern = key === 'from' ? /(@|sips?:)localhost(?::\d+)?(?![\w.-])/i : /(@)localhost(?::\d+)?(?![\w.-])/i;
  if (!pattern.test(value)) return value;
  const filled = inBrackets(value).replace(pattern, `$1${formatHostPort(place.host, place.port)}`);
  const needsTransport = key === 'contact' && place.transport !== 'udp' && !/;transport=/i.test(filled);
  return needsTransport ? filled.replace('>', `;transport=${transportParam(place.transport)}>`) : filled;
}

/** `sip:a@b;tag=1` → `<sip:a@b>;tag=1`: parameters outside brackets belong to the header (RFC 3261 §20.10). */
export function inBrackets(value: string): string {
  if (value.includes('<')) return value;
  const semicolon = value.indexOf(';');
  return semicolon < 0 ? `<${value}>` : `<${value.slice(0, semicolon)}>${value.slice(semicolon)}`;
}

/** Content-Type for a body: as given, `application/sdp` when it begins like SDP, or `missing`. */
export function contentType(sip: AppSip): { readonly type: string | undefined } | 'missing' {
  const given = findHeader(sip, 'content-type');
  if (sip.body.length === 0 || given !== undefined) return { type: given };
  const isSdp = sip.body[0] === 0x76 && sip.body[1] === 0x3d && sip.body[2] === 0x30;
  return isSdp ? { type: 'application/sdp' } : 'missing';
}

const OURS = 'x-wardline-';

/** Who a verified client certificate stands for; an application may go by it, for what comes from outside under that name is removed. */
export function withClientSubject(request: SipRequest, subject: string | undefined): SipRequest {
  if (subject === undefined) return request;
  return { ...request, headers: request.headers.with('X-Wardline-Client-Subject', subject) };
}

/** Without `X-Wardline-…` headers, which only our own processes may send. */
export function withoutOurHeaders<Message extends SipMessage>(message: Message): Message {
  const isOurs = (name: string) => name.length > OURS.length - 1 && name.toLowerCase().startsWith(OURS);
  const list = [...message.headers];
  if (!list.some(({ name }) => isOurs(name))) return message;
  return { ...message, headers: new SipHeaders(list.filter(({ name }) => !isOurs(name))) };
}
