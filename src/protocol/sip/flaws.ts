// What makes a message that could be read unfit to be acted on, as a stable word (RFC 3261 §8.1.1, §8.2, §16.3; RFC 4475 §3.1.2, §3.3).
import { cseqOf, topVia } from './fields.ts';
import type { SipMessage, SipRequest } from './message.ts';
import { isParams } from './params.ts';
import { parseUri, splitList, unfold } from './uri.ts';

export type FlawWord =
  | 'bad-via'
  | 'no-call-id'
  | 'no-from'
  | 'no-to'
  | 'bad-cseq'
  | 'cseq-mismatch'
  | 'repeated-header'
  | 'bad-request-uri'
  | 'bad-from'
  | 'bad-to'
  | 'bad-contact';

/** Undefined when nothing is wrong. A response needs less: it is only matched to its request. `via` and `cseq` are the message's own. */
export function findFlaw(message: SipMessage, via = topVia(message), cseq = cseqOf(message)): FlawWord | undefined {
  const { headers } = message;
  if (via === undefined) return 'bad-via';
  if (!headers.get('call-id')) return 'no-call-id';
  if (!headers.get('from')) return 'no-from';
  if (!headers.get('to')) return 'no-to';
  if (cseq === undefined) return 'bad-cseq';
  if (message.kind === 'response') return undefined;
  return cseq.method === message.method ? findRequestFlaw(message) : 'cseq-mismatch';
}

function findRequestFlaw(request: SipRequest): FlawWord | undefined {
  const { headers } = request;
  if (headers.repeatsAny(SINGLE)) return 'repeated-header';
  if (!isRequestUri(request.uri)) return 'bad-request-uri';
  if (!isAddress(headers.get('from') ?? '')) return 'bad-from';
  if (!isAddress(headers.get('to') ?? '')) return 'bad-to';
  return headers.all('contact').every(isContactLine) ? undefined : 'bad-contact';
}

/** Headers that a request has once (RFC 3261 table 2, RFC 4475 §3.3.8). */
const SINGLE = ['call-id', 'cseq', 'from', 'to', 'max-forwards'];

function isContactLine(line: string): boolean {
  if (!line.includes(',')) return line === '*' || isAddress(line);
  return splitList(line).every((contact) => contact === '*' || isAddress(contact));
}

/** A URI of another scheme is for the user agent to refuse with 416 (RFC 3261 §8.2.2.1); headers have no place in it (§19.1.1). */
function isRequestUri(uri: string): boolean {
  if (!/^(?:sips?|tel):/i.test(uri)) return /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(uri);
  const parsed = parseUri(uri);
  return parsed !== undefined && parsed.headers.size === 0;
}

/**
 * A name-addr or addr-spec of whatever scheme, with its parameters (RFC 3261 §20.10, §25.1). Display names that are not
 * quoted may hold what phones write there, but no comma and no quote (RFC 4475 §3.1.2.6, §3.1.2.15).
 */
export function isAddress(value: string): boolean {
  const text = unfold(value).trim();
  const quoted = text.startsWith('"') ? QUOTED.exec(text)?.[0] : '';
  if (quoted === undefined) return false;
  const open = text.indexOf('<', quoted.length);
  if (open < 0) return quoted === '' && isAddressSpec(text);
  const name = text.slice(quoted.length, open);
  const close = text.indexOf('>', open);
  if (close < 0 || (quoted === '' ? /[",]/.test(name) : name.trim() !== '')) return false;
  return ANY_URI.test(text.slice(open + 1, close)) && isParams(text.slice(close + 1));
}

/** RFC 3261 §20.10: without brackets there is no `?` and no comma, and what follows `;` is the header field's. */
function isAddressSpec(text: string): boolean {
  const semicolon = text.indexOf(';');
  const uri = (semicolon < 0 ? text : text.slice(0, semicolon)).trimEnd();
  return ANY_URI.test(uri) && !/[?,]/.test(uri) && isParams(semicolon < 0 ? '' : text.slice(semicolon));
}

const QUOTED = /^"(?:[^"\\]|\\.)*"/s;
const ANY_URI = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"]+$/;
