// UDP sockets for RTP and the RTCP beside it: pairs of ports (RFC 3550 §11) that stay bound after use until their peer is silent.

import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Clock } from '../../kernel/clock.ts';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import type { HostPort } from '../../kernel/ip.ts';

export interface MediaSocket extends Disposable {
  readonly local: HostPort;
  /** Sends `length` bytes of `packet`, which must stay untouched for some ticks. Never throws; failures are counted. */
  send(packet: Uint8Array, length: number, host: string, port: number): void;
  /** The packet is the listener's own. */
  onPacket: ((packet: Uint8Array, host: string, port: number) => void) | undefined;
  /** Sends from the port above, where RTCP belongs without rtcp-mux; nothing when that port is another's. */
  sendRtcp(packet: Uint8Array, host: string, port: number): void;
  onRtcp: ((packet: Uint8Array, host: string, port: number) => void) | undefined;
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

/** A released port is closed after this much silence, or at the latest after so many such times. */
const SILENCE_MS = 1_000;
const MAX_SILENCE_WAITS = 60;
/** Ports tried for one socket before giving up. */
const MAX_BIND_ATTEMPTS = 64;

export function createMediaPorts(options: MediaPortsOptions): MediaPorts {
  return new PortRange(options);
}

class PortRange implements MediaPorts {
  readonly #options: MediaPortsOptions;
  readonly #sockets = new Map<number, UdpMediaSocket>();
  /** Even ports that are being bound. */
  readonly #claimed = new Set<number>();
  /** Goes round, so that a port rests as long as possible before its next call. */
  #cursor: number;

  constructor(options: MediaPortsOptions) {
    this.#options = options;
    this.#cursor = options.first + (options.first % 2);
  }

  get inUse(): number {
    return this.#sockets.size;
  }

  async open(): Promise<MediaSocket> {
    for (let attempt = 0; attempt < MAX_BIND_ATTEMPTS; attempt++) {
      const port = this.#nextFree();
      if (port === undefined) break;
      this.#claimed.add(port);
      try {
        const socket = await bind(this.#options.address, port);
        return this.#adopt(socket, await this.#bindRtcp(socket.address().port + 1));
      } catch (error) {
        if (codeOf(error) !== 'EADDRINUSE') throw error;
      } finally {
        this.#claimed.delete(port);
      }
    }
    throw new WardlineError('media-ports-exhausted', 'No RTP port is free: widen the range of media ports.');
  }

  /** A call is worth having without its reports. */
  async #bindRtcp(port: number): Promise<Socket | undefined> {
    try {
      return port > 65_535 ? undefined : await bind(this.#options.address, port);
    } catch {
      return undefined;
    }
  }

  #adopt(socket: Socket, rtcp: Socket | undefined): MediaSocket {
    const onClosed = () => this.#sockets.delete(media.local.port);
    const media = new UdpMediaSocket(socket, rtcp, this.#options.clock, onClosed);
    this.#sockets.set(media.local.port, media);
    return media;
  }

  #nextFree(): number | undefined {
    const { first, last } = this.#options;
    if (first === 0) return 0;
    for (let tried = 0; tried <= last - first; tried += 2) {
      const port = this.#cursor;
      this.#cursor = port + 2 <= last ? port + 2 : first + (first % 2);
      if (!this.#sockets.has(port) && !this.#claimed.has(port)) return port;
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#sockets.values()].map((socket) => socket.close()));
  }
}

async function bind(address: string, port: number): Promise<Socket> {
  const isIpv6 = address.includes(':');
  const family = isIpv6 ? 6 : 4;
  // Addresses are always numeric: nothing is looked up for a packet.
  const socket = createSocket({
    type: isIpv6 ? 'udp6' : 'udp4',
    lookup: (host, _options, done) => done(null, host, family),
  });
  const bound = once(socket, 'listening');
  try {
    socket.bind({ address, port, exclusive: true });
    await bound;
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

class UdpMediaSocket implements MediaSocket {
  readonly local: HostPort;
  onPacket: MediaSocket['onPacket'];
  onRtcp: MediaSocket['onRtcp'];
  sendErrors = 0;
  readonly #socket: Socket;
  readonly #rtcp: Socket | undefined;
  readonly #clock: Clock;
  readonly #onClosed: () => void;
  #state: 'open' | 'silencing' | 'closed' = 'open';
  #hasHeard = false;
  #waits = 0;
  #timer: Disposable | undefined;
  /** Made once: one closure serves every packet. */
  readonly #onSent = (error: Error | null): void => {
    if (error !== null) this.sendErrors++;
  };

  constructor(socket: Socket, rtcp: Socket | undefined, clock: Clock, onClosed: () => void) {
    const { address, port } = socket.address();
    this.local = { host: address, port };
    this.#socket = socket;
    this.#rtcp = rtcp;
    this.#clock = clock;
    this.#onClosed = onClosed;
    socket.on('message', (packet, from) => {
      this.#hasHeard = true;
      this.onPacket?.(packet, from.address, from.port);
    });
    rtcp?.on('message', (packet, from) => this.onRtcp?.(packet, from.address, from.port));
    for (const each of [socket, rtcp]) {
      each?.on('error', () => {
        this.sendErrors++;
      });
    }
  }

  sendRtcp(packet: Uint8Array, host: string, port: number): void {
    if (this.#state !== 'open' || this.#rtcp === undefined) return;
    try {
      this.#rtcp.send(packet, port, host, this.#onSent);
    } catch {
      this.sendErrors++;
    }
  }

  send(packet: Uint8Array, length: number, host: string, port: number): void {
    if (this.#state !== 'open') return;
    try {
      // A view of our own: the one that dgram makes of an offset and a length costs half a microsecond more.
      this.#socket.send(packet.subarray(0, length), port, host, this.#onSent);
    } catch {
      this.sendErrors++;
    }
  }

  [Symbol.dispose](): void {
    if (this.#state !== 'open') return;
    this.#state = 'silencing';
    this.onPacket = undefined;
    this.onRtcp = undefined;
    this.#awaitSilence();
  }

  #awaitSilence(): void {
    this.#hasHeard = false;
    this.#waits++;
    this.#timer = this.#clock.after(SILENCE_MS, () => {
      if (this.#hasHeard && this.#waits < MAX_SILENCE_WAITS) this.#awaitSilence();
      else void this.close();
    });
  }

  /** Gives the port back now. */
  close(): Promise<void> {
    if (this.#state === 'closed') return Promise.resolve();
    this.#state = 'closed';
    this.onPacket = undefined;
    this.onRtcp = undefined;
    this.#timer?.[Symbol.dispose]();
    this.#onClosed();
    this.#rtcp?.close();
    return new Promise((resolve) => {
      this.#socket.close(resolve);
    });
  }
}
