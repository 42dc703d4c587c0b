// Which transaction a message belongs to (RFC 3261 §17.1.3 and §17.2.3), as a text key.
import { BRANCH_COOKIE, type CSeq, tagOf, type Via } from '../fields.ts';
import type { SipRequest } from '../message.ts';
import { formatHostPort } from '../uri.ts';

/** The server transaction of a request; `method` is INVITE for its ACK and for the INVITE that a CANCEL means. */
export function serverKey(request: SipRequest, via: Via, cseq: CSeq, method: string): string {
  const sentBy = formatHostPort(via.host.toLowerCase(), via.port);
  // RFC 4475 §3.2.1: the cookie alone tells nothing apart.
  if (via.branch?.startsWith(BRANCH_COOKIE) === true && via.branch !== BRANCH_COOKIE)
    return `${via.branch}|${sentBy}|${method}`;
  // RFC 2543 peers: what stays the same over a request, its retransmissions, its CANCEL and its ACK.
  const { headers } = request;
  const tag = tagOf(headers.get('from')) ?? '';
  return `old|${request.uri}|${headers.get('call-id')}|${cseq.number}|${tag}|${sentBy}|${via.branch ?? ''}|${method}`;
}

/** The client transaction of a response, and of the request that was sent. */
export function clientKey(branch: string, method: string): string {
  return `${branch}|${method}`;
}
