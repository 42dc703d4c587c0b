// A network in memory and in virtual time: media sockets that reach each other through whatever is inflicted on the way.
import type { MediaPorts, MediaSocket } from '../../src/engine/runtime/media-socket.ts';
import type { ManualClock } from './manual-clock.ts';

const HOST = '192.0.2.1';
const FIRST_PORT = 20_000;

/** What becomes of the `index`-th packet of audio: the delay in ms of each copy that arrives; none when it is lost. */
export type Affliction = (index: number) => readonly number[];

interface Travelling {
  readonly dueMs: number;
  readonly arrive: () => void;
}

export class VirtualNetwork implements MediaPorts {
  readonly #clock: ManualClock;
  readonly #sockets = new Map<number, VirtualSocket>();
  #travelling: Travelling[] = [];
  #sent = 0;
  afflict: Affliction = () => [0];
  /** Sees every packet of audio as it arrives at a port. */
  tap: ((port: number, packet: Uint8Array) => void) | undefined;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  open(): Promise<MediaSocket> {
    const port = FIRST_PORT + 2 * this.#sockets.size;
    const socket = new VirtualSocket(this, port);
    this.#sockets.set(port, socket);
    return Promise.resolve(socket);
  }

  get inUse(): number {
    return this.#sockets.size;
  }

  /** Lets `ms` pass: what is due meanwhile arrives at its time. */
  advance(ms: number): void {
    const end = this.#clock.monotonic() + ms;
    for (let next = this.#travelling[0]; next !== undefined && next.dueMs <= end; next = this.#travelling[0]) {
      this.#travelling.shift();
      this.#clock.advance(Math.max(0, next.dueMs - this.#clock.monotonic()));
      next.arrive();
    }
    this.#clock.advance(Math.max(0, end - this.#clock.monotonic()));
  }

  carry(from: number, to: number, packet: Uint8Array): void {
    const delays = this.afflict(this.#sent++);
    for (const delay of delays) {
      const bytes = packet.slice();
      this.#post(delay, () => {
        this.tap?.(to, bytes);
        this.#sockets.get(to)?.onPacket?.(bytes, HOST, from);
      });
    }
  }

  /** Reports arrive whatever befalls the audio. */
  carryControl(from: number, to: number, packet: Uint8Array): void {
    const bytes = packet.slice();
    this.#post(0, () => this.#sockets.get(to - 1)?.onRtcp?.(bytes, HOST, from + 1));
  }

  #post(delayMs: number, arrive: () => void): void {
    const dueMs = this.#clock.monotonic() + delayMs;
    let at = this.#travelling.length;
    while (at > 0 && (this.#travelling[at - 1]?.dueMs ?? 0) > dueMs) at--;
    this.#travelling.splice(at, 0, { dueMs, arrive });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#sockets.clear();
    return Promise.resolve();
  }
}

class VirtualSocket implements MediaSocket {
  readonly #network: VirtualNetwork;
  readonly local: { readonly host: string; readonly port: number };
  readonly sendErrors = 0;
  onPacket: MediaSocket['onPacket'];
  onRtcp: MediaSocket['onRtcp'];

  constructor(network: VirtualNetwork, port: number) {
    this.#network = network;
    this.local = { host: HOST, port };
  }

  send(packet: Uint8Array, length: number, _host: string, port: number): void {
    this.#network.carry(this.local.port, port, packet.subarray(0, length));
  }

  sendRtcp(packet: Uint8Array, _host: string, port: number): void {
    this.#network.carryControl(this.local.port, port, packet);
  }

  [Symbol.dispose](): void {
    this.onPacket = undefined;
    this.onRtcp = undefined;
  }
}
