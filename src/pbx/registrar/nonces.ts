// Nonces that expire, cannot be forged and cannot be used twice with the same count (RFC 7616 §3.3, §3.4.5, §5.5).
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';

export type NonceVerdict = 'fresh' | 'stale' | 'forged';

export interface NonceOptions {
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
  readonly lifetimeMs?: number;
}

const LIFETIME_MS = 5 * 60_000;
const MAX_TRACKED = 20_000;
const RANDOM_BYTES = 8;
const TIME_BYTES = 6;
const MAC_BYTES = 16;
const KEY_BYTES = 32;

export class Nonces {
  readonly #options: NonceOptions;
  readonly #key: Uint8Array;
  /** The highest count seen with each nonce; the oldest is forgotten first, and a forgotten nonce counts as stale. */
  readonly #counts = new Map<string, number>();
  #forgottenBefore = 0;

  constructor(options: NonceOptions) {
    this.#options = options;
    this.#key = options.random(KEY_BYTES);
  }

  issue(): string {
    const body = Buffer.alloc(TIME_BYTES + RANDOM_BYTES);
    body.writeUIntBE(this.#options.clock.now(), 0, TIME_BYTES);
    body.set(this.#options.random(RANDOM_BYTES), TIME_BYTES);
    return Buffer.concat([body, this.#mac(body)]).toString('base64url');
  }

  /** Only whether it is ours and young; `use` takes the count, once the password proved right. */
  check(nonce: string): NonceVerdict {
    const issuedAt = this.#issuedAt(nonce);
    if (issuedAt === undefined) return 'forged';
    const age = this.#options.clock.now() - issuedAt;
    const isYoung = age >= 0 && age < (this.#options.lifetimeMs ?? LIFETIME_MS);
    return isYoung && (issuedAt >= this.#forgottenBefore || this.#counts.has(nonce)) ? 'fresh' : 'stale';
  }

  /** Takes the count `nc` of `nonce`: false when that count, or a later one, was used before. */
  use(nonce: string, nc: string): boolean {
    const count = Number.parseInt(nc, 16);
    if (count <= (this.#counts.get(nonce) ?? 0)) return false;
    this.#counts.delete(nonce);
    this.#counts.set(nonce, count);
    this.#limit();
    return true;
  }

  #limit(): void {
    if (this.#counts.size <= MAX_TRACKED) return;
    const oldest = this.#counts.keys().next().value;
    if (oldest === undefined) return;
    this.#counts.delete(oldest);
    this.#forgottenBefore = Math.max(this.#forgottenBefore, (this.#issuedAt(oldest) ?? 0) + 1);
  }

  #issuedAt(nonce: string): number | undefined {
    const bytes = Buffer.from(nonce, 'base64url');
    if (bytes.length !== TIME_BYTES + RANDOM_BYTES + MAC_BYTES) return undefined;
    const body = bytes.subarray(0, TIME_BYTES + RANDOM_BYTES);
    if (!timingSafeEqual(bytes.subarray(body.length), this.#mac(body))) return undefined;
    return body.readUIntBE(0, TIME_BYTES);
  }

  #mac(body: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(body).digest().subarray(0, MAC_BYTES);
  }
}
