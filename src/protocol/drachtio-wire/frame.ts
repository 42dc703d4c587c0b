// Frames of drachtio-server's application wire: a decimal count of bytes, `#`, and that many bytes of UTF-8.
import { Buffer } from 'node:buffer';

/** The largest frame that is taken; drachtio-server itself stops at about 12 kB. */
export const MAX_FRAME_BYTES = 1_048_576;
/** Leading zeros are legal, so a prefix may be longer than the number needs. */
const MAX_PREFIX_DIGITS = 8;

const HASH = 0x23;
const ZERO = 0x30;
const NINE = 0x39;

export type FrameFault = 'bad-length' | 'frame-too-large';

export function encodeFrame(leader: string, text?: Uint8Array): Buffer {
  const head = text === undefined ? leader : `${leader}\r\n`;
  const length = Buffer.byteLength(head, 'utf8') + (text?.length ?? 0);
  const prefix = `${length}#`;
  const frame = Buffer.allocUnsafe(prefix.length + length);
  const at = frame.write(prefix + head, 'utf8');
  if (text !== undefined) frame.set(text, at);
  return frame;
}

/** Cuts a TCP stream into payloads, however it was split. After a fault nothing more comes: the connection is to be closed. */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #have = 0;
  /** The length that was announced, or -1 while the prefix is read. */
  #need = -1;
  #digits = 0;
  #value = 0;
  #isBroken = false;

  constructor(maxBytes = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): { readonly payloads: Buffer[]; readonly fault?: FrameFault } {
    const payloads: Buffer[] = [];
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (at < buffer.length && !this.#isBroken) {
      if (this.#need < 0) {
        const fault = this.#readPrefix(buffer[at] ?? 0);
        at += 1;
        if (fault !== undefined) {
          this.#isBroken = true;
          return { payloads, fault };
        }
      } else {
        const part = buffer.subarray(at, at + this.#need - this.#have);
        this.#chunks.push(part);
        this.#have += part.length;
        at += part.length;
      }
      if (this.#need >= 0 && this.#have === this.#need) payloads.push(this.#take());
    }
    return { payloads };
  }

  #readPrefix(byte: number): FrameFault | undefined {
    if (byte === HASH && this.#digits > 0) {
      if (this.#value > this.#maxBytes) return 'frame-too-large';
      this.#need = this.#value;
      return undefined;
    }
    if (byte < ZERO || byte > NINE || this.#digits === MAX_PREFIX_DIGITS) return 'bad-length';
    this.#digits += 1;
    this.#value = this.#value * 10 + (byte - ZERO);
    return undefined;
  }

  #take(): Buffer {
    const payload = Buffer.concat(this.#chunks, this.#need);
    this.#chunks = [];
    this.#have = 0;
    this.#need = -1;
    this.#digits = 0;
    this.#value = 0;
    return payload;
  }
}
