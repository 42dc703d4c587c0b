// Addresses of this machine: the only ones that a call is handed to.
import type { HostPort } from '../../../kernel/ip.ts';
import { ownAddresses } from '../../runtime/addresses.ts';

/**
 * The first target of several parted by `|`; the last `:` parts the port. Only this machine: whoever can have this server connect
 * could otherwise hand full control of a call to an address of his choosing. drachtio-fsmrf names the machine's first outside
 * address unless it is told otherwise, and 0.0.0.0 where there is none.
 */
export function controllerAt(text: string, own: () => readonly string[] = ownAddresses): HostPort | undefined {
  const target = text.split('|')[0]?.trim() ?? '';
  const match = /^(.+):(\d{1,5})$/.exec(target);
  const [host, port] = [match?.[1] ?? '', Number(match?.[2] ?? 0)];
  if (port === 0 || port > 65_535) return undefined;
  if (host === '0.0.0.0') return { host: '127.0.0.1', port };
  return isLoopback(host) || own().includes(host) ? { host, port } : undefined;
}

export function isLoopback(host: string): boolean {
  return /^127(?:\.\d{1,3}){3}$/.test(host) || host === 'localhost';
}
