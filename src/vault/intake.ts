// The vault's side of the intake: takes sealed segments and chunks, writes all calls' chunks of a tick in one transaction and
// acknowledges after commit. It opens nothing: with records locked it works the same. FORMAT.md §6.
import type { Statement } from 'better-sqlite3';
import { WardlineError } from '../kernel/errors.ts';
import { MAX_SEGMENT_MS } from '../seal/capture-sealer.ts';
import { bytesPerSample, type ChunkAsk, type IntakeGrant, type SegmentAsk, sampleRate } from '../seal/intake.ts';
import { CHUNK_OVERHEAD_BYTES, SEALED_KEY_BYTES, STREAM_HEADER_BYTES } from '../seal/segment.ts';
import {
  type ArtifactRow,
  type ArtifactRows,
  type AudioSum,
  addChunk,
  beginSum,
  segmentKeyRow,
  totalOf,
} from './artifact-rows.ts';
import type { InnerCore } from './engine.ts';

const COMMIT_TICK_MS = 50;
/** The longest recording, and the segments that it can have. */
const MAX_ARTIFACT_SECONDS = 48 * 3_600;
const MAX_SEGMENTS = 100_000;
const MAX_CHUNK_MS = 500;
/** Artifacts that are captured at once. */
const MAX_OPEN_ARTIFACTS = 2_000;
/** Bytes that wait for a commit; more means that the disk does not keep up. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** How long closing waits for the writer's last chunks. */
const END_WAIT_MS = 3_000;
/** How long an artifact may stay open after its writer ended; the controller closes it within seconds. */
const ENDED_LIMIT_MS = 2 * 60_000;
/** The same for a writer that says nothing; a paused recording is silent, too. */
const SILENT_LIMIT_MS = 2 * 3_600_000;

interface Writing {
  readonly artifact: ArtifactRow;
  readonly segments: Map<number, { first: number; next: number; isFinal: boolean; sum: Uint8Array }>;
  samples: number;
  chunks: number;
  state: 'waiting' | 'capturing' | 'ended' | 'failed';
  /** Since the vault was started. */
  wasHeard: boolean;
  /** When the writer last said something. */
  heardAt: number;
  ended: PromiseWithResolvers<void>;
}

interface Waiting {
  readonly writing: Writing;
  readonly insert: () => void;
  readonly bytes: number;
  readonly done: PromiseWithResolvers<void>;
}

export class Intake {
  readonly #core: InnerCore;
  readonly #rows: ArtifactRows;
  readonly #putSegment: Statement;
  readonly #putChunk: Statement;
  readonly #getSegment: Statement;
  readonly #getChunk: Statement;
  readonly #writings = new Map<string, Writing>();
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #tick: Disposable | undefined;

  constructor(core: InnerCore, rows: ArtifactRows) {
    this.#core = core;
    this.#rows = rows;
    const { db } = core;
    this.#putSegment = db.prepare(
      'INSERT INTO segments (artifact, segment, epoch, first_sample, header) VALUES (?, ?, ?, ?, ?)',
    );
    this.#putChunk = db.prepare(
      'INSERT INTO chunks (artifact, segment, chunk, first_sample, samples, final, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#getSegment = db.prepare('SELECT header FROM segments WHERE artifact = ? AND segment = ?').pluck();
    this.#getChunk = db.prepare('SELECT body FROM chunks WHERE artifact = ? AND segment = ? AND chunk = ?').pluck();
  }

  /** Lets a writer begin; called when an artifact is opened. */
  expect(artifact: ArtifactRow): void {
    if (this.#writings.size >= MAX_OPEN_ARTIFACTS) {
      throw new WardlineError('vault-busy', 'Too many recordings run at once; this one is not kept.');
    }
    this.#writings.set(artifact.row, newWriting(artifact, this.#core.clock.monotonic()));
  }

  /** Takes up an artifact whose writer may still be there after the vault alone was restarted. */
  resume(artifact: ArtifactRow): void {
    const writing = newWriting(artifact, this.#core.clock.monotonic());
    const sum = this.#rows.sum(artifact.row);
    const sums = this.#rows.sums(artifact.row);
    Object.assign(writing, { samples: sum.samples, chunks: sum.chunks, state: 'capturing' });
    for (const { segment, first_sample } of this.#rows.segments(artifact.row)) {
      const known = { first: first_sample, next: 0, isFinal: false, sum: sums.get(segment)! };
      for (const chunk of this.#rows.chunks(artifact.row, segment)) {
        known.next = chunk.chunk + 1;
        known.isFinal = chunk.final === 1;
      }
      writing.segments.set(segment, known);
    }
    this.#writings.set(artifact.row, writing);
  }

  begin(artifactId: string): IntakeGrant {
    const writing = this.#get(artifactId);
    if (writing.state === 'ended') writing.ended = Promise.withResolvers();
    writing.state = 'capturing';
    const { epoch, encoding, channels } = writing.artifact;
    const publicKey = Buffer.from(this.#core.epochs.get(epoch).publicKey).toString('base64');
    const nextSegment = Math.max(-1, ...writing.segments.keys()) + 1;
    return { epoch, publicKey, encoding, channels, nextSegment };
  }

  async segment(ask: SegmentAsk, body: Uint8Array): Promise<void> {
    const { artifactId, segment, firstSample } = ask;
    const writing = this.#get(artifactId);
    const header = Buffer.from(body.subarray(SEALED_KEY_BYTES));
    if (writing.segments.has(segment)) {
      this.flush();
      const stored = this.#getSegment.get(artifactId, segment) as Buffer | undefined;
      if (stored === undefined || !stored.equals(header)) throw differs();
      return;
    }
    const { encoding, epoch } = writing.artifact;
    const isPlaced = isCount(segment) && segment < MAX_SEGMENTS && isSampleNumber(firstSample, encoding);
    const isShaped = isPlaced && ask.epoch === epoch;
    if (!isShaped || body.length !== SEALED_KEY_BYTES + STREAM_HEADER_BYTES) throw malformed();
    const sealedKey = Buffer.from(body.subarray(0, SEALED_KEY_BYTES));
    const sum = beginSum(segment, firstSample, header);
    writing.segments.set(segment, { first: firstSample, next: 0, isFinal: false, sum });
    await this.#enqueue(writing, body.length, () => {
      this.#putSegment.run(artifactId, segment, ask.epoch, firstSample, header);
      this.#core.keys.putBoxed('segments', segmentKeyRow(artifactId, segment), ask.epoch, sealedKey);
    });
  }

  async chunk(ask: ChunkAsk, bytes: Uint8Array): Promise<void> {
    const { artifactId, segment, chunk, firstSample, samples, isFinal } = ask;
    const writing = this.#get(artifactId);
    const known = writing.segments.get(segment);
    if (known === undefined || !isCount(chunk) || chunk > known.next) throw malformed();
    if (chunk < known.next) {
      this.flush();
      const stored = this.#getChunk.get(artifactId, segment, chunk) as Buffer | undefined;
      if (stored === undefined || !stored.equals(bytes)) throw differs();
      return;
    }
    if (known.isFinal || !isChunkShaped(ask, bytes, writing.artifact, known.first)) throw malformed();
    const body = Buffer.from(bytes); // the frame's buffer is larger and shared
    known.next = chunk + 1;
    known.isFinal = isFinal;
    known.sum = addChunk(known.sum, { chunk, first_sample: firstSample, samples, final: isFinal ? 1 : 0, body });
    writing.samples = Math.max(writing.samples, firstSample + samples);
    writing.chunks++;
    await this.#enqueue(writing, body.length, () => {
      this.#putChunk.run(artifactId, segment, chunk, firstSample, samples, isFinal ? 1 : 0, body);
    });
  }

  async end(artifactId: string, chunks: number): Promise<void> {
    const writing = this.#get(artifactId);
    this.flush();
    if (writing.state === 'failed') throw writeFailed();
    if (writing.chunks < chunks) throw new WardlineError('capture-incomplete', 'Some of the audio did not arrive.');
    writing.state = 'ended';
    writing.ended.resolve();
  }

  /** Waits a moment for the writer's end, commits what is here and answers what it adds up to. */
  async settle(artifactId: string): Promise<AudioSum> {
    const writing = this.#writings.get(artifactId);
    if (writing?.state === 'capturing') await this.#waitForEnd(writing);
    this.flush();
    if (writing === undefined || writing.state === 'failed') return this.#rows.sum(artifactId);
    const { samples, chunks } = writing;
    const tags = totalOf(new Map([...writing.segments].map(([segment, { sum }]) => [segment, sum])));
    const ends = [...writing.segments.values()].map(({ isFinal }) => isFinal);
    return { samples, chunks, tags, segments: ends.length, isWhole: ends.length > 0 && ends.every(Boolean) };
  }

  /** Nothing more is taken for the artifact. */
  forget(artifactId: string): void {
    if (this.#waiting.some(({ writing }) => writing.artifact.row === artifactId)) this.flush();
    this.#writings.delete(artifactId);
  }

  /** Artifacts that somebody has forgotten to close: their writer ended or fell silent long ago. */
  forgotten(): string[] {
    const now = this.#core.clock.monotonic();
    return [...this.#writings]
      .filter(([, { state, heardAt }]) => now - heardAt > (state === 'ended' ? ENDED_LIMIT_MS : SILENT_LIMIT_MS))
      .map(([artifactId]) => artifactId);
  }

  wasHeardSinceResume(artifactId: string): boolean {
    return this.#writings.get(artifactId)?.wasHeard === true;
  }

  /** Commits what waits; those who sent it are answered. */
  flush(): void {
    this.#tick?.[Symbol.dispose]();
    this.#tick = undefined;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      this.#core.db.transaction(() => {
        for (const { insert } of waiting) insert();
      })();
    } catch (thrown) {
      this.#failAll(waiting, thrown);
      return;
    }
    for (const { done } of waiting) done.resolve();
  }

  /** The disk is full or broken: these recordings fail and say so; calls go on. */
  #failAll(waiting: readonly Waiting[], thrown: unknown): void {
    this.#core.log.error({ err: thrown }, 'sealed audio could not be written');
    for (const { writing, done } of waiting) {
      writing.state = 'failed';
      writing.ended.resolve();
      done.reject(writeFailed());
    }
  }

  #enqueue(writing: Writing, bytes: number, insert: () => void): Promise<void> {
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      writing.state = 'failed';
      writing.ended.resolve();
      return Promise.reject(writeFailed());
    }
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ writing, insert, bytes, done });
    this.#waitingBytes += bytes;
    this.#tick ??= this.#core.clock.after(COMMIT_TICK_MS, () => this.flush());
    return done.promise;
  }

  async #waitForEnd(writing: Writing): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#core.clock.after(END_WAIT_MS, resolve);
    await Promise.race([promise, writing.ended.promise]);
    timer[Symbol.dispose]();
  }

  #get(artifactId: string): Writing {
    const writing = this.#writings.get(artifactId);
    if (writing === undefined) {
      const isKnown = this.#rows.find(String(artifactId)) !== undefined;
      const code = isKnown ? 'artifact-closed' : 'artifact-unknown';
      throw new WardlineError(code, isKnown ? 'This recording is over.' : 'The vault knows no such recording.');
    }
    if (writing.state === 'failed') throw writeFailed();
    writing.wasHeard = true;
    writing.heardAt = this.#core.clock.monotonic();
    return writing;
  }
}

function newWriting(artifact: ArtifactRow, heardAt: number): Writing {
  const ended = Promise.withResolvers<void>();
  return {
    artifact,
    segments: new Map(),
    samples: 0,
    chunks: 0,
    state: 'waiting',
    wasHeard: false,
    heardAt,
    ended,
  };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Within what one artifact can be long. */
function isSampleNumber(value: unknown, encoding: ArtifactRow['encoding']): boolean {
  return isCount(value) && value <= MAX_ARTIFACT_SECONDS * sampleRate(encoding);
}

function isChunkShaped(
  ask: ChunkAsk,
  body: Uint8Array,
  { encoding, channels }: ArtifactRow,
  segmentFirst: number,
): boolean {
  const { firstSample, samples, isFinal } = ask;
  const rate = sampleRate(encoding);
  return (
    isSampleNumber(firstSample, encoding) &&
    isCount(samples) &&
    typeof isFinal === 'boolean' &&
    samples * 1000 <= MAX_CHUNK_MS * rate &&
    firstSample >= segmentFirst &&
    (firstSample + samples - segmentFirst) * 1000 <= MAX_SEGMENT_MS * rate &&
    body.length === samples * bytesPerSample(encoding, channels) + CHUNK_OVERHEAD_BYTES
  );
}

function malformed(): WardlineError {
  return new WardlineError('intake-malformed', 'The sealed audio does not follow what came before it.');
}

function differs(): WardlineError {
  return new WardlineError('chunk-differs', 'Other audio is already kept at this place.');
}

function writeFailed(): WardlineError {
  return new WardlineError('vault-write-failed', 'The vault could not write the audio; check the disk.');
}
