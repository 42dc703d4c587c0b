// IP addresses: the pair that is listened on and sent to, and whether a text is one (Node's own parser, which opens no socket).
export { isIP } from 'node:net';

export interface HostPort {
  /** An IP address, no brackets. */
  readonly host: string;
  readonly port: number;
}
