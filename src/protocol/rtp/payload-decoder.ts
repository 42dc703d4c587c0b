// What turns the payloads of one codec into samples, as the jitter buffer asks for it; G.711, G.722 and L16 here, Opus in a file of its own.
import type { G711 } from '../../kernel/g711.ts';
import { pcma, pcmu } from '../../kernel/g711.ts';
import { G722Decoder } from './g722.ts';
import { decodeL16 } from './l16.ts';

/** State goes on from payload to payload. No call throws, whatever the bytes are. */
export interface PayloadDecoder {
  /** Samples that `packet[start..end)` holds, without decoding it; 0 when it can hold none. */
  samplesIn(packet: Uint8Array, start: number, end: number): number;
  /** Decodes it into `into` from `at` on; answers how many samples, 0 when it is broken. */
  decode(packet: Uint8Array, start: number, end: number, into: Int16Array, at: number): number;
  /** Makes about `count` samples of what was lost before the packet out of what the packet tells of it; 0 when it tells nothing. */
  recover?(packet: Uint8Array, start: number, end: number, into: Int16Array, at: number, count: number): number;
  /** Makes at least `count` samples in place of what never came; 0 when it cannot. */
  conceal?(into: Int16Array, at: number, count: number): number;
}

function g711Decoder(law: G711): PayloadDecoder {
  return {
    samplesIn: (_packet, start, end) => end - start,
    decode(packet, start, end, into, at) {
      law.decode(packet, start, end, into, at);
      return end - start;
    },
  };
}

/** Without state: one of each serves all. */
export const pcmuDecoder: PayloadDecoder = g711Decoder(pcmu);
export const pcmaDecoder: PayloadDecoder = g711Decoder(pcma);

export const l16Decoder: PayloadDecoder = {
  samplesIn: (_packet, start, end) => (end - start) >> 1,
  decode: decodeL16,
};

export function g722Decoder(): PayloadDecoder {
  const decoder = new G722Decoder();
  return {
    samplesIn: (_packet, start, end) => 2 * (end - start),
    decode(packet, start, end, into, at) {
      for (let i = start; i < end; i++) decoder.decode(packet[i] ?? 0, into, at + 2 * (i - start));
      return 2 * (end - start);
    },
  };
}
