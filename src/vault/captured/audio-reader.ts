// Reads an artifact's audio back: opens only the segments that a range needs, checks every chunk, fills gaps with silence.
import { WardlineError } from '../../kernel/errors.ts';
import { bytesPerSample } from '../../seal/intake.ts';
import { ENDS, type Ends, SegmentOpener, STREAM_HEADER_BYTES } from '../../seal/segment.ts';
import { wipe } from '../../seal/sodium.ts';
import type { RecordKeys } from '../store/record-keys.ts';
import { type ArtifactRow, type ArtifactRows, segmentKeyRow } from './artifact-rows.ts';
import type { SegmentRow } from './audio-sum.ts';

/** Bytes of one answer. */
export const MAX_AUDIO_BYTES = 4 * 1024 * 1024;
const SILENCE = { 'ulaw-8000': 0xff, 'l16-16000': 0 };

interface Range {
  readonly from: number;
  readonly until: number;
  readonly out: Uint8Array;
  readonly sampleBytes: number;
}

export class AudioReader {
  readonly #rows: ArtifactRows;
  readonly #keys: RecordKeys;
  readonly #onTampered: (artifactId: string) => void;

  constructor(rows: ArtifactRows, keys: RecordKeys, onTampered: (artifactId: string) => void) {
    this.#rows = rows;
    this.#keys = keys;
    this.#onTampered = onTampered;
  }

  /**
   * Audio from `fromSample`, at most `samples` (per channel) of it.
   * @throws WardlineError `records-locked`, `artifact-tampered`
   */
  read(artifact: ArtifactRow, fromSample: number, samples: number): { audio: Uint8Array; totalSamples: number } {
    const segments = this.#rows.segments(artifact.row);
    this.#mustBeComplete(artifact.row, segments);
    const total = this.#rows.closing(artifact.row)?.samples ?? this.#rows.samples(artifact.row);
    const sampleBytes = bytesPerSample(artifact.encoding, artifact.channels);
    const from = clamp(fromSample, 0, total);
    const until = clamp(from + samples, from, Math.min(total, from + Math.floor(MAX_AUDIO_BYTES / sampleBytes)));
    const out = new Uint8Array((until - from) * sampleBytes).fill(SILENCE[artifact.encoding]);
    for (const [index, segment] of segments.entries()) {
      const end = segments[index + 1]?.first_sample ?? Number.POSITIVE_INFINITY;
      if (segment.first_sample < until && end > from)
        this.#readSegment(artifact, segment, { from, until, out, sampleBytes });
    }
    return { audio: out, totalSamples: total };
  }

  /** No segment is missing, and there are as many as the closing says. */
  #mustBeComplete(artifactId: string, segments: readonly SegmentRow[]): void {
    const closing = this.#rows.closing(artifactId);
    const isCounted = closing === undefined || closing.segments === segments.length;
    if (!isCounted || segments.some(({ segment }, index) => segment !== index)) throw this.#tampered(artifactId);
  }

  #readSegment(artifact: ArtifactRow, row: SegmentRow, range: Range): void {
    if (row.header.length !== STREAM_HEADER_BYTES) throw this.#tampered(artifact.row);
    const key = this.#keys.open('segments', segmentKeyRow(artifact.row, row.segment));
    const opener = new SegmentOpener(key, row.header);
    wipe(key);
    try {
      this.#readChunks(artifact, row, range, opener);
    } finally {
      opener[Symbol.dispose]();
    }
  }

  #readChunks(artifact: ArtifactRow, row: SegmentRow, range: Range, opener: SegmentOpener): void {
    const { row: artifactId, encoding, channels } = artifact;
    let expected = 0;
    let ends: Ends = ENDS.nothing;
    for (const stored of this.#rows.chunks(artifactId, row.segment)) {
      const { segment, chunk, first_sample: firstSample, samples, body } = stored;
      if (chunk !== expected++ || !isEnds(stored.final) || firstSample < row.first_sample || samples < 0)
        throw this.#tampered(artifactId);
      ends = stored.final;
      const audio = opener.open(body, { artifactId, segment, chunk, firstSample, samples, encoding, channels, ends });
      if (audio === undefined) throw this.#tampered(artifactId);
      copyInto(range, audio, firstSample);
      wipe(audio);
      if (firstSample + samples >= range.until) return;
    }
    if (ends === ENDS.nothing && this.#rows.closing(artifactId)?.state === 'complete') throw this.#tampered(artifactId);
  }

  #tampered(artifactId: string): Error {
    this.#onTampered(artifactId);
    return tampered();
  }
}

function copyInto({ from, until, out, sampleBytes }: Range, audio: Uint8Array, firstSample: number): void {
  const samples = audio.length / sampleBytes;
  const first = Math.max(from, firstSample);
  const last = Math.min(until, firstSample + samples);
  if (first >= last) return;
  const part = audio.subarray((first - firstSample) * sampleBytes, (last - firstSample) * sampleBytes);
  out.set(part, (first - from) * sampleBytes);
}

function isEnds(value: number): value is Ends {
  return value === ENDS.nothing || value === ENDS.segment || value === ENDS.artifact;
}

function clamp(value: number, low: number, high: number): number {
  return Number.isSafeInteger(value) ? Math.min(high, Math.max(low, value)) : low;
}

export function tampered(): WardlineError {
  return new WardlineError(
    'artifact-tampered',
    'This audio was changed outside of the vault; run `wardline audit verify` and restore it from a backup.',
  );
}
