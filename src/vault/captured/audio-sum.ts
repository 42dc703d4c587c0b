// The running hash over an artifact's segments and chunks, and what they add up to. FORMAT.md §5.3.
import { ENDS, writeU64 } from '../../seal/segment.ts';
import { blake2b } from '../../seal/sodium.ts';

export interface SegmentRow {
  readonly segment: number;
  readonly epoch: string;
  readonly first_sample: number;
  readonly header: Uint8Array;
}

export interface ChunkRow {
  readonly segment: number;
  readonly chunk: number;
  readonly first_sample: number;
  readonly samples: number;
  /** What it ends: see `Ends`. */
  readonly final: number;
  readonly body: Uint8Array;
}

/** What an artifact's stored audio adds up to. */
export interface AudioSum {
  readonly samples: number;
  readonly segments: number;
  readonly chunks: number;
  readonly tags: Uint8Array;
  /** No segment is missing and the last chunk ends the artifact. */
  readonly isWhole: boolean;
}

const SUM_PREFIX = Buffer.from('wardline-audio-1', 'ascii');
const SEGMENT_STEP = 1;
const CHUNK_STEP = 2;

/*
 * What is hashed for one step. Segment: sum 32 | step 1 | segment 4 | first sample 8, and the header after it.
 * Chunk: sum 32 | step 1 | segment 4 | chunk 4 | first sample 8 | samples 4 | ends 1 | hash of the body 32.
 */
const SEGMENT_BYTES = 45;
const CHUNK_BYTES = 86;

/** Where an artifact's running hash begins: FORMAT.md §5.3. */
function beginSum(artifactId: string): Uint8Array {
  return blake2b(Buffer.concat([SUM_PREFIX, Buffer.from(artifactId, 'ascii')]));
}

/** The hash once a segment has begun. */
function addSegment(sum: Uint8Array, { segment, first_sample, header }: Omit<SegmentRow, 'epoch'>): Uint8Array {
  const input = Buffer.alloc(SEGMENT_BYTES);
  input.set(sum, 0);
  input.writeUInt8(SEGMENT_STEP, 32);
  input.writeUInt32BE(segment, 33);
  writeU64(input, first_sample, 37);
  return blake2b(Buffer.concat([input, header]));
}

/** The hash after one more chunk. It covers the whole ciphertext: who knows a key of his own can make any tag. */
function addChunk(sum: Uint8Array, row: ChunkRow, input: Buffer): Uint8Array {
  input.set(sum, 0);
  input.writeUInt8(CHUNK_STEP, 32);
  input.writeUInt32BE(row.segment, 33);
  input.writeUInt32BE(row.chunk, 37);
  writeU64(input, row.first_sample, 41);
  input.writeUInt32BE(row.samples, 49);
  input.writeUInt8(row.final, 53);
  input.set(blake2b(row.body), 54);
  return blake2b(input);
}

/** Adds up an artifact's audio, row by row in order. */
export class RunningSum {
  tags: Uint8Array;
  samples = 0;
  segments = 0;
  chunks = 0;
  /** No segment is missing, and each but the last ends in a chunk that ends it and no more. */
  #isUnbroken = true;
  #last: number = ENDS.segment;
  /** What is hashed for a chunk, written over for each. */
  readonly #input = Buffer.alloc(CHUNK_BYTES);

  constructor(artifactId: string) {
    this.tags = beginSum(artifactId);
  }

  addSegment(row: Omit<SegmentRow, 'epoch'>): void {
    if (row.segment !== this.segments || this.#last !== ENDS.segment) this.#isUnbroken = false;
    this.tags = addSegment(this.tags, row);
    this.#last = ENDS.nothing;
    this.segments++;
  }

  addChunk(row: ChunkRow): void {
    if (row.segment !== this.segments - 1 || this.#last !== ENDS.nothing) this.#isUnbroken = false;
    this.tags = addChunk(this.tags, row, this.#input);
    this.samples = Math.max(this.samples, row.first_sample + row.samples);
    this.#last = row.final;
    this.chunks++;
  }

  /** What it adds up to; whole when the last chunk says that it ends the artifact. */
  get total(): AudioSum {
    const { samples, segments, chunks, tags } = this;
    return { samples, segments, chunks, tags, isWhole: this.#isUnbroken && this.#last === ENDS.artifact };
  }
}
