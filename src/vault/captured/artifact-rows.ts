// The rows around an artifact: openings, closings, read marks, segments and chunks, and what the trail says of them. FORMAT.md §5.
import type { Database } from 'better-sqlite3';
import type { RowChange } from '../../audit/entry.ts';
import type { Json } from '../../kernel/canonical.ts';
import { rowHash } from '../keys/format.ts';
import type { ArtifactKind, ArtifactState, AudioEncoding } from '../shapes.ts';
import type { ClearColumns } from '../store/captured-table.ts';
import type { InnerCore } from '../store/inner-core.ts';
import type { InnerTransaction } from '../store/transact.ts';
import { type AudioSum, type ChunkRow, RunningSum, type SegmentRow } from './audio-sum.ts';
import { disposeNotes } from './dispose-notes.ts';

export interface ArtifactRow {
  readonly seq: number;
  readonly row: string;
  readonly epoch: string;
  readonly schema: number;
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

/** What no hash is. */
const NOTHING = new Uint8Array(32);

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

  markOpen(tx: InnerTransaction, artifactId: string): void {
    this.#sql.putOpen.run(artifactId);
    tx.wroteMutable(describeOpen(artifactId));
  }

  #dropOpen(tx: InnerTransaction, artifactId: string): void {
    if (this.#sql.dropOpen.run(artifactId).changes > 0) tx.removedMutable(describeOpen(artifactId));
  }

  close(tx: InnerTransaction, closing: Omit<Closing, 'entry'>): void {
    const { artifact, kind, mailbox, state, samples, segments, chunks, tags } = closing;
    const values = [artifact, kind, mailbox, state, closing.duration_ms, samples, segments, chunks, tags, tx.entry];
    this.#sql.putClosing.run(...values);
    this.#dropOpen(tx, artifact);
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

  /** Reads every chunk; a long recording takes a while. */
  sum(artifactId: string): AudioSum {
    return this.running(artifactId).total;
  }

  /** Whether the audio that is stored is what was closed. */
  holds({ artifact, samples, segments, chunks, tags }: Closing): boolean {
    const sum = this.sum(artifact);
    const isCounted = sum.samples === samples && sum.segments === segments && sum.chunks === chunks;
    const epoch = this.find(artifact)?.epoch;
    if (this.segments(artifact).some((each) => each.epoch !== epoch)) return false;
    return isCounted && Buffer.from(sum.tags).equals(Buffer.from(tags));
  }

  /** The same, to go on from there. */
  running(artifactId: string): RunningSum {
    const sum = new RunningSum(artifactId);
    try {
      for (const row of this.segments(artifactId)) {
        sum.addSegment(row);
        for (const chunk of this.chunks(artifactId, row.segment)) sum.addChunk(chunk);
      }
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      sum.tags = NOTHING; // a column holds a number that nothing of ours has
    }
    if (this.#sql.stray.get(artifactId) !== undefined) sum.tags = NOTHING; // audio that belongs to no segment
    return sum;
  }

  /** Destroys the artifact: its keys first, then all its rows. */
  dispose(tx: InnerTransaction, artifactId: string): void {
    const { keys, artifacts, marks } = this.#core;
    for (const { segment } of this.segments(artifactId)) keys.drop('segments', segmentKeyRow(artifactId, segment));
    for (const mark of this.#sql.marks.all(artifactId) as string[]) marks.dispose(tx, mark);
    disposeNotes(this.#core, tx, artifactId);
    artifacts.dispose(tx, artifactId);
    this.#sql.dropChunks.run(artifactId);
    this.#sql.dropSegments.run(artifactId);
    this.#dropOpen(tx, artifactId);
    if (this.#sql.dropClosing.run(artifactId).changes > 0) tx.removed('closings', artifactId);
    if (this.#sql.dropRead.run(artifactId).changes > 0) tx.removed('read_marks', artifactId);
  }
}

export function closingHash(closing: Omit<Closing, 'entry'>): string {
  const { kind, mailbox, state, duration_ms, samples, segments, chunks, tags } = closing;
  const clear: Json = { kind, mailbox: hexOrNull(mailbox), state, duration_ms, samples, segments, chunks };
  return rowHash(tags, clear);
}

/** Every open artifact as the trail knows it. */
export function describeOpenArtifacts(db: Database): Required<RowChange>[] {
  return (db.prepare('SELECT artifact FROM open_artifacts').pluck().all() as string[]).map(describeOpen);
}

/** An open artifact as the trail knows it. */
export function describeOpen(artifactId: string): Required<RowChange> {
  return {
    table: 'open_artifacts',
    row: artifactId,
    version: 1,
    hash: rowHash(Buffer.from(artifactId, 'ascii'), null),
  };
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
    stray: db.prepare(`SELECT 1 FROM chunks c WHERE artifact = ? AND NOT EXISTS
      (SELECT 1 FROM segments s WHERE s.artifact = c.artifact AND s.segment = c.segment) LIMIT 1`),
    marks: db.prepare('SELECT row FROM artifact_marks WHERE artifact = ?').pluck(),
    dropChunks: db.prepare('DELETE FROM chunks WHERE artifact = ?'),
    dropSegments: db.prepare('DELETE FROM segments WHERE artifact = ?'),
  };
}
