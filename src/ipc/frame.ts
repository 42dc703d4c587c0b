// The frame our processes exchange over unix sockets: u32 length, u32 header length (big endian), JSON header, binary body.
import type { Json } from '../kernel/canonical.ts';

/** What a frame says beside its body. `reply` and `error` carry the id of the request they answer. */
export type FrameHeader =
  | { readonly kind: 'hello'; readonly protocol: 1; readonly role: string; readonly token: string }
  | { readonly kind: 'request'; readonly id: number; readonly type: string; readonly payload: Json }
  | { readonly kind: 'reply'; readonly id: number; readonly payload: Json }
  | { readonly kind: 'error'; readonly id: number; readonly code: string; readonly sentence: string }
  | { readonly kind: 'notice'; readonly type: string; readonly payload: Json };

export interface Frame {
  readonly header: FrameHeader;
  readonly body: Uint8Array;
}

/** The longest frame that is sent or accepted, in bytes. */
export const MAX_FRAME_BYTES = 8 * 1024 * 1024;

const PREFIX_BYTES = 8;
const EMPTY = new Uint8Array(0);

export function encodeFrame(header: FrameHeader, body: Uint8Array = EMPTY): Buffer {
  const head = Buffer.from(JSON.stringify(header), 'utf8');
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + head.length + body.length);
  frame.writeUInt32BE(4 + head.length + body.length, 0);
  frame.writeUInt32BE(head.length, 4);
  head.copy(frame, PREFIX_BYTES);
  frame.set(body, PREFIX_BYTES + head.length);
  return frame;
}

/** Collects bytes and yields whole frames; returns a named fault instead of throwing, since bytes come from outside. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;

  /** The frames that `chunk` completes, or `'fault'` when the peer does not speak this protocol. */
  push(chunk: Buffer): Frame[] | 'fault' {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: Frame[] = [];
    for (;;) {
      const need = this.#neededBytes();
      if (need === 'fault') return 'fault';
      if (need > this.#length) return frames;
      const frame = decodeFrame(this.#take(need));
      if (frame === undefined) return 'fault';
      frames.push(frame);
    }
  }

  #neededBytes(): number | 'fault' {
    if (this.#length < 4) return 4;
    const length = this.#joined().readUInt32BE(0);
    return length < 4 || length > MAX_FRAME_BYTES ? 'fault' : 4 + length;
  }

  #joined(): Buffer {
    const first = this.#chunks[0];
    if (this.#chunks.length === 1 && first !== undefined) return first;
    if (first !== undefined && first.length >= 4) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #take(bytes: number): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = all.length > bytes ? [all.subarray(bytes)] : [];
    this.#length -= bytes;
    return all.subarray(0, bytes);
  }
}

function decodeFrame(frame: Buffer): Frame | undefined {
  if (frame.length < PREFIX_BYTES) return undefined;
  const headerLength = frame.readUInt32BE(4);
  if (PREFIX_BYTES + headerLength > frame.length) return undefined;
  const header = parseHeader(frame.toString('utf8', PREFIX_BYTES, PREFIX_BYTES + headerLength));
  return header === undefined ? undefined : { header, body: frame.subarray(PREFIX_BYTES + headerLength) };
}

const KINDS = new Set(['hello', 'request', 'reply', 'error', 'notice']);

function parseHeader(text: string): FrameHeader | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('kind' in value)) return undefined;
    return KINDS.has(String(value.kind)) ? (value as FrameHeader) : undefined;
  } catch {
    return undefined;
  }
}
