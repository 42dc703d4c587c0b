// The rows around an artifact: openings, closings, read marks, segments and chunks, and what the trail says of them. FORMAT.md §5.
import type { Database } from 'better-sqlite3';
import type { Json } from '../kernel/canonical.ts';
import { CHUNK_MS, MAX_SEGMENT_MS } from '../seal/capture-sealer.ts';
import { blake2b } from '../seal/sodium.ts';
import type { ClearColumns } from './captured-table.ts';
import type { ArtifactKind, ArtifactState, AudioEncoding } from './contract.ts';
import type { InnerCore } from './engine.ts';
import { rowHash } from './format.ts';
import type { InnerTransaction } from './transact.ts';

export interface ArtifactRow {
  readonly seq: number;
  readonly row: string;
  readonly epoch: string;
  readonly body: Uint8Array;
  /** The audit entry it was written with. */
  readonly entry: number;
  readonly kind: ArtifactKind;
  readonly mailbox: Uint8Array | null;
  readonly encoding: AudioEncoding;
  readonly channels: 1 | 2;
}

export interface Closing {
  readonly artifact: string;
  readonly kind: ArtifactKind;
  readonly mailbox: Uint8Array | null;
  readonly state: Exclude<ArtifactState, 'open' | 'tampered'>;
  readonly duration_ms: number;
  readonly samples: number;
  readonly segments: number;
  readonly chunks: number;
  readonly tags: Uint8Array;
  /** The audit entry it was written with. */
  readonly entry: number;
}

/** What an artifact's stored audio adds up to. */
export interface AudioSum {
  readonly samples: number;
  readonly segments: number;
  readonly chunks: number;
  readonly tags: Uint8Array;
  /** Every segment ends in a chunk that says it is final. */
  readonly isWhole: boolean;
}

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
  readonly final: number;
  readonly body: Uint8Array;
}

const SEGMENT_PREFIX = Buffer.from('wardline-segment-1', 'ascii');

/** Where a segment's running hash begins: FORMAT.md §5.3. */
export function beginSum(segment: number, firstSample: number, header: Uint8Array): Uint8Array {
  const input = Buffer.alloc(12);
  input.writeUInt32BE(segment, 0);
  input.writeBigUInt64BE(BigInt(firstSample), 4);
  return blake2b(Buffer.concat([SEGMENT_PREFIX, input, header]));
}

/** A segment's hash after one more chunk. It covers the whole ciphertext: who knows a key of his own can make any tag. */
export function addChunk(
  sum: Uint8Array,
  { chunk, first_sample, samples, final, body }: Omit<ChunkRow, 'segment'>,
): Uint8Array {
  const input = Buffer.alloc(81);
  input.set(sum, 0);
  input.writeUInt32BE(chunk, 32);
  input.writeBigUInt64BE(BigInt(first_sample), 36);
  input.writeUInt32BE(samples, 44);
  input.writeUInt8(final, 48);
  input.set(blake2b(body), 49);
  return blake2b(input);
}

/** The artifact's hash, from those of its segments in order of their numbers. */
export function totalOf(sums: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const ordered = [...sums].sort(([left], [right]) => left - right).map(([, sum]) => sum);
  return blake2b(Buffer.concat(ordered));
}

export function segmentKeyRow(artifactId: string, segment: number): string {
  return `${artifactId}/${segment}`;
}

export class ArtifactRows {
  readonly #core: InnerCore;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(core: InnerCore) {
    this.#core = core;
    this.#sql = prepare(core.db);
  }

  find(artifactId: string): ArtifactRow | undefined {
    return this.#core.artifacts.get(artifactId) as (ArtifactRow & ClearColumns) | undefined;
  }

  closing(artifactId: string): Closing | undefined {
    return this.#sql.closing.get(artifactId) as Closing | undefined;
  }

  isRead(artifactId: string): boolean {
    return this.#sql.readMark.get(artifactId) !== undefined;
  }

  /** Artifacts that no closing was written for yet. */
  open(): string[] {
    return this.#sql.open.all() as string[];
  }

  isOpen(artifactId: string): boolean {
    return this.#sql.isOpen.get(artifactId) !== undefined;
  }

  markOpen(artifactId: string): void {
    this.#sql.putOpen.run(artifactId);
  }

  close(tx: InnerTransaction, closing: Omit<Closing, 'entry'>): void {
    const { artifact, kind, mailbox, state, samples, segments, chunks, tags } = closing;
    const values = [artifact, kind, mailbox, state, closing.duration_ms, samples, segments, chunks, tags, tx.entry];
    this.#sql.putClosing.run(...values);
    this.#sql.dropOpen.run(artifact);
    tx.wrote('closings', artifact, closingHash(closing));
  }

  markRead(tx: InnerTransaction, artifactId: string): void {
    if (this.#sql.putRead.run(artifactId, tx.entry).changes > 0)
      tx.wrote('read_marks', artifactId, readMarkHash(artifactId));
  }

  counts(mailbox: Uint8Array): { unread: number; read: number } {
    return this.#sql.counts.get(mailbox) as { unread: number; read: number };
  }

  segments(artifactId: string): SegmentRow[] {
    return this.#sql.segments.all(artifactId) as SegmentRow[];
  }

  chunks(artifactId: string, segment: number): IterableIterator<ChunkRow> {
    return this.#sql.chunks.iterate(artifactId, segment) as IterableIterator<ChunkRow>;
  }

  /** The samples per channel that are stored, silence in gaps included. */
  samples(artifactId: string): number {
    return (this.#sql.samples.get(artifactId) as number | null) ?? 0;
  }

  /** The running hash of each segment. */
  sums(artifactId: string): Map<number, Uint8Array> {
    return this.#read(artifactId).sums;
  }

  /** Whether the last segment ended because the writer was done, not because it was full or a gap came. */
  hasEnd(artifactId: string, rate: number): boolean {
    const last = this.segments(artifactId).at(-1);
    const chunk = last && (this.#sql.lastChunk.get(artifactId, last.segment) as ChunkRow | undefined);
    if (last === undefined || chunk?.final !== 1) return false;
    const isGap = chunk.samples === 0 && chunk.chunk > 0 && chunk.first_sample === last.first_sample;
    const length = chunk.first_sample + chunk.samples - last.first_sample;
    return !isGap && length * 1000 <= (MAX_SEGMENT_MS - CHUNK_MS) * rate;
  }

  /** Reads every chunk; a long recording takes a while. */
  sum(artifactId: string): AudioSum {
    return this.#read(artifactId).total;
  }

  #read(artifactId: string): { total: AudioSum; sums: Map<number, Uint8Array> } {
    let chunks = 0;
    let samples = 0;
    const segments = this.segments(artifactId);
    const finals = new Map(segments.map(({ segment }) => [segment, false]));
    const sums = new Map(
      segments.map(({ segment, first_sample, header }) => [segment, beginSum(segment, first_sample, header)]),
    );
    for (const row of this.#sql.tags.iterate(artifactId) as IterableIterator<ChunkRow>) {
      sums.set(row.segment, addChunk(sums.get(row.segment) ?? new Uint8Array(32), row));
      samples = Math.max(samples, row.first_sample + row.samples);
      finals.set(row.segment, row.final === 1);
      chunks++;
    }
    const isWhole = finals.size > 0 && [...finals.values()].every(Boolean);
    return { total: { samples, segments: finals.size, chunks, tags: totalOf(sums), isWhole }, sums };
  }

  /** Destroys the artifact: its keys first, then all its rows. */
  dispose(tx: InnerTransaction, artifactId: string): void {
    const { keys, artifacts, marks } = this.#core;
    for (const { segment } of this.segments(artifactId)) keys.drop('segments', segmentKeyRow(artifactId, segment));
    for (const mark of this.#sql.marks.all(artifactId) as string[]) marks.dispose(tx, mark);
    artifacts.dispose(tx, artifactId);
    this.#sql.dropChunks.run(artifactId);
    this.#sql.dropSegments.run(artifactId);
    this.#sql.dropOpen.run(artifactId);
    if (this.#sql.dropClosing.run(artifactId).changes > 0) tx.removed('closings', artifactId);
    if (this.#sql.dropRead.run(artifactId).changes > 0) tx.removed('read_marks', artifactId);
  }
}

export function closingHash(closing: Omit<Closing, 'entry'>): string {
  const { kind, mailbox, state, duration_ms, samples, segments, chunks, tags } = closing;
  const clear: Json = { kind, mailbox: hexOrNull(mailbox), state, duration_ms, samples, segments, chunks };
  return rowHash(tags, clear);
}

export function readMarkHash(artifactId: string): string {
  return rowHash(Buffer.from(artifactId, 'ascii'), null);
}

function hexOrNull(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('hex');
}

function prepare(db: Database) {
  return {
    closing: db.prepare('SELECT * FROM closings WHERE artifact = ?'),
    readMark: db.prepare('SELECT artifact FROM read_marks WHERE artifact = ?'),
    open: db.prepare('SELECT artifact FROM open_artifacts ORDER BY rowid').pluck(),
    isOpen: db.prepare('SELECT artifact FROM open_artifacts WHERE artifact = ?'),
    putOpen: db.prepare('INSERT INTO open_artifacts (artifact) VALUES (?)'),
    dropOpen: db.prepare('DELETE FROM open_artifacts WHERE artifact = ?'),
    putClosing: db.prepare(`INSERT INTO closings
      (artifact, kind, mailbox, state, duration_ms, samples, segments, chunks, tags, entry) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    dropClosing: db.prepare('DELETE FROM closings WHERE artifact = ?'),
    putRead: db.prepare('INSERT OR IGNORE INTO read_marks (artifact, entry) VALUES (?, ?)'),
    dropRead: db.prepare('DELETE FROM read_marks WHERE artifact = ?'),
    counts: db.prepare(`SELECT count(*) - count(r.artifact) AS unread, count(r.artifact) AS read
      FROM closings c LEFT JOIN read_marks r ON r.artifact = c.artifact
      WHERE c.mailbox = ? AND c.kind = 'voicemail' AND c.state IN ('complete', 'cut-off')`),
    segments: db.prepare('SELECT * FROM segments WHERE artifact = ? ORDER BY segment'),
    chunks: db.prepare('SELECT * FROM chunks WHERE artifact = ? AND segment = ? ORDER BY chunk'),
    samples: db.prepare('SELECT max(first_sample + samples) FROM chunks WHERE artifact = ?').pluck(),
    tags: db.prepare(`SELECT segment, chunk, first_sample, samples, final, body
      FROM chunks WHERE artifact = ? ORDER BY segment, chunk`),
    lastChunk: db.prepare('SELECT * FROM chunks WHERE artifact = ? AND segment = ? ORDER BY chunk DESC LIMIT 1'),
    marks: db.prepare('SELECT row FROM artifact_marks WHERE artifact = ?').pluck(),
    dropChunks: db.prepare('DELETE FROM chunks WHERE artifact = ?'),
    dropSegments: db.prepare('DELETE FROM segments WHERE artifact = ?'),
  };
}
