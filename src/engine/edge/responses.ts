// An application's answer as it goes on the wire: what the request dictates, a tag, a Contact where one is due (RFC 3261 §8.2.6).
import type { AppHeader, AppSip } from '../../protocol/drachtio-wire/app-message.ts';
import { tagOf } from '../../protocol/sip/fields.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../protocol/sip/message.ts';
import { appHeaders, contactUri, contentType, findHeader, type Place } from './headers.ts';

export interface ResponseParts {
  readonly request: SipRequest;
  readonly status: number;
  readonly reason: string;
  readonly sip: AppSip;
  /** Ours; unused when the request's To has a tag already, and in a 100. */
  readonly localTag: string;
  readonly place: Place;
  readonly isInDialog: boolean;
  /** Sets RSeq and Require, RFC 3262 §3. */
  readonly rseq?: number;
  /** Session-Expires as it was agreed (RFC 4028 §9). */
  readonly session?: readonly AppHeader[];
}

/** Written by the edge, whatever the application says. */
const TAKEN = new Set(['from', 'to', 'call-id', 'cseq', 'content-type', 'contact']);
const TAKEN_WITH_SESSION = new Set([...TAKEN, 'session-expires']);

export function parseStatusLine(line: string): { status: number; reason: string } | undefined {
  const match = /^SIP\/2\.0 ([1-6]\d\d)(?: (.*))?$/.exec(line);
  return match === null ? undefined : { status: Number(match[1]), reason: match[2] ?? '' };
}

export function buildAppResponse(parts: ResponseParts): SipResponse {
  const { request, status, reason, sip, place } = parts;
  const { headers } = request;
  const list: AppHeader[] = headers.all('via').map((value) => ['Via', value]);
  if (makesDialog(parts)) for (const value of headers.all('record-route')) list.push(['Record-Route', value]);
  list.push(['From', headers.get('from') ?? ''], ['To', toWithTag(parts)]);
  list.push(['Call-ID', headers.get('call-id') ?? ''], ['CSeq', headers.get('cseq') ?? '']);
  const given = appHeaders({ ...sip, headers: sip.headers.filter(([name]) => isContact(name)) }, new Set(), place);
  list.push(...given);
  if (given.length === 0 && needsContact(parts)) list.push(['Contact', `<${contactUri(place)}>`]);
  if (parts.rseq !== undefined) list.push(['RSeq', String(parts.rseq)]);
  const session = parts.session ?? [];
  list.push(...session);
  list.push(...appHeaders(sip, session.length > 0 ? TAKEN_WITH_SESSION : TAKEN, place));
  const content = contentType(sip);
  if (content !== 'missing' && content.type !== undefined) list.push(['Content-Type', content.type]);
  return { kind: 'response', status, reason, headers: SipHeaders.of(...list), body: sip.body };
}

/** The tag that an application chooses for its first answer, by writing it into To. */
export function tagChosenByApp(sip: AppSip): string | undefined {
  const tag = tagOf(findHeader(sip, 'to'));
  return tag === '' ? undefined : tag;
}

function toWithTag({ request, status, localTag }: ResponseParts): string {
  const to = request.headers.get('to') ?? '';
  return status === 100 || tagOf(to) !== undefined ? to : `${to};tag=${localTag}`;
}

function makesDialog({ request, status }: ResponseParts): boolean {
  return status > 100 && status < 300 && (request.method === 'INVITE' || request.method === 'SUBSCRIBE');
}

function needsContact({ request, status, isInDialog, rseq }: ResponseParts): boolean {
  const isSuccess = status >= 200 && status < 300;
  if (request.method === 'INVITE') return isSuccess || rseq !== undefined || (isInDialog && status > 100);
  return isSuccess && (request.method === 'SUBSCRIBE' || request.method === 'UPDATE');
}

function isContact(name: string): boolean {
  return /^(contact|m)$/i.test(name);
}
