// Token buckets by source address, so that one sender cannot keep the parser or the TLS handshakes busy; they ban nobody.
import type { Clock } from '../../kernel/clock.ts';

/** What one source may send; a listener without it counts nothing. An IPv6 source is its /64. */
export interface FloodLimits {
  /** UDP datagrams, before they are parsed. */
  readonly datagramsPerSecond: number;
  readonly datagramBurst: number;
  /** Connections that begin, before the handshake, those not counted that proved something; more wait their turn. */
  readonly connectionsPerSecond: number;
  readonly connectionBurst: number;
  /** Connections at once that have proven nothing: none of their requests was granted yet. More wait their turn. */
  readonly unprovenConnections: number;
  /** What proves nothing for so long is cut. */
  readonly unprovenMs: number;
}

/** Sources that are remembered; the one that was new the longest ago is forgotten first. */
const MAX_SOURCES = 16_384;

interface Bucket {
  tokens: number;
  atMs: number;
}

export class SourceBuckets {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = Math.max(1, burst);
  }

  /** Sources that are remembered just now. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token of that source; false when it has none left. */
  take(address: string): boolean {
    const source = sourceOf(address);
    const nowMs = this.#clock.monotonic();
    const bucket = this.#buckets.get(source) ?? this.#remember(source, nowMs);
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((nowMs - bucket.atMs) * this.#perSecond) / 1_000);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** Returns a token that was taken. */
  giveBack(address: string): void {
    const bucket = this.#buckets.get(sourceOf(address));
    if (bucket !== undefined) bucket.tokens = Math.min(this.#burst, bucket.tokens + 1);
  }

  #remember(source: string, nowMs: number): Bucket {
    if (this.#buckets.size >= MAX_SOURCES) {
      const oldest = this.#buckets.keys().next();
      if (oldest.done !== true) this.#buckets.delete(oldest.value);
    }
    const bucket = { tokens: this.#burst, atMs: nowMs };
    this.#buckets.set(source, bucket);
    return bucket;
  }
}

/** A household has a /64 of IPv6, and may change within it at will. */
export function sourceOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = ''] = address.split('::');
  const groups = head.split(':').slice(0, 4);
  return address.includes('::') || groups.length === 4 ? `${groups.join(':')}::/64` : address;
}
