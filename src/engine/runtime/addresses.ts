// IP addresses as the stack writes them: plain IPv4, IPv6 without brackets, and a real address where a wildcard was bound.
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

const MAPPED_IPV4 = '::ffff:';

export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** `::ffff:192.0.2.1` as `192.0.2.1`. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.toLowerCase().startsWith(MAPPED_IPV4) ? address.slice(MAPPED_IPV4.length) : address;
}

/** Every address of this machine's interfaces, at this moment. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
}

/** The address of ours that a peer sees when the socket is bound to `bound`: the loopback one for itself, else the first outside one. */
export function localAddressFor(bound: string, remote: string): string {
  if (!isWildcard(bound)) return bound;
  const isSameFamily = isIPv6(bound) ? isIPv6 : isIPv4;
  if (isLoopback(remote)) return isIPv6(bound) ? '::1' : '127.0.0.1';
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const usable = addresses.filter(
    ({ address, internal }) => !internal && isSameFamily(address) && !address.startsWith('fe80'),
  );
  return (usable.find(({ address, netmask }) => isSameNet(address, remote, netmask)) ?? usable[0])?.address ?? bound;
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

function isSameNet(ours: string, theirs: string, netmask: string): boolean {
  if (!isIPv4(ours) || !isIPv4(theirs) || !isIPv4(netmask)) return false;
  return (asNumber(ours) & asNumber(netmask)) === (asNumber(theirs) & asNumber(netmask));
}

function asNumber(ipv4: string): number {
  return ipv4.split('.').reduce((sum, part) => (sum << 8) | Number(part), 0);
}
