// Opus in Ogg (RFC 3533, RFC 7845), as little of it as is needed to trade packets with opus-tools and ffmpeg.

const HEADER_BYTES = 27;
const CAPTURE = 'OggS';
const SAMPLE_RATE = 48_000;
const CRC_POLYNOMIAL = 0x04c11db7;

/** The audio packets of a file with one Opus stream, its two header packets left out; and how many samples at 48 kHz come before its start. */
export function readOpusFile(bytes: Buffer): { readonly packets: Buffer[]; readonly preSkip: number } {
  const packets: Buffer[] = [];
  let unfinished: Buffer[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length && bytes.toString('latin1', at, at + 4) === CAPTURE; ) {
    const lacing = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + (bytes[at + 26] ?? 0));
    at += HEADER_BYTES + lacing.length;
    for (const size of lacing) {
      unfinished.push(bytes.subarray(at, at + size));
      at += size;
      if (size === 255) continue;
      packets.push(Buffer.concat(unfinished));
      unfinished = [];
    }
  }
  return { packets: packets.slice(2), preSkip: packets[0]?.readUInt16LE(10) ?? 0 };
}

/** A file of mono `packets` of `packetMs` each, which began at `rate`. */
export function writeOpusFile(packets: readonly Uint8Array[], packetMs: number, rate: number, preSkip: number): Buffer {
  const head = Buffer.from('OpusHead\x01\x01\0\0\0\0\0\0\0\0\0', 'latin1');
  head.writeUInt16LE(preSkip, 10);
  head.writeUInt32LE(rate, 12);
  const tags = Buffer.from('OpusTags\0\0\0\0\0\0\0\0', 'latin1');
  const pages = [page(head, 0, 0n, 0x02), page(tags, 1, 0n, 0)];
  for (const [i, packet] of packets.entries()) {
    const granule = BigInt(Math.round(((i + 1) * packetMs * SAMPLE_RATE) / 1000));
    pages.push(page(packet, i + 2, granule, i === packets.length - 1 ? 0x04 : 0));
  }
  return Buffer.concat(pages);
}

function page(packet: Uint8Array, sequence: number, granule: bigint, flags: number): Buffer {
  const lacing = [...Array<number>(Math.floor(packet.length / 255)).fill(255), packet.length % 255];
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(CAPTURE, 'latin1');
  header[5] = flags;
  header.writeBigUInt64LE(granule, 6);
  header.writeUInt32LE(1, 14);
  header.writeUInt32LE(sequence, 18);
  header[26] = lacing.length;
  const whole = Buffer.concat([header, Buffer.from(lacing), packet]);
  whole.writeUInt32LE(checksum(whole), 22);
  return whole;
}

function checksum(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x80000000) === 0 ? crc << 1 : (crc << 1) ^ CRC_POLYNOMIAL;
  }
  return crc >>> 0;
}
