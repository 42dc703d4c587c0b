// A segment of captured audio: its own key sealed to the epoch's public key and its own secretstream. FORMAT.md §5.
import { WardlineError } from '../kernel/errors.ts';
import type { CaptureEncoding } from './intake.ts';
import { freeStream, randomBytes, type StreamState, sodium, wipe } from './sodium.ts';

/** Bytes that secretstream adds to a chunk: one for its tag, sixteen of Poly1305. */
export const CHUNK_OVERHEAD_BYTES = 17;
export const SEALED_KEY_BYTES = 80;
export const STREAM_HEADER_BYTES = 24;

/** What a chunk's additional data binds, beside the key. */
export interface ChunkPlace {
  readonly artifactId: string;
  readonly segment: number;
  readonly chunk: number;
  /** Per channel, counted from the artifact's start. */
  readonly firstSample: number;
  readonly samples: number;
  readonly encoding: CaptureEncoding;
  readonly channels: 1 | 2;
  readonly ends: Ends;
}

/** What a chunk ends: nothing, its segment, or the artifact, after which its writer says no more. */
export type Ends = 0 | 1 | 2;
export const ENDS = { nothing: 0, segment: 1, artifact: 2 } as const;

const AD_PREFIX = Buffer.from('wardline-chunk-1', 'ascii');
const ENCODING_CODES: Record<CaptureEncoding, number> = { 'ulaw-8000': 1, 'l16-16000': 2 };

/** The additional data of one chunk, 65 bytes: FORMAT.md §5.2. Whoever seals or opens many writes each over the one before. */
export function chunkBinding(place: ChunkPlace, data: Buffer = Buffer.alloc(65)): Uint8Array {
  AD_PREFIX.copy(data, 0);
  data.write(place.artifactId, 16, 26, 'ascii');
  data.writeUInt32BE(place.segment, 42);
  data.writeUInt32BE(place.chunk, 46);
  writeU64(data, place.firstSample, 50);
  data.writeUInt32BE(place.samples, 58);
  data.writeUInt8(ENCODING_CODES[place.encoding], 62);
  data.writeUInt8(place.channels, 63);
  data.writeUInt8(place.ends, 64);
  return data;
}

/** A whole number up to 2^53; through a BigInt it takes as long as all the rest. */
export function writeU64(data: Buffer, value: number, at: number): void {
  data.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  data.writeUInt32BE(value % 2 ** 32, at + 4);
}

/** Seals one segment's chunks. It knows the segment's key and the epoch's public key, and cannot open what it sealed before. */
export class SegmentSealer implements Disposable {
  /** The segment's key, sealed to the epoch. */
  readonly sealedKey: Uint8Array;
  /** The secretstream header. */
  readonly header: Uint8Array;
  readonly #state: StreamState;
  readonly #binding = Buffer.alloc(65);
  #isOver = false;

  constructor(epochPublicKey: Uint8Array) {
    const key = randomBytes(sodium.crypto_secretstream_xchacha20poly1305_KEYBYTES);
    const { state, header } = sodium.crypto_secretstream_xchacha20poly1305_init_push(key);
    this.sealedKey = sodium.crypto_box_seal(key, epochPublicKey);
    this.header = header;
    this.#state = state;
    wipe(key);
  }

  /** The chunk's ciphertext. After one that ends the segment nothing can follow. */
  seal(audio: Uint8Array, place: ChunkPlace): Uint8Array {
    if (this.#isOver) throw new WardlineError('segment-over', 'Audio was to be sealed into a segment that has ended.');
    const isFinal = place.ends !== ENDS.nothing;
    const tag = isFinal
      ? sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL
      : sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
    const body = sodium.crypto_secretstream_xchacha20poly1305_push(
      this.#state,
      audio,
      chunkBinding(place, this.#binding),
      tag,
    );
    if (isFinal) this[Symbol.dispose]();
    return body;
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    freeStream(this.#state);
  }
}

/** Opens one segment's chunks in order. */
export class SegmentOpener implements Disposable {
  readonly #state: StreamState;
  readonly #binding = Buffer.alloc(65);
  #isOver = false;

  constructor(key: Uint8Array, header: Uint8Array) {
    this.#state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(header, key);
  }

  /** The chunk's audio, or undefined when it is not the chunk that belongs at this place or does not end what it is said to end. */
  open(body: Uint8Array, place: ChunkPlace): Uint8Array | undefined {
    if (this.#isOver || body.length < CHUNK_OVERHEAD_BYTES) return undefined;
    const opened = sodium.crypto_secretstream_xchacha20poly1305_pull(
      this.#state,
      body,
      chunkBinding(place, this.#binding),
    );
    if (opened === false) return undefined;
    const isFinal = opened.tag === sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL;
    return isFinal === (place.ends !== ENDS.nothing) ? opened.message : undefined;
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    freeStream(this.#state);
  }
}
