// Where a registered phone is reached: its contact, by the path that its registration came by (RFC 3261 §10.3, RFC 3581).
import type { ContactBinding } from '../../model/binding.ts';
import { formatHostPort } from '../../protocol/sip/uri.ts';
import type { CallTarget } from './called-leg.ts';
import type { SecureMedia } from './sdp-guard.ts';

/** Phones that sign in over TLS, WebSockets included, speak SRTP or not at all; others may. */
export function secureMediaOf(transport: ContactBinding['source']['transport']): SecureMedia {
  return transport === 'tls' || transport === 'wss' ? 'required' : 'optional';
}

/** The next hop is always named, so that a lost TLS connection is never replaced by a clear one. */
export function contactTarget({ contact, source }: ContactBinding): CallTarget & { readonly nextHop: string } {
  const transport = source.transport === 'udp' ? '' : `;transport=${source.transport}`;
  const nextHop = `sip:${formatHostPort(source.host, source.port)}${transport}`;
  return { uri: contact, nextHop, secure: secureMediaOf(source.transport) };
}
