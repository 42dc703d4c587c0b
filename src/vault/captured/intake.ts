// The vault's side of the intake: takes sealed segments and chunks, writes all calls' chunks of a tick in one transaction and
// acknowledges after commit. It opens nothing: with records locked it works the same. FORMAT.md §6.
import type { Statement } from 'better-sqlite3';
import { WardlineError } from '../../kernel/errors.ts';
import type { ChunkAsk, IntakeGrant, SegmentAsk } from '../../seal/intake.ts';
import { ENDS, type Ends, SEALED_KEY_BYTES, STREAM_HEADER_BYTES } from '../../seal/segment.ts';
import type { InnerCore } from '../store/inner-core.ts';
import { type ArtifactRow, type ArtifactRows, segmentKeyRow } from './artifact-rows.ts';
import { type AudioSum, RunningSum } from './audio-sum.ts';
import { CommitQueue } from './commit-queue.ts';
import {
  differs,
  isChunkShaped,
  isCount,
  isOver,
  malformed,
  mustFollow,
  type Progress,
  writeFailed,
} from './intake-checks.ts';

/** Artifacts that are captured at once. */
const MAX_OPEN_ARTIFACTS = 2_000;
/** How long closing waits for the writer's last chunks. */
const END_WAIT_MS = 3_000;
/** How long an artifact may stay open after its writer ended; the controller closes it within seconds. */
const ENDED_LIMIT_MS = 2 * 60_000;
/** The same for a writer that says nothing; a paused recording is silent, too. */
const SILENT_LIMIT_MS = 2 * 3_600_000;

interface Writing extends Progress {
  /** What has been taken so far. */
  readonly sum: RunningSum;
  /** The newest segment: the one that chunks are taken for. */
  segment: { readonly number: number; readonly first: number; next: number; ends: Ends } | undefined;
  state: Progress['state'];
  /** Since the vault was started. */
  wasHeard: boolean;
  /** When the writer last said something. */
  heardAt: number;
  readonly ended: PromiseWithResolvers<void>;
}

export class Intake {
  readonly #core: InnerCore;
  readonly #rows: ArtifactRows;
  readonly #putSegment: Statement;
  readonly #putChunk: Statement;
  readonly #getSegment: Statement;
  readonly #getChunk: Statement;
  readonly #queue: CommitQueue<Writing>;
  readonly #writings = new Map<string, Writing>();

  constructor(core: InnerCore, rows: ArtifactRows) {
    this.#core = core;
    this.#rows = rows;
    const { db, clock, log } = core;
    this.#queue = new CommitQueue({ db, clock, log, onFailed: fail });
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
    const sum = this.#rows.running(artifact.row);
    const writing = newWriting(artifact, this.#core.clock.monotonic(), sum);
    writing.state = 'capturing';
    const newest = this.#rows.segments(artifact.row).at(-1);
    if (newest !== undefined) {
      const last = [...this.#rows.chunks(artifact.row, newest.segment)].at(-1);
      const next = last === undefined ? 0 : last.chunk + 1;
      writing.segment = { number: newest.segment, first: newest.first_sample, next, ends: (last?.final ?? 0) as Ends };
      if (last?.final === ENDS.artifact) writing.state = 'ended';
    }
    this.#writings.set(artifact.row, writing);
  }

  begin(artifactId: string): IntakeGrant {
    const writing = this.#get(artifactId);
    if (writing.state === 'ended' || writing.segment?.ends === ENDS.artifact) throw isOver();
    writing.state = 'capturing';
    const { epoch, encoding, channels } = writing.artifact;
    const publicKey = Buffer.from(this.#core.epochs.get(epoch).publicKey).toString('base64');
    const { segments: nextSegment, samples: nextSample } = writing.sum;
    return { epoch, publicKey, encoding, channels, nextSegment, nextSample };
  }

  async segment(ask: SegmentAsk, body: Uint8Array): Promise<void> {
    const { artifactId, segment, firstSample } = ask;
    const writing = this.#get(artifactId);
    const header = Buffer.from(body.subarray(SEALED_KEY_BYTES));
    if (isCount(segment) && segment < writing.sum.segments) {
      this.flush();
      const stored = this.#getSegment.get(artifactId, segment) as Buffer | undefined;
      if (stored === undefined || !stored.equals(header)) throw differs();
      return;
    }
    mustFollow(writing, ask);
    if (!this.#core.hasRoom()) throw gaveUp(writing);
    if (body.length !== SEALED_KEY_BYTES + STREAM_HEADER_BYTES) throw malformed();
    const sealedKey = Buffer.from(body.subarray(0, SEALED_KEY_BYTES));
    writing.sum.addSegment({ segment, first_sample: firstSample, header });
    writing.segment = { number: segment, first: firstSample, next: 0, ends: ENDS.nothing };
    await this.#enqueue(writing, body.length, () => {
      this.#putSegment.run(artifactId, segment, ask.epoch, firstSample, header);
      this.#core.keys.putBoxed('segments', segmentKeyRow(artifactId, segment), ask.epoch, sealedKey);
    });
  }

  async chunk(ask: ChunkAsk, bytes: Uint8Array): Promise<void> {
    const { artifactId, segment, chunk, firstSample, samples, ends } = ask;
    const writing = this.#get(artifactId);
    const known = writing.segment;
    if (known === undefined || !isCount(segment) || !isCount(chunk)) throw malformed();
    if (segment < known.number || (segment === known.number && chunk < known.next)) {
      this.flush();
      const stored = this.#getChunk.get(artifactId, segment, chunk) as Buffer | undefined;
      if (stored === undefined || !stored.equals(bytes)) throw differs();
      return;
    }
    const follows = segment === known.number && chunk === known.next && known.ends === ENDS.nothing;
    if (!follows || writing.state === 'ended' || !isChunkShaped(ask, bytes, writing.artifact, known.first))
      throw malformed();
    known.next = chunk + 1;
    known.ends = ends;
    writing.sum.addChunk({ segment, chunk, first_sample: firstSample, samples, final: ends, body: bytes });
    await this.#enqueue(writing, bytes.length, () => {
      this.#putChunk.run(artifactId, segment, chunk, firstSample, samples, ends, bytes);
    });
  }

  async end(artifactId: string, chunks: number): Promise<void> {
    const writing = this.#get(artifactId);
    this.flush();
    if (writing.state === 'failed') throw writeFailed();
    if (writing.sum.chunks < chunks) throw new WardlineError('capture-incomplete', 'Some of the audio did not arrive.');
    writing.state = 'ended';
    writing.ended.resolve();
  }

  /** Waits a moment for the writer's end, commits what is here and answers what it adds up to. */
  async settle(artifactId: string): Promise<AudioSum> {
    const writing = this.#writings.get(artifactId);
    if (writing?.state === 'capturing') await this.#waitForEnd(writing);
    this.flush();
    if (writing === undefined || writing.state === 'failed') return this.#rows.sum(artifactId);
    const { total } = writing.sum;
    return { ...total, isWhole: total.isWhole && writing.state === 'ended' };
  }

  /** Nothing more is taken for the artifact. */
  forget(artifactId: string): void {
    const writing = this.#writings.get(artifactId);
    if (writing !== undefined && this.#queue.holds(writing)) this.flush();
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
    this.#queue.flush();
  }

  async #enqueue(writing: Writing, bytes: number, insert: () => void): Promise<void> {
    const committed = this.#queue.add(writing, bytes, insert);
    if (committed === undefined) throw gaveUp(writing);
    await committed;
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
      if (isKnown) throw isOver();
      throw new WardlineError('artifact-unknown', 'The vault knows no such recording.');
    }
    if (writing.state === 'failed') throw writeFailed();
    writing.wasHeard = true;
    writing.heardAt = this.#core.clock.monotonic();
    return writing;
  }
}

function newWriting(artifact: ArtifactRow, heardAt: number, sum = new RunningSum(artifact.row)): Writing {
  return {
    artifact,
    sum,
    segment: undefined,
    state: 'waiting',
    wasHeard: false,
    heardAt,
    ended: Promise.withResolvers(),
  };
}

/** The disk is full, broken or too slow: the recording ends here; calls go on. */
function fail(writing: Writing): void {
  writing.state = 'failed';
  writing.ended.resolve();
}

function gaveUp(writing: Writing): WardlineError {
  fail(writing);
  return writeFailed();
}
