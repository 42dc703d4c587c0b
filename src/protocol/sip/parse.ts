// Bytes to SIP messages (RFC 3261 §7, §18.3): a datagram parser and a stream framer. Bad input is a fault, never an exception.
import { Buffer, isUtf8 } from 'node:buffer';
import { isContentLength, type SipHeader, SipHeaders, type SipMessage, type SipRequest } from './message.ts';
import { isToken } from './token.ts';

/** Why bytes are no message; a stable word. */
export interface SipFault {
  readonly fault: FaultWord;
  /** What could be read of a request, for an answer that names the fault; never for more than that. */
  readonly request?: SipRequest;
}

export type FaultWord =
  | 'empty'
  | 'no-header-end'
  | 'not-utf8'
  | 'bad-start-line'
  | 'bad-version'
  | 'bad-status'
  | 'bad-header-line'
  | 'too-many-headers'
  | 'bad-content-length'
  | 'no-content-length'
  | 'body-too-short'
  | 'message-too-large';

export interface ParseLimits {
  /** Start line, headers and body together. */
  readonly messageBytes: number;
  readonly headerCount: number;
}

export const defaultParseLimits: ParseLimits = { messageBytes: 65_536, headerCount: 256 };

const CR = 13;
const LF = 10;
const HEADER_END = Buffer.from('\r\n\r\n');
const NO_BODY = new Uint8Array(0);

/** The message in a datagram. Bytes after the body that Content-Length names are dropped (RFC 3261 §18.3). */
export function parseMessage(bytes: Uint8Array, limits: ParseLimits = defaultParseLimits): SipMessage | SipFault {
  const buffer = asBuffer(bytes);
  if (buffer.length > limits.messageBytes) return { fault: 'message-too-large' };
  const start = skipLineEnds(buffer);
  if (start === buffer.length) return { fault: 'empty' };
  const end = buffer.indexOf(HEADER_END, start);
  if (end < 0) return { fault: 'no-header-end' };
  const head = parseHead(buffer.subarray(start, end + 2), limits);
  if (head.flaw !== undefined || head.start === undefined) return faultOf(head, head.flaw ?? 'bad-start-line');
  const bodyStart = end + HEADER_END.length;
  const length = head.contentLength ?? buffer.length - bodyStart;
  if (bodyStart + length > buffer.length) return faultOf(head, 'body-too-short');
  return {
    ...head.start,
    headers: head.headers,
    body: length === 0 ? NO_BODY : buffer.subarray(bodyStart, bodyStart + length),
  };
}

export type StreamItem =
  | { readonly item: 'message'; readonly message: SipMessage; readonly bytes: number }
  /** RFC 5626 §3.5.1: a double CRLF between messages, to be answered with one. */
  | { readonly item: 'ping' }
  /** `isFatal`: the stream cannot be framed any more, and the connection is to be closed; else one message was left out. */
  | ({ readonly item: 'fault'; readonly isFatal: boolean } & SipFault);

/** Cuts a TCP or TLS stream into messages by Content-Length (RFC 3261 §18.3). Holds one unfinished message at most. */
export class SipStreamReader {
  readonly #limits: ParseLimits;
  #buffer = Buffer.alloc(0);
  /** What has not been taken yet lies between these two. */
  #start = 0;
  #end = 0;
  /** No header end lies before this offset from the start. */
  #scanned = 0;
  #head: (Head & { readonly bodyAt: number; readonly total: number }) | undefined;
  #sawLineEnd = false;
  #isBroken = false;

  constructor(limits: ParseLimits = defaultParseLimits) {
    this.#limits = limits;
  }

  /** True while part of a message has come and the rest has not. */
  get isMidMessage(): boolean {
    return this.#end > this.#start;
  }

  /** Takes the next bytes of the stream, however they were split. Nothing more comes after a fatal fault. */
  push(chunk: Uint8Array): StreamItem[] {
    const items: StreamItem[] = [];
    if (this.#isBroken) return items;
    this.#append(chunk);
    for (let item = this.#next(); item !== undefined; item = this.#next()) {
      items.push(item);
      if (item.item !== 'fault' || !item.isFatal) continue;
      this.#isBroken = true;
      this.#consume(this.#end - this.#start);
      break;
    }
    return items;
  }

  #next(): StreamItem | undefined {
    if (this.#head === undefined) {
      if (this.#dropLineEnds()) return { item: 'ping' };
      const fault = this.#findHead();
      if (fault !== undefined) return { item: 'fault', isFatal: true, ...fault };
    }
    const head = this.#head;
    if (head === undefined || this.#end - this.#start < head.total) return undefined;
    const { start, headers, flaw, total } = head;
    const body = total === head.bodyAt ? NO_BODY : Buffer.from(this.#slice(head.bodyAt, total));
    this.#consume(total);
    if (start === undefined || flaw !== undefined)
      return { item: 'fault', isFatal: false, ...faultOf(head, flaw ?? 'bad-start-line') };
    return { item: 'message', message: { ...start, headers, body }, bytes: total };
  }

  #findHead(): SipFault | undefined {
    const waiting = this.#end - this.#start;
    const at = this.#slice(0, waiting).indexOf(HEADER_END, this.#scanned);
    if (at < 0) {
      this.#scanned = Math.max(0, waiting - 3);
      return waiting > this.#limits.messageBytes ? { fault: 'message-too-large' } : undefined;
    }
    const head = parseHead(this.#slice(0, at + 2), this.#limits);
    if (head.hasNoEnd) return faultOf(head, head.flaw ?? 'bad-start-line');
    if (head.contentLength === undefined) return faultOf(head, 'no-content-length');
    const bodyAt = at + HEADER_END.length;
    const total = bodyAt + head.contentLength;
    if (total > this.#limits.messageBytes) return { fault: 'message-too-large' };
    this.#head = { ...head, bodyAt, total };
    this.#sawLineEnd = false;
    return undefined;
  }

  /** Takes away line ends before a message; true when two of them made a ping. */
  #dropLineEnds(): boolean {
    while (this.#end - this.#start >= 2 && this.#buffer[this.#start] === CR && this.#buffer[this.#start + 1] === LF) {
      this.#consume(2);
      this.#sawLineEnd = !this.#sawLineEnd;
      if (!this.#sawLineEnd) return true;
    }
    return false;
  }

  #slice(from: number, to: number): Buffer {
    return this.#buffer.subarray(this.#start + from, this.#start + to);
  }

  #append(chunk: Uint8Array): void {
    const waiting = this.#end - this.#start;
    const needed = waiting + chunk.length;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, this.#start, this.#end);
      this.#buffer = grown;
    } else if (this.#start > 0) this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#buffer.set(chunk, waiting);
    this.#start = 0;
    this.#end = needed;
  }

  #consume(count: number): void {
    this.#start += count;
    this.#scanned = 0;
    this.#head = undefined;
    if (this.#start < this.#end) return;
    // An idle connection holds no memory.
    this.#buffer = Buffer.alloc(0);
    this.#start = 0;
    this.#end = 0;
  }
}

type StartLine =
  | { readonly kind: 'request'; readonly method: string; readonly uri: string }
  | { readonly kind: 'response'; readonly status: number; readonly reason: string };

interface Head {
  readonly start: StartLine | undefined;
  readonly headers: SipHeaders;
  readonly contentLength: number | undefined;
  /** What makes it no message. */
  readonly flaw: FaultWord | undefined;
  /** Where it ends cannot be trusted, so that a stream is lost with it. */
  readonly hasNoEnd: boolean;
  /** The request that a broken start line seems to mean. */
  readonly meant: StartLine | undefined;
}

/** Start line and headers; `bytes` ends with the CRLF of the last header line. */
function parseHead(bytes: Buffer, limits: ParseLimits): Head {
  const isText = isUtf8(bytes);
  const text = bytes.toString(isText ? 'utf8' : 'latin1');
  const firstEnd = text.indexOf('\r\n');
  const line = text.slice(0, firstEnd);
  const start = parseStartLine(line);
  const isStart = !('fault' in start);
  const { fatal, flaw, list, contentLength } = parseHeaderLines(text, firstEnd + 2, limits);
  const startFlaw = isStart ? undefined : start.fault;
  return {
    start: isStart ? start : undefined,
    headers: new SipHeaders(list),
    contentLength,
    flaw: startFlaw === 'bad-start-line' ? startFlaw : (fatal ?? (isText ? (startFlaw ?? flaw) : 'not-utf8')),
    hasNoEnd: startFlaw === 'bad-start-line' || fatal !== undefined,
    meant: isText ? (isStart ? start : guessRequest(line)) : undefined,
  };
}

function parseHeaderLines(text: string, from: number, limits: ParseLimits) {
  const list: SipHeader[] = [];
  let flaw: FaultWord | undefined;
  let fatal: FaultWord | undefined;
  let contentLength: number | undefined;
  for (let at = from; at < text.length; ) {
    const end = endOfHeader(text, at);
    const header = parseHeaderLine(text.slice(at, end));
    at = end + 2;
    if (header === undefined) {
      flaw ??= 'bad-header-line';
      continue;
    }
    if (list.length === limits.headerCount)
      return { fatal: 'too-many-headers' as const, flaw, list: [], contentLength };
    list.push(header);
    if (!isContentLength(header.name)) continue;
    const length = parseContentLength(header.value);
    if (length === undefined || (contentLength ?? length) !== length) fatal = 'bad-content-length';
    else contentLength = length;
  }
  return { fatal, flaw, list, contentLength };
}

function faultOf({ meant, headers }: Head, fault: FaultWord): SipFault {
  return meant?.kind === 'request' ? { fault, request: { ...meant, headers, body: NO_BODY } } : { fault };
}

/** A start line that is none, but of what is plainly a request: its sender can be told (RFC 4475 §3.1.2.7 to §3.1.2.10). */
function guessRequest(line: string): StartLine | undefined {
  const method = line.slice(0, Math.max(0, line.indexOf(' ')));
  const isRequest = isToken(method) && /\sSIP\/\d+\.\d+\s*$/i.test(line.slice(-32));
  return isRequest ? { kind: 'request', method, uri: '' } : undefined;
}

/** RFC 3261 §7.1 and §7.2: single spaces, no others; the version in any case. */
function parseStartLine(line: string): StartLine | SipFault {
  const first = line.indexOf(' ');
  if (first <= 0) return { fault: 'bad-start-line' };
  const word = line.slice(0, first);
  if (isVersion(word)) return parseStatus(line.slice(first + 1));
  const second = line.indexOf(' ', first + 1);
  if (second < 0 || second === first + 1 || !isToken(word))
    return { fault: word.includes('/') ? 'bad-version' : 'bad-start-line' };
  const version = line.slice(second + 1);
  if (!isVersion(version))
    return { fault: /^SIP\/\d/i.test(version) && !version.includes(' ') ? 'bad-version' : 'bad-start-line' };
  const uri = line.slice(first + 1, second);
  return uri.startsWith('<') ? { fault: 'bad-start-line' } : { kind: 'request', method: word, uri };
}

function parseStatus(rest: string): StartLine | SipFault {
  const status = Number(rest.slice(0, 3));
  const isNumber = isDigits(rest.slice(0, 3)) && (rest.length === 3 || rest[3] === ' ');
  if (!isNumber || status < 100 || status > 699) return { fault: 'bad-status' };
  return { kind: 'response', status, reason: rest.slice(4) };
}

/** The index of the CRLF that ends the header at `start`; lines that begin with a space or tab continue it (§7.3.1). */
function endOfHeader(text: string, start: number): number {
  let end = text.indexOf('\r\n', start);
  while (text[end + 2] === ' ' || text[end + 2] === '\t') end = text.indexOf('\r\n', end + 2);
  return end;
}

function parseHeaderLine(line: string): SipHeader | undefined {
  const colon = line.indexOf(':');
  if (colon <= 0) return undefined;
  const name = line.slice(0, colon).trimEnd();
  if (!isToken(name)) return undefined;
  const value = line.slice(colon + 1).trim();
  const isUsual = line.length === colon + 2 + value.length && line[colon + 1] === ' ' && name.length === colon;
  return isUsual ? { name, value } : { name, value, line };
}

function parseContentLength(value: string): number | undefined {
  return isDigits(value) && value.length <= 9 ? Number(value) : undefined;
}

function isVersion(word: string): boolean {
  return word === 'SIP/2.0' || word.toUpperCase() === 'SIP/2.0';
}

function isDigits(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return text.length > 0;
}

function skipLineEnds(buffer: Buffer): number {
  let at = 0;
  while (buffer[at] === CR && buffer[at + 1] === LF) at += 2;
  return at;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
