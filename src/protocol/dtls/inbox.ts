// Handshake messages out of fragments, in their order whatever order they came in (RFC 6347 §4.2.2, §4.2.3).
import { ByteReader, uint } from './bytes.ts';

export interface HandshakeMessage {
  readonly type: number;
  readonly epoch: number;
  readonly body: Buffer;
  /** Header and body as the transcript counts them: one fragment, whole (§4.2.6). */
  readonly whole: Buffer;
}

/** A certificate chain may be long; nothing else is. */
const MAX_MESSAGE_BYTES = 16_384;
/** Messages that may come before the one that is due. */
const MAX_AHEAD = 8;
/** Of one record. */
const MAX_FRAGMENTS = 16;

interface Assembly {
  readonly type: number;
  readonly epoch: number;
  readonly body: Buffer;
  readonly has: Uint8Array;
  missing: number;
}

export class HandshakeInbox {
  #next = 0;
  readonly #assemblies = new Map<number, Assembly>();
  /** A message came that was taken before: the peer has not heard our answer. */
  hasRepeat = false;

  /** Takes the fragments of one record, up to the first that is none. */
  put(record: Buffer, epoch: number): void {
    const reader = new ByteReader(record);
    for (let count = 0; reader.left > 0 && count < MAX_FRAGMENTS; count++) {
      const [type, length, number] = [reader.uint(1), reader.uint(3), reader.uint(2)];
      const from = reader.uint(3);
      const bytes = reader.vector(3);
      if (reader.isBroken || length > MAX_MESSAGE_BYTES || from + bytes.length > length) return;
      if (number < this.#next) this.hasRepeat = true;
      else if (number < this.#next + MAX_AHEAD) this.#fill({ type, length, number, epoch }, from, bytes);
    }
  }

  /** The message that is due, once it is whole. */
  take(): HandshakeMessage | undefined {
    const partial = this.#assemblies.get(this.#next);
    if (partial === undefined || partial.missing > 0) return undefined;
    this.#assemblies.delete(this.#next);
    const { type, epoch, body } = partial;
    return { type, epoch, body, whole: wholeMessage(type, this.#next++, body) };
  }

  #fill(head: { type: number; length: number; number: number; epoch: number }, from: number, bytes: Buffer): void {
    const { type, length, number, epoch } = head;
    let partial = this.#assemblies.get(number);
    // Whoever contradicts begins anew: what a stranger put in between is gone when the peer repeats itself.
    if (partial?.type !== type || partial.body.length !== length || partial.epoch !== epoch) {
      partial = { type, epoch, body: Buffer.alloc(length), has: new Uint8Array(length), missing: length };
      this.#assemblies.set(number, partial);
    }
    for (let i = 0; i < bytes.length; i++) {
      if (partial.has[from + i] === 1) continue;
      partial.has[from + i] = 1;
      partial.body[from + i] = bytes[i] ?? 0;
      partial.missing--;
    }
  }
}

export function wholeMessage(type: number, number: number, body: Buffer): Buffer {
  return Buffer.concat([fragmentHeader(type, number, body.length, 0, body.length), body]);
}

/** The message in pieces of at most `most` bytes of body, each with its header. */
export function fragmentsOf(whole: Buffer, most: number): Buffer[] {
  const [type, number] = [whole.readUInt8(0), whole.readUInt16BE(4)];
  const body = whole.subarray(12);
  if (body.length <= most) return [whole];
  const pieces: Buffer[] = [];
  for (let from = 0; from < body.length; from += most) {
    const piece = body.subarray(from, from + most);
    pieces.push(Buffer.concat([fragmentHeader(type, number, body.length, from, piece.length), piece]));
  }
  return pieces;
}

function fragmentHeader(type: number, number: number, length: number, from: number, bytes: number): Buffer {
  return Buffer.concat([uint(type, 1), uint(length, 3), uint(number, 2), uint(from, 3), uint(bytes, 3)]);
}
