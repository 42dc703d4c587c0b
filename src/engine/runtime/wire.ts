// What carries a connection's messages: a byte stream that is cut by Content-Length (RFC 3261 §18.3), or WebSocket frames.
import type { Socket } from 'node:net';
import { SipStreamReader, type StreamItem } from '../../protocol/sip/parse.ts';
import type { StackLimits } from './limits.ts';

export interface WireEvents {
  /** Asked before anything that came is parsed; false drops it. */
  mayRead(): boolean;
  /** `isMidMessage`: part of a further message has come and its rest has not. */
  onItems(items: readonly StreamItem[], isMidMessage: boolean): void;
  /** What came breaks the rules of the wire itself, or nothing came for too long: it is to be closed. */
  onBroken(reason: string): void;
  onClosed(): void;
}

export interface Wire {
  /** Bytes that were sent and that the peer has not taken yet. */
  readonly waitingBytes: number;
  /** To be called once, before anything else. */
  start(events: WireEvents): void;
  send(bytes: Uint8Array): void;
  /** Closes after what was sent has left. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

export class StreamWire implements Wire {
  readonly #socket: Socket;
  readonly #reader: SipStreamReader;

  constructor(socket: Socket, limits: StackLimits) {
    this.#socket = socket;
    this.#reader = new SipStreamReader(limits);
  }

  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  start({ mayRead, onItems, onClosed }: WireEvents): void {
    this.#socket.on('data', (chunk: Buffer) => {
      if (mayRead()) onItems(this.#reader.push(chunk), this.#reader.isMidMessage);
    });
    // 'close' follows every error.
    this.#socket.on('error', () => {});
    this.#socket.on('close', onClosed);
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  end(): void {
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
