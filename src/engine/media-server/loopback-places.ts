// Addresses of this machine: the only ones that a call is handed to.
import type { HostPort } from '../runtime/sip-stack.ts';

/**
 * The first target of several parted by `|`; the last `:` parts the port. Only loopback: whoever can have this server connect
 * could otherwise hand full control of a call to an address of his choosing.
 */
export function controllerAt(text: string): HostPort | undefined {
  const target = text.split('|')[0]?.trim() ?? '';
  const match = /^(.+):(\d{1,5})$/.exec(target);
  const [host, port] = [match?.[1] ?? '', Number(match?.[2] ?? 0)];
  return isLoopback(host) && port > 0 && port < 65_536 ? { host, port } : undefined;
}

export function isLoopback(host: string): boolean {
  return /^127(?:\.\d{1,3}){3}$/.test(host) || host === 'localhost';
}
