// What the edge makes up: message and transaction ids (RFC 4122 v4), tags, Call-IDs, first CSeq numbers.
import { Buffer } from 'node:buffer';
import type { Clock } from '../../kernel/clock.ts';

export type Random = (count: number) => Uint8Array;

export interface Ids {
  uuid(): string;
  tag(): string;
  /** Time-based, so that a restart goes on above what it used (RFC 3261 §8.1.1.5); below 2^31. */
  cseq(): number;
  rseq(): number;
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
}

export function createIds(random: Random, clock: Clock): Ids {
  return {
    uuid() {
      const bytes = Buffer.from(random(16));
      bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
      bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
      const hex = bytes.toString('hex');
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
    },
    tag: () => Buffer.from(random(9)).toString('base64url').replaceAll('_', 'a').replaceAll('-', 'b'),
    cseq: () => Math.floor(clock.now() / 1000) % 1_000_000_000,
    rseq: () => 1 + (Buffer.from(random(2)).readUInt16BE(0) % 10_000),
    below: (limit) => Buffer.from(random(6)).readUIntBE(0, 6) % limit,
  };
}
