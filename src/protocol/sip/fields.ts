// Header fields that transactions and transports read: Via, CSeq, tags, lengths of time (RFC 3261 §20, RFC 3581).
import type { SipMessage, SipRequest } from './message.ts';
import { isParams } from './params.ts';
import { endOfFirstItem, formatHostPort, parseHostPort, parseParams, type UriParams, unfold } from './uri.ts';

/** RFC 3261 §8.1.1.7: a branch that starts so is unique for its transaction. */
export const BRANCH_COOKIE = 'z9hG4bK';

/** RFC 3261 §25.1 `transport`: a token. */
const TRANSPORT = /^[A-Za-z0-9.!%*_+`'~-]+$/;

const MAX_CSEQ = 2 ** 31;

export interface Via {
  /** In upper case: `UDP`, `TCP`, `TLS`, `WS`, `WSS`. */
  readonly transport: string;
  /** sent-by, an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  readonly branch: string | undefined;
  /** Empty when asked for (RFC 3581 §3), a port when filled in. */
  readonly rport: string | undefined;
  readonly received: string | undefined;
  readonly params: UriParams;
}

export interface CSeq {
  readonly number: number;
  readonly method: string;
}

/** One via-parm. */
export function parseVia(text: string): Via | undefined {
  const semicolon = text.indexOf(';');
  const head = (semicolon < 0 ? text : text.slice(0, semicolon)).trim();
  const match = head.startsWith('SIP/2.0/') ? splitUsual(head) : splitSpaced(head);
  const place = match === undefined ? undefined : parseHostPort(match.sentBy);
  const tail = semicolon < 0 ? '' : text.slice(semicolon);
  const params = isParams(tail) ? parseParams(tail) : undefined;
  if (match === undefined || place === undefined || params === undefined) return undefined;
  const { host, port } = place;
  const [branch, rport, received] = [params.get('branch'), params.get('rport'), params.get('received')];
  return { transport: match.transport.toUpperCase(), host, port, branch, rport, received, params };
}

/** The first via-parm of the first Via line. */
export function topVia(message: SipMessage): Via | undefined {
  const line = message.headers.get('via');
  return line === undefined ? undefined : parseVia(firstOf(line));
}

/**
 * The request with its top Via completed for the way back: `rport` when it came by UDP or asked for it, `received`
 * when the address differs from sent-by (RFC 3261 §18.2.1, RFC 3581 §4). What is true already stays as written.
 */
export function completeTopVia(request: SipRequest, via: Via, source: { host: string; port: number }): SipRequest {
  const line = request.headers.get('via');
  if (line === undefined) return request;
  const needsReceived = via.received !== source.host && (via.received !== undefined || via.host !== source.host);
  const needsRport = via.rport !== String(source.port) && (via.transport === 'UDP' || via.rport !== undefined);
  if (!needsReceived && !needsRport) return request;
  const first = firstOf(line);
  let text = first;
  if (needsRport) text = setParam(text, RPORT, `rport=${source.port}`);
  if (needsReceived) text = setParam(text, RECEIVED, `received=${source.host}`);
  // The rest of a line that holds several stays as it was.
  return { ...request, headers: request.headers.withFirst('via', text + line.slice(endOfFirstItem(line))) };
}

export function formatVia(transport: string, sentBy: { host: string; port: number }, branch: string): string {
  const rport = transport === 'udp' ? ';rport' : '';
  return `SIP/2.0/${transport.toUpperCase()} ${formatHostPort(sentBy.host, sentBy.port)}${rport};branch=${branch}`;
}

export function parseCSeq(text: string): CSeq | undefined {
  const match = /^(\d{1,10})\s+([A-Za-z0-9.!%*_+`'~-]+)$/.exec(text);
  if (match === null) return undefined;
  const number = Number(match[1]);
  return number < MAX_CSEQ ? { number, method: match[2] ?? '' } : undefined;
}

export function cseqOf(message: SipMessage): CSeq | undefined {
  const text = message.headers.get('cseq');
  return text === undefined ? undefined : parseCSeq(text);
}

/** What nearly every From and To ends in. */
const LONE_TAG = /^;tag=([A-Za-z0-9.!%*_+`'~-]+)$/;

/** The tag parameter of a From or To value. */
export function tagOf(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const close = value.lastIndexOf('>');
  const semicolon = value.indexOf(';', Math.max(close, 0));
  if (semicolon < 0) return undefined;
  const tail = value.slice(semicolon);
  return LONE_TAG.exec(tail)?.[1] ?? parseParams(unfold(tail))?.get('tag');
}

/** Expires and the like: whole seconds below 2^32, or undefined. */
export function parseSeconds(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const seconds = Number(text);
  return seconds < 2 ** 32 ? seconds : undefined;
}

function splitUsual(head: string): { transport: string; sentBy: string } | undefined {
  const space = head.indexOf(' ');
  const transport = head.slice(8, Math.max(8, space));
  const sentBy = head.slice(space + 1).trim();
  return TRANSPORT.test(transport) && !/\s/.test(sentBy) ? { transport, sentBy } : splitSpaced(head);
}

/** Spaces about the slashes and the colon are legal (RFC 3261 §25.1, RFC 4475 §3.1.1.1). */
function splitSpaced(head: string): { transport: string; sentBy: string } | undefined {
  const match = /^SIP\s*\/\s*2\.0\s*\/\s*([A-Za-z0-9.!%*_+`'~-]+)\s+(\S+?(?:\s*:\s*\d+)?)$/i.exec(unfold(head));
  return match === null ? undefined : { transport: match[1] ?? '', sentBy: (match[2] ?? '').replace(/\s+/g, '') };
}

function firstOf(line: string): string {
  return unfold(line.slice(0, endOfFirstItem(line))).trim();
}

const RPORT = /(;\s*)rport(?:\s*=\s*[^;\s]*)?(?=\s*(?:;|$))/i;
const RECEIVED = /(;\s*)received(?:\s*=\s*[^;\s]*)?(?=\s*(?:;|$))/i;

function setParam(text: string, pattern: RegExp, param: string): string {
  return pattern.test(text) ? text.replace(pattern, `$1${param}`) : `${text};${param}`;
}
