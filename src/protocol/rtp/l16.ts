// L16 (RFC 3551 §4.5.11): linear samples of 16 bits on the wire, most significant byte first.

/** `packet[start..end)` into `into` from `at` on; answers how many samples. An odd byte at the end is left out. */
export function decodeL16(packet: Uint8Array, start: number, end: number, into: Int16Array, at: number): number {
  const count = (end - start) >> 1;
  for (let i = 0; i < count; i++) {
    into[at + i] = ((packet[start + 2 * i] ?? 0) << 8) | (packet[start + 2 * i + 1] ?? 0);
  }
  return count;
}

/** `count` samples of `from` into `into` from `at` on; answers how many bytes. */
export function encodeL16(from: Int16Array, count: number, into: Uint8Array, at: number): number {
  for (let i = 0; i < count; i++) {
    const sample = from[i] ?? 0;
    into[at + 2 * i] = (sample >> 8) & 0xff;
    into[at + 2 * i + 1] = sample & 0xff;
  }
  return 2 * count;
}
