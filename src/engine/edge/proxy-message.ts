// What a proxy changes in a message that it forwards, and which answer it chooses (RFC 3261 §16.6, §16.7).
import type { AppHeader } from '../../protocol/drachtio-wire/app-message.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../protocol/sip/message.ts';
import { endOfFirstItem, parseNameAddr, type SipUri } from '../../protocol/sip/uri.ts';
import { contactUri, type Place } from './headers.ts';

const DEFAULT_MAX_FORWARDS = 70;

/** 0 means that it goes no further. */
export function hopsLeft({ headers }: SipRequest): number {
  const text = headers.get('max-forwards') ?? '';
  return /^\d{1,3}$/.test(text) ? Number(text) : DEFAULT_MAX_FORWARDS + 1;
}

/** `recordRoute` are header lines that keep us on the way; `added` is what the application adds. */
export function forwarded(
  request: SipRequest,
  uri: string,
  recordRoute: readonly AppHeader[],
  added: readonly AppHeader[] = [],
): SipRequest {
  const hops = String(Math.min(hopsLeft(request), DEFAULT_MAX_FORWARDS + 1) - 1);
  const headers = [...request.headers.with('Max-Forwards', hops)];
  const isVia = ({ name }: { name: string }) => /^(via|v)$/i.test(name);
  const at = headers.findLastIndex(isVia) + 1;
  headers.splice(at, 0, ...recordRoute.map(([name, value]) => ({ name, value })));
  headers.push(...added.map(([name, value]) => ({ name, value })));
  return { ...request, uri, headers: new SipHeaders(headers) };
}

/** Record-Route lines for a way that comes in at one place and leaves by another (RFC 5658 §5), top first. */
export function recordRouteLines(out: Place, into: Place): AppHeader[] {
  const line = (place: Place): AppHeader => ['Record-Route', `<${contactUri(place)};lr>`];
  return contactUri(out) === contactUri(into) ? [line(out)] : [line(out), line(into)];
}

/** RFC 3327 §5.1. */
export function pathLines(into: Place): AppHeader[] {
  return [
    ['Path', `<${contactUri(into)};lr>`],
    ['Require', 'path'],
  ];
}

/** Without our own Via, which is the first. */
export function withoutTopVia(response: SipResponse): SipResponse {
  const line = response.headers.get('via') ?? '';
  const rest = line.slice(endOfFirstItem(line)).replace(/^\s*,\s*/, '');
  return { ...response, headers: response.headers.withFirst('via', rest === '' ? undefined : rest) };
}

/** The request without the Routes at its top that name us; the next hop, when another Route is left. */
export function withoutOwnRoutes(
  request: SipRequest,
  isOurs: (uri: SipUri) => boolean,
): { readonly request: SipRequest; readonly nextHop: SipUri | undefined; readonly hadOurs: boolean } {
  let { headers } = request;
  let hadOurs = false;
  for (;;) {
    const line = headers.get('route');
    if (line === undefined) return { request: { ...request, headers }, nextHop: undefined, hadOurs };
    const end = endOfFirstItem(line);
    const uri = parseNameAddr(line.slice(0, end).trim())?.uri;
    if (uri === undefined || !uri.params.has('lr') || !isOurs(uri)) {
      return { request: { ...request, headers }, nextHop: uri, hadOurs };
    }
    const rest = line.slice(end).replace(/^\s*,\s*/, '');
    headers = headers.withFirst('route', rest === '' ? undefined : rest);
    hadOurs = true;
  }
}

/** RFC 3261 §16.7 step 6: a 6xx, else the lowest class; in 4xx what tells the caller to do something else. */
export function bestResponse(responses: readonly SipResponse[]): SipResponse | undefined {
  const helpful = new Set([401, 407, 415, 420, 484]);
  const rank = ({ status }: SipResponse) => {
    if (status >= 600) return 0;
    return Math.floor(status / 100) * 10 + (helpful.has(status) ? 0 : 1);
  };
  const best = [...responses].sort((a, b) => rank(a) - rank(b))[0];
  if (best === undefined || (best.status !== 401 && best.status !== 407)) return best;
  // Step 7: the caller hears every challenge at once.
  let { headers } = best;
  for (const other of responses) {
    if (other === best || (other.status !== 401 && other.status !== 407)) continue;
    for (const name of ['WWW-Authenticate', 'Proxy-Authenticate']) {
      for (const value of other.headers.all(name)) headers = headers.append(name, value);
    }
  }
  return { ...best, headers };
}
