// ICE candidates as SDP carries them (RFC 8839 §5.1), and their priorities (RFC 8445 §5.1.2). UDP and one component alone: rtcp-mux is a condition.
import type { HostPort } from '../../kernel/ip.ts';

export interface IceCandidate extends HostPort {
  readonly priority: number;
}

/** Candidates of one peer that are looked at. */
const MAX_CANDIDATES = 16;
const HOST_PREFERENCE = 126;
const PEER_REFLEXIVE_PREFERENCE = 110;
const LOCAL_PREFERENCE = 65_535;
const COMPONENT = 1;

export const HOST_PRIORITY = priorityOf(HOST_PREFERENCE);
/** What a check of ours says the peer should give the address that it comes from. */
export const CHECK_PRIORITY = priorityOf(PEER_REFLEXIVE_PREFERENCE);

function priorityOf(preference: number): number {
  return preference * 2 ** 24 + LOCAL_PREFERENCE * 2 ** 8 + (256 - COMPONENT);
}

/** The `a=candidate` values that can be sent to: UDP, first component, a numeric address (a name of mDNS is found by the peer's own check). */
export function parseCandidates(values: readonly string[]): IceCandidate[] {
  return values.slice(0, MAX_CANDIDATES).flatMap((value) => {
    const [, component, transport, priority, host, port, typ] = value.trim().split(/\s+/);
    const isUdp = component === String(COMPONENT) && /^udp$/i.test(transport ?? '') && typ === 'typ';
    if (!isUdp || host === undefined || !/^\d{1,10}$/.test(priority ?? '') || !/^\d{1,5}$/.test(port ?? '')) return [];
    const number = Number(port);
    if (!isNumeric(host) || number < 1 || number > 65_535) return [];
    return [{ host, port: number, priority: Number(priority) }];
  });
}

export function formatHostCandidate({ host, port }: HostPort): string {
  return `1 ${COMPONENT} udp ${HOST_PRIORITY} ${host} ${port} typ host`;
}

function isNumeric(host: string): boolean {
  const parts = host.split('.');
  if (parts.length === 4)
    return parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256) && Number(parts[0]) < 224;
  return /^[0-9a-f:]{2,39}$/i.test(host) && host.includes(':') && !/^ff/i.test(host);
}
