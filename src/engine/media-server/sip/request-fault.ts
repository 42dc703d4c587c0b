// Why an INVITE is refused before its call is looked at: extensions and bodies that this server does not know (RFC 3261 §8.2.2.3, §8.2.3).
import type { SipRequest } from '../../../protocol/sip/message.ts';

export const ACCEPT = ['Accept', 'application/sdp'] as const;

export interface RequestFault {
  readonly status: number;
  readonly reason: string;
  readonly header: readonly [name: string, value: string];
}

/** Undefined when the request may go on. A body without a type is taken for a description. */
export function faultOf({ method, headers, body }: SipRequest): RequestFault | undefined {
  if (method !== 'INVITE') return undefined;
  const required = headers.all('require').filter((value) => value.trim() !== '');
  if (required.length > 0) {
    return { status: 420, reason: 'Bad Extension', header: ['Unsupported', required.join(', ')] };
  }
  const type = headers.get('content-type') ?? 'application/sdp';
  if (body.length > 0 && !/^application\/sdp\s*(?:;|$)/i.test(type.trim())) {
    return { status: 415, reason: 'Unsupported Media Type', header: ACCEPT };
  }
  return undefined;
}
