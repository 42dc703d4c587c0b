// G.711 µ-law and A-law (ITU-T G.711), both ways by table: 8 bits to 16-bit linear and back.
export interface G711 {
  /** RFC 3551 §6: its static payload type. */
  readonly payloadType: number;
  /** What silence is on the wire. */
  readonly silence: number;
  /** Decodes `from[start..end)` into `into` from `at` on. */
  decode(from: Uint8Array, start: number, end: number, into: Int16Array, at: number): void;
  /** Encodes the first `count` samples of `from` into `into` from `at` on; answers how many bytes. */
  encode(from: Int16Array, count: number, into: Uint8Array, at: number): number;
}

export const pcmu: G711 = fromTables(0, 0xff, decodeTable(muLawToLinear), encodeTable(linearToMuLaw));
export const pcma: G711 = fromTables(8, 0xd5, decodeTable(aLawToLinear), encodeTable(linearToALaw));

function fromTables(payloadType: number, silence: number, linear: Int16Array, coded: Uint8Array): G711 {
  return {
    payloadType,
    silence,
    decode(from, start, end, into, at) {
      for (let i = start; i < end; i++) into[at + i - start] = linear[from[i] ?? silence] ?? 0;
    },
    encode(from, count, into, at) {
      for (let i = 0; i < count; i++) into[at + i] = coded[(from[i] ?? 0) & 0xffff] ?? silence;
      return count;
    },
  };
}

function decodeTable(decode: (code: number) => number): Int16Array {
  return Int16Array.from({ length: 256 }, (_, code) => decode(code));
}

function encodeTable(encode: (sample: number) => number): Uint8Array {
  // Read as signed 16 bits: the upper half of the table holds the negative samples.
  return Uint8Array.from({ length: 65536 }, (_, i) => encode((i << 16) >> 16));
}

/** G.711 table 2: complemented sign, segment, step; 14-bit magnitudes with a bias of 33, here scaled to 16 bits. */
function muLawToLinear(code: number): number {
  const bits = ~code & 0xff;
  const magnitude = ((((bits & 0x0f) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84;
  return (bits & 0x80) !== 0 ? -magnitude : magnitude;
}

function linearToMuLaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(sample < 0 ? -sample : sample, 32635) + 0x84;
  const segment = 24 - Math.clz32(magnitude);
  return ~(sign | (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)) & 0xff;
}

/** G.711 table 1: even bits inverted; 13-bit magnitudes, here scaled to 16 bits. */
function aLawToLinear(code: number): number {
  const bits = code ^ 0x55;
  const segment = (bits >> 4) & 7;
  const step = ((bits & 0x0f) << 4) + 8;
  const magnitude = segment === 0 ? step : (step + 0x100) << (segment - 1);
  return (bits & 0x80) !== 0 ? magnitude : -magnitude;
}

function linearToALaw(sample: number): number {
  const sign = sample >= 0 ? 0x80 : 0;
  const magnitude = Math.min(sample >= 0 ? sample : -sample - 1, 32767);
  const segment = Math.max(0, 24 - Math.clz32(magnitude));
  const step = segment === 0 ? magnitude >> 4 : magnitude >> (segment + 3);
  return (sign | (segment << 4) | (step & 0x0f)) ^ 0x55;
}
