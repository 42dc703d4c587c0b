// drachtio's request handlers: what an HTTP server is asked about a new request, and what it may answer.
import type { SipRequest } from '../sip/message.ts';
import { parseNameAddr, parseUri } from '../sip/uri.ts';
import { type ProxyOptions, parseTimeout } from './app-message.ts';

/** Where an application waits for a connection of ours. */
export interface AppPlace {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}

export type HandlerAnswer =
  | { readonly action: 'reject'; readonly status: number; readonly reason: string | undefined }
  | { readonly action: 'redirect'; readonly contacts: readonly string[] }
  | { readonly action: 'proxy'; readonly destinations: readonly string[]; readonly options: ProxyOptions }
  | { readonly action: 'connect'; readonly place: AppPlace }
  | { readonly action: 'tag'; readonly tag: string };

/** Contacts or destinations that are taken from one answer. */
const MAX_TARGETS = 32;

/** `url` with what drachtio-server tells of a request; the parameters of its Request-URI come last. */
export function handlerUrl(url: string, request: SipRequest, from: { protocol: string; address: string }): string {
  const { headers } = request;
  const uri = parseUri(request.uri);
  const userOf = (value: string | undefined) => parseNameAddr(value ?? '')?.uri.user ?? '';
  const told: ReadonlyArray<readonly [string, string]> = [
    ['method', request.method],
    ['domain', uri?.host ?? ''],
    ['protocol', from.protocol],
    ['source_address', from.address],
    ['fromUser', userOf(headers.get('from'))],
    ['toUser', userOf(headers.get('to'))],
    ['uriUser', uri?.user ?? ''],
    ['contentType', headers.get('content-type') ?? ''],
    ['uri', request.uri],
    ...(uri?.params ?? []),
  ];
  const query = told.map(([name, value]) => `${escaped(name)}=${escaped(value)}`).join('&');
  return `${url}${url.includes('?') ? '&' : url.endsWith('/') ? '?' : '/?'}${query}`;
}

/** Undefined for what is no answer. */
export function parseHandlerAnswer(json: unknown): HandlerAnswer | undefined {
  const action = field(json, 'action');
  const data = field(json, 'data');
  if (action === 'reject') return reject(data);
  if (action === 'redirect') {
    const contacts = uris(field(data, 'contact'));
    return contacts.length === 0 ? undefined : { action, contacts };
  }
  if (action === 'proxy') {
    const destinations = uris(field(data, 'destination'));
    return destinations.length === 0 ? undefined : { action, destinations, options: proxyOptions(data) };
  }
  return action === 'route' ? route(data) : undefined;
}

/** `host:port`, with `;transport=tls` for TLS. */
export function parseAppPlace(text: string): AppPlace | undefined {
  const match = /^(?:\[([0-9a-f:]+)\]|([\w.-]+)):(\d{1,5})(?:;transport=(tcp|tls))?$/i.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port < 1 || port > 65_535) return undefined;
  return { host, port, isSecure: match?.[4]?.toLowerCase() === 'tls' };
}

function reject(data: unknown): HandlerAnswer | undefined {
  const status = field(data, 'status');
  const reason = field(data, 'reason');
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 300 || status > 699) return undefined;
  return {
    action: 'reject',
    status,
    reason: typeof reason === 'string' ? reason.replaceAll(/[\r\n]/g, ' ') : undefined,
  };
}

function route(data: unknown): HandlerAnswer | undefined {
  const [uri, tag] = [field(data, 'uri'), field(data, 'tag')];
  const place = typeof uri === 'string' ? parseAppPlace(uri) : undefined;
  if (place !== undefined) return { action: 'connect', place };
  return typeof tag === 'string' && tag !== '' ? { action: 'tag', tag } : undefined;
}

function proxyOptions(data: unknown): ProxyOptions {
  const isTrue = (name: string) => field(data, name) === true;
  const timeout = (name: string) => {
    const value = field(data, name);
    return typeof value === 'string' ? parseTimeout(value) : undefined;
  };
  return {
    staysInDialog: isTrue('recordRoute'),
    wantsResponses: false,
    followsRedirects: isTrue('followRedirects'),
    isSimultaneous: isTrue('simultaneous'),
    provisionalMs: timeout('provisionalTimeout'),
    finalMs: timeout('finalTimeout'),
  };
}

function uris(value: unknown): string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list
    .filter((each) => typeof each === 'string' && parseUri(each) !== undefined)
    .slice(0, MAX_TARGETS) as string[];
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

/** As drachtio-server writes it: everything but letters, digits and `-._~` as `%xx` in lower case. */
function escaped(text: string): string {
  return encodeURIComponent(text)
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)
    .replaceAll(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase());
}
