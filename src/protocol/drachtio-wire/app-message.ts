// What an application says on drachtio's wire: a leader of `|`-separated fields and, for SIP, a loosely written message.
import { Buffer } from 'node:buffer';
import { isToken } from '../sip/token.ts';

/** A header line that an application wrote; the name in its own spelling. */
export type AppHeader = readonly [name: string, value: string];

/** SIP as an application writes it: no Via, a Content-Length that counts UTF-16 units and is ignored, names in any case. */
export interface AppSip {
  readonly startLine: string;
  readonly headers: readonly AppHeader[];
  /** Everything after the first blank line. */
  readonly body: Uint8Array;
}

export interface ProxyOptions {
  /** Record-Route, or Path for a REGISTER. */
  readonly staysInDialog: boolean;
  /** A frame for each final response, and `done` last; else `done` at once. */
  readonly wantsResponses: boolean;
  readonly followsRedirects: boolean;
  readonly isSimultaneous: boolean;
  /** Until a provisional; undefined when there is no such limit. */
  readonly provisionalMs: number | undefined;
  readonly finalMs: number | undefined;
}

export type AppMessage =
  | { readonly type: 'authenticate'; readonly id: string; readonly secret: string; readonly tags: readonly string[] }
  | { readonly type: 'route' | 'remove_route'; readonly id: string; readonly verb: string }
  | { readonly type: 'ping'; readonly id: string }
  | {
      readonly type: 'sip';
      readonly id: string;
      readonly transactionId: string;
      readonly dialogId: string;
      readonly routeUrl: string | undefined;
      readonly sip: AppSip;
    }
  | {
      readonly type: 'proxy';
      readonly id: string;
      readonly transactionId: string;
      readonly options: ProxyOptions;
      readonly destinations: readonly string[];
      /** Its headers are added to what is forwarded. */
      readonly sip: AppSip;
    }
  /** Answered `NO` with this text, after which the connection is closed. */
  | { readonly type: 'fault'; readonly id: string; readonly text: string };

/** Header lines that are taken from one message. */
export const MAX_APP_HEADERS = 512;

const CRLF = Buffer.from('\r\n');
const BLANK_LINE = Buffer.from('\r\n\r\n');

/** Reads one frame's payload; whatever is wrong with it becomes a `fault`. */
export function parseAppMessage(payload: Buffer): AppMessage {
  const end = payload.indexOf(CRLF);
  const leader = payload.subarray(0, end < 0 ? payload.length : end).toString('utf8');
  const [id = '', type, ...fields] = leader.split('|');
  if (type === undefined) return { type: 'fault', id, text: 'Invalid message format' };
  const text = end < 0 ? Buffer.alloc(0) : payload.subarray(end + CRLF.length);
  switch (type) {
    case 'authenticate':
      return { type, id, secret: fields[0] ?? '', tags: (fields[1] ?? '').split(',').filter((tag) => tag !== '') };
    case 'route':
    case 'remove_route':
      return { type, id, verb: (fields[0] ?? '').toLowerCase() };
    case 'ping':
      return { type, id };
    case 'sip':
      return parseSip(id, fields, text);
    case 'proxy':
      return parseProxy(id, fields, text);
    default:
      return { type: 'fault', id, text: 'Unknown message type' };
  }
}

function parseProxy(id: string, fields: readonly string[], text: Buffer): AppMessage {
  const [transactionId = '', remain, full, follow, forking, provisional, final, ...destinations] = fields;
  if (destinations.length === 0) {
    return { type: 'fault', id, text: 'Invalid proxy request: not enough information provided' };
  }
  const options = {
    staysInDialog: remain === 'remainInDialog',
    wantsResponses: full === 'fullResponse',
    followsRedirects: follow === 'followRedirects',
    isSimultaneous: forking === 'simultaneous',
    provisionalMs: parseTimeout(provisional),
    finalMs: parseTimeout(final),
  };
  return { type: 'proxy', id, transactionId, options, destinations, sip: parseAppSip(text) };
}

/** `250ms` or `2s`. */
export function parseTimeout(text: string | undefined): number | undefined {
  const match = /^(\d{1,6})(ms|s)$/.exec(text ?? '');
  return match === null ? undefined : Number(match[1]) * (match[2] === 's' ? 1000 : 1);
}

function parseSip(id: string, fields: readonly string[], text: Buffer): AppMessage {
  const [transactionId = '', dialogId, routeUrl] = fields;
  if (dialogId === undefined || text.length === 0) return { type: 'fault', id, text: 'Invalid message format' };
  const sip = parseAppSip(text);
  const isResponse = sip.startLine.startsWith('SIP/');
  if (isResponse && transactionId === '') return { type: 'fault', id, text: 'transaction id missing' };
  return { type: 'sip', id, transactionId, dialogId, routeUrl: routeUrl === '' ? undefined : routeUrl, sip };
}

/** A line that is no header is skipped, as drachtio-server does. */
export function parseAppSip(text: Buffer): AppSip {
  const end = text.indexOf(BLANK_LINE);
  const head = text.subarray(0, end < 0 ? text.length : end).toString('utf8');
  const body = end < 0 ? new Uint8Array(0) : text.subarray(end + BLANK_LINE.length);
  const [startLine = '', ...lines] = head.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  const headers: AppHeader[] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trimEnd();
    if (isToken(name) && headers.length < MAX_APP_HEADERS) headers.push([name, line.slice(colon + 1).trim()]);
  }
  return { startLine, headers, body };
}
