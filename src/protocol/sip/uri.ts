// SIP, SIPS and tel URIs, name-addr values and comma lists (RFC 3261 §19.1, §20.10, §25.1; RFC 3966).

/** Parameters by lower-case name; one without a value (`;lr`) has the empty string. */
export type UriParams = ReadonlyMap<string, string>;

export interface SipUri {
  readonly scheme: 'sip' | 'sips' | 'tel';
  /** Unescaped; for `tel` the number as written. */
  readonly user: string | undefined;
  /** Unescaped. */
  readonly password: string | undefined;
  /** As written, an IPv6 address without its brackets; empty for `tel`. */
  readonly host: string;
  readonly port: number | undefined;
  readonly params: UriParams;
  /** What follows `?`, by lower-case name, unescaped. */
  readonly headers: UriParams;
}

/** The value of From, To, Contact, Route and the like. */
export interface NameAddr {
  /** Without quotes and escapes; undefined when there is none. */
  readonly displayName: string | undefined;
  readonly uri: SipUri;
  /** The URI as written, for passing it on verbatim. */
  readonly uriText: string;
  /** The parameters after the URI: of the header field, not of the URI. */
  readonly params: UriParams;
  readonly tag: string | undefined;
}

const NONE: UriParams = new Map();
const MAX_PORT = 65_535;

/** A URI of parts: `makeUri({ user: '1001', host: 'clinic.example' })`. */
export function makeUri(parts: Partial<SipUri> & { readonly host: string }): SipUri {
  return {
    scheme: 'sip',
    user: undefined,
    password: undefined,
    port: undefined,
    params: NONE,
    headers: NONE,
    ...parts,
  };
}

/** The URI in `text`, or undefined when it is none of the three schemes or broken. */
export function parseUri(text: string): SipUri | undefined {
  const colon = text.indexOf(':');
  if (colon < 0 || hasForbidden(text)) return undefined;
  const scheme = text.slice(0, colon).toLowerCase();
  const rest = text.slice(colon + 1);
  if (scheme === 'tel') return parseTel(rest);
  return scheme === 'sip' || scheme === 'sips' ? parseSip(scheme, rest) : undefined;
}

export function formatUri(uri: SipUri): string {
  if (uri.scheme === 'tel') return `tel:${uri.user ?? ''}${formatUriParams(uri.params)}`;
  const password = uri.password === undefined ? '' : `:${escapeUser(uri.password)}`;
  const userinfo = uri.user === undefined ? '' : `${escapeUser(uri.user)}${password}@`;
  const headers = [...uri.headers].map(([name, value]) => `${escapeHeader(name)}=${escapeHeader(value)}`).join('&');
  const query = headers === '' ? '' : `?${headers}`;
  return `${uri.scheme}:${userinfo}${formatHostPort(uri.host, uri.port)}${formatUriParams(uri.params)}${query}`;
}

/** `host:port` with brackets about an IPv6 address; the host alone without a port. */
export function formatHostPort(host: string, port: number | undefined): string {
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? bracketed : `${bracketed}:${port}`;
}

/** Host (brackets removed) and port in `text`, or undefined when it is not that. */
export function parseHostPort(text: string): { host: string; port: number | undefined } | undefined {
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    if (end < 0 || !/^[0-9A-Fa-f:.]+$/.test(text.slice(1, end))) return undefined;
    return withPort(text.slice(1, end), text.slice(end + 1));
  }
  const colon = text.indexOf(':');
  const host = colon < 0 ? text : text.slice(0, colon);
  return /^[A-Za-z0-9._-]+$/.test(host) ? withPort(host, colon < 0 ? '' : text.slice(colon)) : undefined;
}

/** RFC 3261 §19.1.4 equality; tel numbers are compared without their visual separators (RFC 3966 §4). */
export function uriEquals(a: SipUri, b: SipUri): boolean {
  if (a.scheme !== b.scheme) return false;
  if (a.scheme === 'tel')
    return telDigits(a) === telDigits(b) && sameParams(a.params, b.params, ['phone-context', 'ext']);
  if (a.user !== b.user || a.password !== b.password || a.port !== b.port) return false;
  if (a.host.toLowerCase() !== b.host.toLowerCase()) return false;
  return (
    sameParams(a.params, b.params, ['transport', 'user', 'ttl', 'method', 'maddr']) && sameHeaders(a.headers, b.headers)
  );
}

/** A name-addr or addr-spec with its parameters, or undefined when it is neither (`*` is neither). */
export function parseNameAddr(value: string): NameAddr | undefined {
  const text = unfold(value).trim();
  if (text.startsWith('"')) {
    const end = endOfQuoted(text, 0);
    const open = end < 0 ? -1 : skipSpace(text, end);
    return open < 0 || text[open] !== '<' ? undefined : bracketed(text, open, unquote(text.slice(0, end)));
  }
  const open = text.indexOf('<');
  if (open >= 0) return bracketed(text, open, text.slice(0, open).trim() || undefined);
  // RFC 3261 §20.10: without brackets all parameters are the header field's.
  const semicolon = text.indexOf(';');
  const uriText = semicolon < 0 ? text : text.slice(0, semicolon).trimEnd();
  return assemble(undefined, uriText, semicolon < 0 ? '' : text.slice(semicolon));
}

export function formatNameAddr(address: Pick<NameAddr, 'displayName' | 'uri' | 'params'>): string {
  const name = address.displayName === undefined ? '' : `${quote(address.displayName)} `;
  return `${name}<${formatUri(address.uri)}>${formatParams(address.params, quoteUnlessToken)}`;
}

/** Every name-addr of header lines that may each hold a comma list; broken ones are left out. */
export function parseNameAddrList(values: readonly string[]): NameAddr[] {
  return values.flatMap(splitList).flatMap((item) => parseNameAddr(item) ?? []);
}

/** The items of a comma list, trimmed; commas in quotes and in `<…>` do not count. Empty items are dropped. */
export function splitList(text: string): string[] {
  return splitAt(unfold(text), ',');
}

/** The parameters in `;a=b;c="d e"`, or undefined when that is broken. The first of a name counts. */
export function parseParams(text: string): UriParams | undefined {
  if (text === '') return NONE;
  if (text[0] !== ';') return undefined;
  const params = new Map<string, string>();
  for (const item of splitAt(text.slice(1), ';')) {
    const equals = item.indexOf('=');
    const name = (equals < 0 ? item : item.slice(0, equals)).trim().toLowerCase();
    const raw = equals < 0 ? '' : item.slice(equals + 1).trim();
    if (name === '' || name.includes('"') || (raw.startsWith('"') && endOfQuoted(raw, 0) !== raw.length))
      return undefined;
    if (!params.has(name)) params.set(name, raw.startsWith('"') ? unquote(raw) : raw);
  }
  return params;
}

/** A quoted-string's content (RFC 3261 §25.1); text that is not quoted is returned as it is. */
export function unquote(text: string): string {
  return text.startsWith('"') && text.endsWith('"') && text.length > 1
    ? text.slice(1, -1).replace(/\\(.)/gs, '$1')
    : text;
}

export function quote(text: string): string {
  return `"${text.replace(/[\r\n]+/g, ' ').replace(/["\\]/g, '\\$&')}"`;
}

/** With line folding replaced by one space (RFC 3261 §7.3.1). */
export function unfold(text: string): string {
  if (!text.includes('\n')) return text;
  return text
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
}

/** Where the first item of a comma list ends: the first comma outside quotes and `<…>`, or the end. */
export function endOfFirstItem(text: string): number {
  return text.includes(',') ? endOfItem(text, 0, ',') : text.length;
}

function parseSip(scheme: 'sip' | 'sips', rest: string): SipUri | undefined {
  const at = rest.indexOf('@');
  const userinfo = at < 0 ? undefined : splitOnce(rest.slice(0, at), ':');
  const tail = splitOnce(rest.slice(at + 1), '?');
  const semicolon = tail[0].indexOf(';');
  const place = parseHostPort(semicolon < 0 ? tail[0] : tail[0].slice(0, semicolon));
  const params = semicolon < 0 ? NONE : parseUriParams(tail[0].slice(semicolon + 1), ';');
  const headers = tail[1] === undefined ? NONE : parseUriParams(tail[1], '&');
  if (place === undefined || params === undefined || headers === undefined) return undefined;
  if (userinfo === undefined) return { scheme, user: undefined, password: undefined, ...place, params, headers };
  const user = decode(userinfo[0]);
  const password = userinfo[1] === undefined ? undefined : decode(userinfo[1]);
  if (user === undefined || user === '' || (userinfo[1] !== undefined && password === undefined)) return undefined;
  return { scheme, user, password, ...place, params, headers };
}

function parseTel(rest: string): SipUri | undefined {
  const [number, tail] = splitOnce(rest, ';');
  const params = tail === undefined ? NONE : parseUriParams(tail, ';');
  if (params === undefined || !/^\+?[0-9A-Fa-f*#().-]+$/.test(number) || !/[0-9A-Fa-f*#]/.test(number))
    return undefined;
  return { scheme: 'tel', user: number, password: undefined, host: '', port: undefined, params, headers: NONE };
}

function parseUriParams(text: string, separator: string): UriParams | undefined {
  const params = new Map<string, string>();
  for (const item of text.split(separator)) {
    const [rawName, rawValue] = splitOnce(item, '=');
    const name = decode(rawName)?.toLowerCase();
    const value = rawValue === undefined ? '' : decode(rawValue);
    if (name === undefined || name === '' || value === undefined || item.includes('@')) return undefined;
    if (!params.has(name)) params.set(name, value);
  }
  return params;
}

function withPort(host: string, tail: string): { host: string; port: number | undefined } | undefined {
  if (tail === '') return { host, port: undefined };
  if (!/^:[0-9]{1,5}$/.test(tail)) return undefined;
  const port = Number(tail.slice(1));
  return port <= MAX_PORT ? { host, port } : undefined;
}

function bracketed(text: string, open: number, displayName: string | undefined): NameAddr | undefined {
  const close = text.indexOf('>', open);
  if (close < 0 || (displayName !== undefined && !text.startsWith('"') && displayName.includes('"'))) return undefined;
  return assemble(displayName, text.slice(open + 1, close).trim(), text.slice(close + 1).trimStart());
}

function assemble(displayName: string | undefined, uriText: string, paramText: string): NameAddr | undefined {
  const uri = parseUri(uriText);
  const params = parseParams(paramText);
  if (uri === undefined || params === undefined) return undefined;
  return { displayName, uri, uriText, params, tag: params.get('tag') };
}

/** Splits at `separator` outside quotes and angle brackets. */
function splitAt(text: string, separator: string): string[] {
  const items: string[] = [];
  for (let start = 0; start < text.length; ) {
    const end = endOfItem(text, start, separator);
    const item = text.slice(start, end).trim();
    if (item !== '') items.push(item);
    start = end + 1;
  }
  return items;
}

function endOfItem(text: string, start: number, separator: string): number {
  let isInBrackets = false;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === '"' && !isInBrackets) {
      const end = endOfQuoted(text, at);
      if (end < 0) return text.length;
      at = end - 1;
    } else if (char === '<') isInBrackets = true;
    else if (char === '>') isInBrackets = false;
    else if (char === separator && !isInBrackets) return at;
  }
  return text.length;
}

/** The index after the closing quote of the string that opens at `start`, or -1. */
export function endOfQuoted(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at + 1;
  }
  return -1;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (text[at] === ' ' || text[at] === '\t') at += 1;
  return at;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function hasForbidden(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= 0x20 || code === 0x22 || code === 0x3c || code === 0x3e || code === 0x7f) return true;
  }
  return false;
}

function decode(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

const escapeUser = (text: string): string => text.toWellFormed().replace(/[^\w.!~*'()&=+$,;?/-]/gu, encodeURIComponent);
const escapeParam = (text: string): string =>
  text.toWellFormed().replace(/[^\w.!~*'()[\]/:&+$-]/gu, encodeURIComponent);
const escapeHeader = (text: string): string =>
  text.toWellFormed().replace(/[^\w.!~*'()[\]/?:+$-]/gu, encodeURIComponent);
const quoteUnlessToken = (text: string): string => (/^[\w.!%*+`'~:[\]-]+$/.test(text) ? text : quote(text));

function formatUriParams(params: UriParams): string {
  let text = '';
  for (const [name, value] of params)
    text += value === '' ? `;${escapeParam(name)}` : `;${escapeParam(name)}=${escapeParam(value)}`;
  return text;
}

function formatParams(params: UriParams, encode: (value: string) => string): string {
  let text = '';
  for (const [name, value] of params) text += value === '' ? `;${name}` : `;${name}=${encode(value)}`;
  return text;
}

function telDigits(uri: SipUri): string {
  return (uri.user ?? '').replace(/[().-]/g, '').toLowerCase();
}

function sameParams(a: UriParams, b: UriParams, mustBeInBoth: readonly string[]): boolean {
  const common = [...a.keys()].filter((name) => b.has(name));
  return [...common, ...mustBeInBoth].every((name) => a.get(name)?.toLowerCase() === b.get(name)?.toLowerCase());
}

function sameHeaders(a: UriParams, b: UriParams): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value);
}
