// What the intake asks of a segment and of a chunk before it takes them, and what it says to those it refuses. FORMAT.md §6.
import { WardlineError } from '../../kernel/errors.ts';
import { MAX_SEGMENT_MS } from '../../seal/capture-sealer.ts';
import { bytesPerSample, type ChunkAsk, type SegmentAsk, sampleRate } from '../../seal/intake.ts';
import { CHUNK_OVERHEAD_BYTES, ENDS, type Ends } from '../../seal/segment.ts';
import type { ArtifactRow } from './artifact-rows.ts';

/** The longest recording, and the segments that it can have. */
const MAX_ARTIFACT_SECONDS = 24 * 3_600;
const MAX_SEGMENTS = 4_096;
const MAX_CHUNK_MS = 500;

/** How far a recording has come. */
export interface Progress {
  readonly artifact: ArtifactRow;
  readonly sum: { readonly segments: number; readonly samples: number };
  /** The newest segment. */
  readonly segment: { readonly ends: Ends } | undefined;
  readonly state: 'waiting' | 'capturing' | 'ended' | 'failed';
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Within what one artifact can be long. */
function isSampleNumber(value: unknown, encoding: ArtifactRow['encoding']): boolean {
  return isCount(value) && value <= MAX_ARTIFACT_SECONDS * sampleRate(encoding);
}

/**
 * A segment is the next one, begins after what is there, and comes from the artifact's own epoch. FORMAT.md §6.
 * @throws WardlineError `intake-malformed`
 */
export function mustFollow({ artifact, sum, segment: newest, state }: Progress, ask: SegmentAsk): void {
  const { segment, firstSample, epoch } = ask;
  const isNext = segment === sum.segments && segment < MAX_SEGMENTS;
  const isPlaced = isSampleNumber(firstSample, artifact.encoding) && firstSample >= sum.samples;
  const isOver = state === 'ended' || newest?.ends === ENDS.artifact;
  if (!isNext || !isPlaced || isOver || epoch !== artifact.epoch) throw malformed();
}

/** A chunk is no longer than may be, lies within its segment, and has the bytes that its samples take. FORMAT.md §6. */
export function isChunkShaped(
  ask: ChunkAsk,
  body: Uint8Array,
  { encoding, channels }: ArtifactRow,
  segmentFirst: number,
): boolean {
  const { firstSample, samples, ends } = ask;
  const rate = sampleRate(encoding);
  return (
    isSampleNumber(firstSample, encoding) &&
    isCount(samples) &&
    (ends === 0 || ends === 1 || ends === 2) &&
    samples * 1000 <= MAX_CHUNK_MS * rate &&
    firstSample >= segmentFirst &&
    (firstSample + samples - segmentFirst) * 1000 <= MAX_SEGMENT_MS * rate &&
    body.length === samples * bytesPerSample(encoding, channels) + CHUNK_OVERHEAD_BYTES
  );
}

export function malformed(): WardlineError {
  return new WardlineError('intake-malformed', 'The sealed audio does not follow what came before it.');
}

export function differs(): WardlineError {
  return new WardlineError('chunk-differs', 'Other audio is already kept at this place.');
}

export function isOver(): WardlineError {
  return new WardlineError('artifact-closed', 'This recording is over.');
}

export function writeFailed(): WardlineError {
  return new WardlineError('vault-write-failed', 'The vault could not write the audio; check the disk.');
}
