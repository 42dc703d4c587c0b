// The requests and responses that a transaction layer makes by itself: CANCEL, ACK to a failure, and plain answers.
import { cseqOf, tagOf } from '../fields.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../message.ts';

const NO_BODY = new Uint8Array(0);
const MAX_FORWARDS = '70';

type ExtraHeaders = ReadonlyArray<readonly [name: string, value: string]>;

/** RFC 3261 §9.1: same Request-URI, Call-ID, From, To, CSeq number, Route and top Via as the INVITE. */
export function buildCancel(invite: SipRequest, extra: ExtraHeaders = []): SipRequest {
  return follow(invite, 'CANCEL', invite.headers.get('to') ?? '', extra);
}

/** RFC 3261 §17.1.1.3: as CANCEL, with the To of the response. */
export function buildFailureAck(invite: SipRequest, response: SipResponse): SipRequest {
  return follow(invite, 'ACK', response.headers.get('to') ?? '', []);
}

/** RFC 3261 §8.2.6: a response to `request`, with what that has of From, To, Call-ID and CSeq; `toTag` is added when its To has none (never to a 100). */
export function buildResponse(
  request: SipRequest,
  status: number,
  reason: string,
  toTag: string,
  extra: ExtraHeaders = [],
): SipResponse {
  const { headers } = request;
  const pairs: (readonly [string, string])[] = headers.all('via').map((value) => ['Via', value] as const);
  for (const name of ['From', 'To', 'Call-ID', 'CSeq']) {
    const value = headers.get(name);
    if (value === undefined) continue;
    const needsTag = name === 'To' && status !== 100 && tagOf(value) === undefined;
    pairs.push([name, needsTag ? `${value};tag=${toTag}` : value]);
  }
  pairs.push(...extra);
  return { kind: 'response', status, reason, headers: SipHeaders.of(...pairs), body: NO_BODY };
}

function follow(invite: SipRequest, method: string, to: string, extra: ExtraHeaders): SipRequest {
  const { headers } = invite;
  const pairs: (readonly [string, string])[] = [['Via', headers.get('via') ?? '']];
  for (const route of headers.all('route')) pairs.push(['Route', route]);
  pairs.push(['Max-Forwards', MAX_FORWARDS], ['From', headers.get('from') ?? ''], ['To', to]);
  pairs.push(['Call-ID', headers.get('call-id') ?? ''], ['CSeq', `${cseqOf(invite)?.number ?? 0} ${method}`], ...extra);
  return { kind: 'request', method, uri: invite.uri, headers: SipHeaders.of(...pairs), body: NO_BODY };
}
