// Packets that wait to be decoded, in the order of their timestamps; their bytes are copied, for the network's own are used again.
import type { RtpHeader } from './packet.ts';
import type { PayloadDecoder } from './payload-decoder.ts';

export interface HeldPacket {
  sequence: number;
  timestamp: number;
  samples: number;
  bytes: Uint8Array;
  length: number;
  decoder: PayloadDecoder;
}

/** 640 ms of packets of 10 ms. */
export const MAX_HELD = 64;

export class PacketQueue {
  readonly #held: HeldPacket[] = [];
  /** Used ones, for the next packet. */
  readonly #spare: HeldPacket[] = [];

  get first(): HeldPacket | undefined {
    return this.#held[0];
  }

  get last(): HeldPacket | undefined {
    return this.#held[this.#held.length - 1];
  }

  get size(): number {
    return this.#held.length;
  }

  /** Takes the payload that `header` points at. The queue must not be full. */
  add(header: RtpHeader, packet: Uint8Array, samples: number, decoder: PayloadDecoder): void {
    const length = header.payloadEnd - header.payloadStart;
    const slot = this.#spare.pop() ?? emptySlot(length, decoder);
    if (slot.bytes.length < length) slot.bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) slot.bytes[i] = packet[header.payloadStart + i] ?? 0;
    slot.length = length;
    slot.sequence = header.sequence;
    slot.timestamp = header.timestamp;
    slot.samples = samples;
    slot.decoder = decoder;
    let at = this.#held.length;
    while (at > 0 && (((this.#held[at - 1]?.timestamp ?? 0) - header.timestamp) | 0) > 0) at--;
    if (at === this.#held.length) this.#held.push(slot);
    else this.#held.splice(at, 0, slot);
  }

  dropFirst(): void {
    const slot = this.#held.shift();
    if (slot !== undefined) this.#spare.push(slot);
  }

  clear(): void {
    while (this.#held.length > 0) this.dropFirst();
  }
}

function emptySlot(length: number, decoder: PayloadDecoder): HeldPacket {
  return { sequence: 0, timestamp: 0, samples: 0, bytes: new Uint8Array(length), length: 0, decoder };
}
