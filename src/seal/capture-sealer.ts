// Cuts one artifact's audio into chunks and segments and seals them: bytes in, sealed frames out; no clock, no socket. FORMAT.md §5.
import { bytesPerSample, type ChunkAsk, type IntakeGrant, type SegmentAsk, sampleRate } from './intake.ts';
import { ENDS, type Ends, SegmentSealer } from './segment.ts';
import { wipe } from './sodium.ts';

/**
 * A chunk is sealed when it holds this much: whole packets of 10 to 60 ms, and of one channel of µ-law two rows on a database's page (at
 * 250 ms it is one, and half of the disk is air). The format allows 500 ms.
 */
export const CHUNK_MS = 240;
export const MAX_SEGMENT_MS = 60_000;

export type SealedFrame =
  | { readonly type: 'intake.segment'; readonly ask: SegmentAsk; readonly body: Uint8Array }
  | { readonly type: 'intake.chunk'; readonly ask: ChunkAsk; readonly body: Uint8Array };

export class CaptureSealer implements Disposable {
  readonly #artifactId: string;
  readonly #grant: IntakeGrant;
  readonly #publicKey: Uint8Array;
  readonly #sampleBytes: number;
  readonly #chunkSamples: number;
  readonly #segmentSamples: number;
  /** Clear audio that waits to be sealed; in RAM alone, wiped after. */
  readonly #pending: Uint8Array;
  #pendingBytes = 0;
  #pendingAt = 0;
  #nextSample = 0;
  #segment:
    | { readonly sealer: SegmentSealer; readonly number: number; readonly first: number; chunks: number }
    | undefined;
  #nextSegment: number;
  #frames: SealedFrame[] = [];
  segments = 0;
  chunks = 0;

  constructor(artifactId: string, grant: IntakeGrant) {
    const rate = sampleRate(grant.encoding);
    this.#artifactId = artifactId;
    this.#grant = grant;
    this.#publicKey = Buffer.from(grant.publicKey, 'base64');
    this.#sampleBytes = bytesPerSample(grant.encoding, grant.channels);
    this.#chunkSamples = (rate * CHUNK_MS) / 1000;
    this.#segmentSamples = (rate * MAX_SEGMENT_MS) / 1000;
    this.#pending = new Uint8Array(this.#chunkSamples * this.#sampleBytes);
    this.#nextSegment = grant.nextSegment;
    this.#nextSample = grant.nextSample;
  }

  get hasPending(): boolean {
    return this.#pendingBytes > 0;
  }

  /** Takes audio and answers the chunks that it filled. What lies before the last sample taken is left out. */
  write(bytes: Uint8Array, atSample: number): SealedFrame[] {
    const overlap = Math.max(0, this.#nextSample - atSample);
    const from = Math.min(bytes.length, overlap * this.#sampleBytes);
    const usable = bytes.length - ((bytes.length - from) % this.#sampleBytes);
    if (from >= usable) return [];
    const first = atSample + overlap;
    if (first !== this.#nextSample) this.#sealPending(false);
    let offset = from;
    this.#nextSample = first;
    while (offset < usable) offset += this.#take(bytes.subarray(offset, usable));
    return this.#takeFrames();
  }

  /** Seals what waits, however little. */
  flush(): SealedFrame[] {
    this.#sealPending(false);
    return this.#takeFrames();
  }

  /** Seals what waits and says that nothing follows: in a last, empty segment when none is open. */
  end(): SealedFrame[] {
    this.#sealPending(true);
    return this.#takeFrames();
  }

  [Symbol.dispose](): void {
    wipe(this.#pending);
    this.#pendingBytes = 0;
    this.#segment?.sealer[Symbol.dispose]();
    this.#segment = undefined;
  }

  #take(bytes: Uint8Array): number {
    if (this.#pendingBytes === 0) this.#pendingAt = this.#nextSample;
    const part = bytes.subarray(0, this.#pending.length - this.#pendingBytes);
    this.#pending.set(part, this.#pendingBytes);
    this.#pendingBytes += part.length;
    this.#nextSample += part.length / this.#sampleBytes;
    if (this.#pendingBytes === this.#pending.length) this.#sealPending(false);
    return part.length;
  }

  #sealPending(isLast: boolean): void {
    if (this.#pendingBytes === 0 && !isLast) return;
    const samples = this.#pendingBytes / this.#sampleBytes;
    const at = samples === 0 ? this.#nextSample : this.#pendingAt;
    this.#endSegmentBefore(at + samples);
    const segment = this.#segment ?? this.#beginSegment(at);
    const isFull = at + samples + this.#chunkSamples - segment.first > this.#segmentSamples;
    const ends = isLast ? ENDS.artifact : isFull ? ENDS.segment : ENDS.nothing;
    this.#sealChunk(this.#pending.subarray(0, this.#pendingBytes), at, samples, ends);
    this.#pending.fill(0, 0, this.#pendingBytes);
    this.#pendingBytes = 0;
  }

  /** A gap can carry a chunk past its segment's 60 s; the segment then ends with an empty chunk. */
  #endSegmentBefore(end: number): void {
    const segment = this.#segment;
    if (segment === undefined || end - segment.first <= this.#segmentSamples) return;
    this.#sealChunk(new Uint8Array(0), segment.first, 0, ENDS.segment);
  }

  #beginSegment(firstSample: number) {
    const sealer = new SegmentSealer(this.#publicKey);
    const segment = { sealer, number: this.#nextSegment++, first: firstSample, chunks: 0 };
    this.#segment = segment;
    this.segments++;
    const ask = { artifactId: this.#artifactId, segment: segment.number, epoch: this.#grant.epoch, firstSample };
    this.#frames.push({ type: 'intake.segment', ask, body: Buffer.concat([sealer.sealedKey, sealer.header]) });
    return segment;
  }

  #sealChunk(audio: Uint8Array, firstSample: number, samples: number, ends: Ends): void {
    const segment = this.#segment!;
    const { encoding, channels } = this.#grant;
    const ask = {
      artifactId: this.#artifactId,
      segment: segment.number,
      chunk: segment.chunks++,
      firstSample,
      samples,
      ends,
    };
    const body = segment.sealer.seal(audio, { ...ask, encoding, channels });
    this.#frames.push({ type: 'intake.chunk', ask, body });
    this.chunks++;
    if (ends !== ENDS.nothing) this.#segment = undefined;
  }

  #takeFrames(): SealedFrame[] {
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }
}
