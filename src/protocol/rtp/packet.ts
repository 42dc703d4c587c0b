// The RTP packet (RFC 3550 §5.1): parsed without copying, tolerant of CSRC lists, header extensions and padding, strict on bounds.

const FIXED_HEADER_BYTES = 12;
const VERSION = 2;

/** One packet as read; reused from packet to packet. Offsets are into the packet's own bytes. */
export interface RtpHeader {
  marker: boolean;
  payloadType: number;
  sequence: number;
  timestamp: number;
  ssrc: number;
  payloadStart: number;
  payloadEnd: number;
}

export function emptyRtpHeader(): RtpHeader {
  return { marker: false, payloadType: 0, sequence: 0, timestamp: 0, ssrc: 0, payloadStart: 0, payloadEnd: 0 };
}

/** Bytes of the header, CSRC list and extension included, or 0 when `packet[0..length)` is no RTP packet. */
export function rtpHeaderBytes(packet: Uint8Array, length: number): number {
  if (length < FIXED_HEADER_BYTES || length > packet.length) return 0;
  const first = packet[0] ?? 0;
  if (first >> 6 !== VERSION) return 0;
  const end = FIXED_HEADER_BYTES + (first & 0x0f) * 4;
  if ((first & 0x10) === 0) return end <= length ? end : 0;
  if (end + 4 > length) return 0;
  // RFC 3550 §5.3.1: 16 bits of profile, 16 bits of length in words.
  const extended = end + 4 + (((packet[end + 2] ?? 0) << 8) | (packet[end + 3] ?? 0)) * 4;
  return extended <= length ? extended : 0;
}

/** Reads `packet[0..length)` into `into`. False, and `into` in an unknown state, when it is no RTP packet. Never throws. */
export function parseRtp(packet: Uint8Array, length: number, into: RtpHeader): boolean {
  const start = rtpHeaderBytes(packet, length);
  if (start === 0) return false;
  if (isRtcp(packet)) return false;
  const second = packet[1] ?? 0;
  let end = length;
  if (((packet[0] ?? 0) & 0x20) !== 0) {
    const padding = packet[length - 1] ?? 0;
    if (padding === 0 || start + padding > length) return false;
    end -= padding;
  }
  into.marker = second >= 0x80;
  into.payloadType = second & 0x7f;
  into.sequence = ((packet[2] ?? 0) << 8) | (packet[3] ?? 0);
  into.timestamp = uint32(packet, 4);
  into.ssrc = uint32(packet, 8);
  into.payloadStart = start;
  into.payloadEnd = end;
  return true;
}

/** RFC 5761 §4: with RTP and RTCP on one port, 192-223 in the second byte is RTCP. */
export function isRtcp(packet: Uint8Array): boolean {
  const second = packet[1] ?? 0;
  return second >= 192 && second <= 223;
}

/** Writes a 12-byte header without CSRC or extension. Returns its length. */
export function writeRtpHeader(
  into: Uint8Array,
  marker: boolean,
  payloadType: number,
  sequence: number,
  timestamp: number,
  ssrc: number,
): number {
  into[0] = VERSION << 6;
  into[1] = (marker ? 0x80 : 0) | (payloadType & 0x7f);
  into[2] = (sequence >>> 8) & 0xff;
  into[3] = sequence & 0xff;
  putUint32(into, 4, timestamp);
  putUint32(into, 8, ssrc);
  return FIXED_HEADER_BYTES;
}

function uint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}

function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (value >>> 24) & 0xff;
  bytes[at + 1] = (value >>> 16) & 0xff;
  bytes[at + 2] = (value >>> 8) & 0xff;
  bytes[at + 3] = value & 0xff;
}
