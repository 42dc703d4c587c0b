// Addresses on the command line: an IP address and a port, written as RFC 3986 §3.2.2 has them.
import { InvalidArgumentError } from 'commander';
import { type HostPort, isIP } from '../kernel/ip.ts';

export function parseHostPort(text: string): HostPort {
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+|localhost)):(\d{1,5})$/i.exec(text);
  const given = match?.[1] ?? match?.[2] ?? '';
  const host = given === 'localhost' ? '127.0.0.1' : given;
  const port = Number(match?.[3]);
  if (isIP(host) === 0 || port > 65_535) {
    throw new InvalidArgumentError('Write an IP address and a port, as 127.0.0.1:9022 or [::1]:9022.');
  }
  return { host, port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
