// One number that stands for all mutable rows: the sum modulo 2^256 of a keyed hash of each. Every audit entry carries it, so that
// a start compares one value instead of walking the whole trail (MSet-Add-Hash, Clarke et al. 2003). FORMAT.md §7.3.
import type { RowChange } from '../../audit/entry.ts';
import { canonicalBytes } from '../../kernel/canonical.ts';
import { blake2b } from '../../seal/sodium.ts';

const MASK = (1n << 256n) - 1n;

export class StateDigest {
  #key: Uint8Array;
  #sum = 0n;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  get value(): bigint {
    return this.#sum;
  }

  get hex(): string {
    return this.#sum.toString(16).padStart(64, '0');
  }

  set(value: bigint): void {
    this.#sum = value;
  }

  /** Begins again with the key of a new root. */
  rekey(key: Uint8Array): void {
    this.#key = key;
    this.#sum = 0n;
  }

  add(row: Required<RowChange>): void {
    this.#sum = (this.#sum + this.#term(row)) & MASK;
  }

  remove(row: Required<RowChange>): void {
    this.#sum = (this.#sum - this.#term(row)) & MASK;
  }

  #term({ table, row, version, hash }: Required<RowChange>): bigint {
    const digest = blake2b(canonicalBytes({ hash, row, table, version }), this.#key);
    return BigInt(`0x${Buffer.from(digest).toString('hex')}`);
  }
}
