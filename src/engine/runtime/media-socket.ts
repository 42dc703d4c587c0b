// UDP sockets for RTP: a range of even ports (RFC 3550 §11), and sockets that stay bound after use until their peer is silent.
import type { Clock } from '../../kernel/clock.ts';
import type { HostPort } from './sip-stack.ts';

export interface MediaSocket extends Disposable {
  readonly local: HostPort;
  /** Sends `length` bytes of `packet`, which must stay untouched until the next tick. */
  send(packet: Uint8Array, length: number, host: string, port: number): void;
  onPacket: ((packet: Uint8Array, host: string, port: number) => void) | undefined;
  readonly sendErrors: number;
}

export interface MediaPorts extends AsyncDisposable {
  /** Binds the next free port. Rejects with `media-ports-exhausted`. */
  open(): Promise<MediaSocket>;
  /** Ports in use, those that still fall silent included. */
  readonly inUse: number;
}

export interface MediaPortsOptions {
  /** The address to bind, and to advertise unless the owner knows better. */
  readonly address: string;
  /** First and last port of the range; 0 and 0 lets the system choose (tests). */
  readonly first: number;
  readonly last: number;
  readonly clock: Clock;
}

export function createMediaPorts(_options: MediaPortsOptions): MediaPorts {
  throw new Error('not built yet');
}
