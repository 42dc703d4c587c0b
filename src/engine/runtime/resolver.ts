// Names to addresses for SIP targets (RFC 3263 §4.2, A and AAAA alone); an address is its own answer.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** One address of `host`, or undefined when it has none just now. */
export type Resolver = (host: string) => Promise<string | undefined>;

/** 4 or 6 for an IP address without brackets, 0 for a name. */
export function addressFamily(host: string): number {
  return isIP(host);
}

export const systemResolver: Resolver = async (host) => {
  if (isIP(host) !== 0) return host;
  try {
    return (await lookup(host, { verbatim: false })).address;
  } catch {
    return undefined;
  }
};
