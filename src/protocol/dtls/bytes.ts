// Numbers and length-prefixed vectors of TLS's presentation language (RFC 5246 §4), read without ever throwing.

/** Reads on from where it stopped; past the end it gives zeros and empty vectors, and `isBroken` says so. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;
  isBroken = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** All was read, and nothing was missing. */
  get isDone(): boolean {
    return !this.isBroken && this.#at === this.#bytes.length;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  uint(bytes: 1 | 2 | 3 | 6): number {
    const from = this.#at;
    if (!this.#advance(bytes)) return 0;
    return this.#bytes.readUIntBE(from, bytes);
  }

  take(count: number): Buffer {
    const from = this.#at;
    return this.#advance(count) ? this.#bytes.subarray(from, from + count) : Buffer.alloc(0);
  }

  /** `opaque x<0..2^(8·lengthBytes)-1>` */
  vector(lengthBytes: 1 | 2 | 3): Buffer {
    return this.take(this.uint(lengthBytes));
  }

  #advance(count: number): boolean {
    if (this.isBroken || count > this.left) {
      this.isBroken = true;
      return false;
    }
    this.#at += count;
    return true;
  }
}

export function uint(value: number, bytes: 1 | 2 | 3 | 6): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

export function vector(lengthBytes: 1 | 2 | 3, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([uint(body.length, lengthBytes), body]);
}

export function uint16List(values: readonly number[]): Buffer {
  return Buffer.concat(values.map((value) => uint(value, 2)));
}

export function readUint16List(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length >> 1 }, (_, i) => bytes.readUInt16BE(i * 2));
}
