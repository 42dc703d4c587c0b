// The hash chain of the audit trail and its verifier: pure, so that anyone with a head and a public key can check. FORMAT.md §7.

export interface ChainEntry {
  readonly sequence: number;
  readonly sealed: Uint8Array;
  readonly link: Uint8Array;
  /** Keyed BLAKE2b of the link, which only the vault can make. */
  readonly mac: Uint8Array;
}

export interface ChainPosition {
  readonly sequence: number;
  readonly link: Uint8Array;
}

export interface ChainFault {
  readonly sequence: number;
  readonly problem: string;
}

/** BLAKE2b-256. */
export type Hash = (bytes: Uint8Array) => Uint8Array;
/** Whether `mac` is the vault's own over this sequence number and link; absent for a verifier without secrets. */
export type MacCheck = (entry: ChainEntry) => boolean;

const GENESIS_PREFIX = 'wardline-trail-1:';

/** What the first entry's link follows. */
export function genesisLink(vaultId: string, hash: Hash): Uint8Array {
  return hash(Buffer.from(GENESIS_PREFIX + vaultId, 'utf8'));
}

export function nextLink(previous: Uint8Array, sealed: Uint8Array, hash: Hash): Uint8Array {
  return hash(Buffer.concat([previous, sealed]));
}

/** What the MAC covers: u64 sequence, then the link. */
export function macInput(sequence: number, link: Uint8Array): Uint8Array {
  const input = Buffer.alloc(8 + link.length);
  input.writeBigUInt64BE(BigInt(sequence), 0);
  input.set(link, 8);
  return input;
}

/** Walks entries in order, one by one, so that a long trail never has to fit in memory. */
export class ChainVerifier {
  readonly #hash: Hash;
  readonly #isMacGood: MacCheck | undefined;
  /** All that were signed of one length: after a fork there are two, and both count. */
  readonly #heads = new Map<number, string[]>();
  #link: Uint8Array;
  entries = 0;
  firstBad: ChainFault | undefined;

  /** `heads` are positions that left the box: the chain must pass through each. */
  constructor(options: { vaultId: string; hash: Hash; isMacGood?: MacCheck; heads?: readonly ChainPosition[] }) {
    this.#hash = options.hash;
    this.#isMacGood = options.isMacGood;
    for (const { sequence, link } of options.heads ?? []) {
      this.#heads.set(sequence, [...(this.#heads.get(sequence) ?? []), hex(link)]);
    }
    this.#link = genesisLink(options.vaultId, options.hash);
  }

  get link(): Uint8Array {
    return this.#link;
  }

  /** Answers whether the entry is good; the first that is not stays in `firstBad`, and what follows is not looked at. */
  push(entry: ChainEntry): boolean {
    if (this.firstBad !== undefined) return false;
    const expected = this.entries + 1;
    if (entry.sequence !== expected) return this.#fail(expected, 'the entry is missing');
    const link = nextLink(this.#link, entry.sealed, this.#hash);
    if (hex(link) !== hex(entry.link)) return this.#fail(expected, 'the entry or one before it was changed');
    if (this.#isMacGood?.(entry) === false) return this.#fail(expected, 'the entry was not written by this vault');
    if (this.#heads.get(expected)?.some((head) => head !== hex(link))) {
      return this.#fail(expected, 'the trail up to here is not the one that the head was taken from');
    }
    this.#link = link;
    this.entries = expected;
    return true;
  }

  /** Call after the last entry: a head beyond it says that the end was cut off. */
  finish(): void {
    const beyond = Math.max(0, ...this.#heads.keys());
    if (this.firstBad === undefined && beyond > this.entries) {
      this.#fail(this.entries + 1, `the trail ends here, but a head says that there were ${beyond} entries`);
    }
  }

  #fail(sequence: number, problem: string): false {
    this.firstBad = { sequence, problem };
    return false;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
