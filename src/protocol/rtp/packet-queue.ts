// Packets that wait to be decoded, in the order of their timestamps; their bytes stay where they are until then.
import type { RtpHeader } from './packet.ts';
import type { PayloadDecoder } from './payload-decoder.ts';

export interface HeldPacket {
  sequence: number;
  timestamp: number;
  samples: number;
  /** The payload is `bytes[start..end)`. */
  bytes: Uint8Array;
  start: number;
  end: number;
  decoder: PayloadDecoder;
}

/** What a spare one holds: no packet is kept that was heard. */
const NOTHING = new Uint8Array(0);

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

  /** Takes the payload that `header` points at; the packet must stay as it is. The queue must not be full. */
  add(header: RtpHeader, packet: Uint8Array, samples: number, decoder: PayloadDecoder): void {
    const slot = this.#spare.pop() ?? emptySlot(decoder);
    slot.bytes = packet;
    slot.start = header.payloadStart;
    slot.end = header.payloadEnd;
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
    if (slot === undefined) return;
    slot.bytes = NOTHING;
    this.#spare.push(slot);
  }

  clear(): void {
    while (this.#held.length > 0) this.dropFirst();
  }
}

function emptySlot(decoder: PayloadDecoder): HeldPacket {
  return { sequence: 0, timestamp: 0, samples: 0, bytes: NOTHING, start: 0, end: 0, decoder };
}
