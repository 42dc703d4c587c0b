// Messages and recordings as they are read: lists, headers, and audio, piece by piece for a browser or whole for a telephone.
import { codeOf } from '../../kernel/errors.ts';
import { sampleRate } from '../../seal/intake.ts';
import { type ArtifactReader, artifactUnknown } from '../captured/artifact-reader.ts';
import type { ArtifactRow } from '../captured/artifact-rows.ts';
import { AudioReader, tampered } from '../captured/audio-reader.ts';
import { toTelephone } from '../captured/telephone-audio.ts';
import type { AnswerTo } from '../contract.ts';
import { recordsLocked } from '../keys/keyring.ts';
import { keepingOf } from '../retention/keeping.ts';
import type { ArtifactHeader, ArtifactMark, ArtifactSummary } from '../shapes.ts';
import type { CapturedRow } from '../store/captured-table.ts';
import { mustBeGenuine } from '../store/genuine.ts';
import { fence, type InnerCore } from '../store/inner-core.ts';
import { cursorOf, pageOf } from '../store/paging.ts';
import type { ReadAsk, ReadResult } from './reads.ts';
import { turn } from './turn.ts';

/** Of one recording; one with more of them is told by its state. */
const MAX_GAPS = 1_000;
const LISTED = {
  voicemail: 'voicemails-listed',
  recording: 'recordings-listed',
  greeting: 'recordings-listed',
} as const;

export class ArtifactReads {
  readonly #core: InnerCore;
  readonly #artifacts: ArtifactReader;
  readonly #audio: AudioReader;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(core: InnerCore, artifacts: ArtifactReader) {
    this.#core = core;
    this.#artifacts = artifacts;
    this.#audio = new AudioReader(artifacts.rows, core.keys, (artifactId) => artifacts.tampered.add(artifactId));
    this.#sql = prepare(core);
  }

  page({ kind, mailbox, page }: ReadAsk<'artifacts.page'>): ReadResult<AnswerTo<'artifacts.page'>> {
    this.#mustBeUnlocked();
    const { before, limit } = cursorOf(page);
    const rows =
      mailbox === undefined
        ? this.#sql.ofKind.all(kind, before, limit + 1)
        : this.#sql.ofMailbox.all(this.#artifacts.mailboxDigest(mailbox), kind, before, limit + 1);
    const answer = pageOf(
      rows as ArtifactRow[],
      limit,
      (row) => this.summary(row),
      (row) => fence(this.#core, 'artifacts', row),
    );
    const detail = `${answer.rows.length} of ${kind}${mailbox === undefined ? '' : ` in mailbox ${mailbox}`}`;
    return { answer, said: { action: LISTED[kind], outcome: 'ok', detail } };
  }

  get({ artifactId, within }: ReadAsk<'artifact.get'>): ReadResult<AnswerTo<'artifact.get'>> {
    this.#mustBeUnlocked();
    const row = this.#artifacts.get(artifactId);
    const summary = this.summary(row);
    const keeping = keepingOf(this.#core, row, summary.kind, summary.mailbox);
    const answer = { ...summary, marks: this.#marks(artifactId), gaps: this.#gaps(row), ...keeping };
    const isTheirs = mayKnow(answer, within);
    const said = { action: 'artifact-read', outcome: isTheirs ? 'ok' : 'refused', subject: artifactId } as const;
    if (isTheirs) return { answer, said };
    const { code, message: sentence } = artifactUnknown();
    return { answer, said, refusal: { code, sentence } };
  }

  audio({ artifactId, fromSample, samples, play }: ReadAsk<'artifact.audio'>): ReadResult<AnswerTo<'artifact.audio'>> {
    this.#mustBeUnlocked();
    const artifact = this.#artifacts.get(artifactId);
    const { encoding, channels } = artifact;
    this.#artifacts.mustBeWhole(artifact);
    const { audio, totalSamples } = this.#audio.read(artifact, fromSample, samples);
    const action = play === 'export' ? 'artifact-exported' : 'artifact-played';
    const said = { action, outcome: 'ok', subject: artifactId } as const;
    return { answer: { encoding, channels, totalSamples }, body: audio, ...(play !== false && { said }) };
  }

  /** A minute at a time, so that others get their turn. */
  async telephoneAudio({ artifactId }: ReadAsk<'playout.audio'>): Promise<ReadResult<{ durationMs: number }>> {
    this.#mustBeUnlocked();
    const artifact = this.#artifacts.get(artifactId);
    this.#artifacts.mustBeWhole(artifact);
    const { encoding, channels } = artifact;
    const minute = 60 * sampleRate(encoding);
    const parts: Uint8Array[] = [];
    for (let from = 0; ; from += minute) {
      const { audio, totalSamples } = this.#audio.read(artifact, from, minute);
      parts.push(toTelephone(audio, encoding, channels));
      if (from + minute >= totalSamples) break;
      await turn();
    }
    const body = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      body.set(part, at);
      at += part.length;
      part.fill(0);
    }
    const said = { action: 'artifact-played-to-phone', outcome: 'ok', subject: artifactId } as const;
    return { answer: { durationMs: Math.round((body.length * 1000) / 8000) }, body, said };
  }

  /** Those of them that are there, open, and are for this asker. */
  known(artifactIds: readonly string[], within: readonly string[] | undefined): ArtifactSummary[] {
    return artifactIds.flatMap((artifactId) => {
      const row = this.#artifacts.rows.find(artifactId);
      if (row === undefined) return [];
      try {
        const summary = this.summary(row);
        return mayKnow(summary, within) ? [summary] : [];
      } catch (thrown) {
        if (codeOf(thrown) === 'records-locked') throw thrown;
        fence(this.#core, 'artifacts', artifactId);
        return [];
      }
    });
  }

  at(seq: number): ArtifactRow | undefined {
    return this.#sql.at.get(seq) as ArtifactRow | undefined;
  }

  /** @throws WardlineError `record-damaged`, `artifact-tampered` */
  summary(row: ArtifactRow): ArtifactSummary {
    const { rows } = this.#artifacts;
    mustBeGenuine(this.#core, 'artifacts', row.row, this.#core.artifacts.hashOf(row), row.entry);
    const header = this.#core.artifacts.open<ArtifactHeader>(row);
    if (header.kind !== row.kind || header.encoding !== row.encoding || header.channels !== row.channels)
      throw tampered();
    const closing = rows.closing(row.row);
    const samples = closing?.samples ?? rows.samples(row.row);
    return {
      ...header,
      id: row.row as ArtifactSummary['id'],
      state: this.#artifacts.stateOf(row),
      durationMs: closing?.duration_ms ?? Math.round((samples * 1000) / sampleRate(row.encoding)),
      isRead: rows.isRead(row.row),
    };
  }

  /** In order of time; one that does not open is left out and named. */
  #marks(artifactId: string): ArtifactMark[] {
    const { marks } = this.#core;
    return (this.#sql.marks.all(artifactId) as CapturedRow[]).flatMap((row) => {
      try {
        mustBeGenuine(this.#core, 'artifact_marks', row.row, marks.hashOf(row), row.entry);
        const { mark, atMs } = marks.open<ArtifactMark>(row);
        return [{ mark, atMs }];
      } catch (thrown) {
        if (codeOf(thrown) === 'records-locked') throw thrown;
        fence(this.#core, 'artifact_marks', row.row);
        return [];
      }
    });
  }

  #gaps({ row, encoding }: ArtifactRow): { fromMs: number; toMs: number }[] {
    const toMs = (samples: number) => Math.round((samples * 1000) / sampleRate(encoding));
    const gaps: { fromMs: number; toMs: number }[] = [];
    let end = 0;
    for (const chunk of this.#sql.chunks.iterate(row) as Iterable<{ first_sample: number; samples: number }>) {
      if (chunk.first_sample > end && gaps.length < MAX_GAPS)
        gaps.push({ fromMs: toMs(end), toMs: toMs(chunk.first_sample) });
      end = Math.max(end, chunk.first_sample + chunk.samples);
    }
    return gaps;
  }

  #mustBeUnlocked(): void {
    if (!this.#core.keyring.isUnlocked) throw recordsLocked();
  }
}

/** `within`: the mailboxes whose messages alone somebody may know of; everything when absent. */
export function mayKnow({ kind, mailbox }: ArtifactSummary, within: readonly string[] | undefined): boolean {
  return within === undefined || (kind === 'voicemail' && within.includes(mailbox));
}

function prepare({ db }: InnerCore) {
  return {
    ofKind: db.prepare('SELECT * FROM artifacts WHERE kind = ? AND seq < ? ORDER BY seq DESC LIMIT ?'),
    ofMailbox: db.prepare(
      'SELECT * FROM artifacts WHERE mailbox = ? AND kind = ? AND seq < ? ORDER BY seq DESC LIMIT ?',
    ),
    at: db.prepare('SELECT * FROM artifacts WHERE seq = ?'),
    chunks: db.prepare('SELECT first_sample, samples FROM chunks WHERE artifact = ? ORDER BY segment, chunk'),
    marks: db.prepare('SELECT * FROM artifact_marks WHERE artifact = ? ORDER BY seq'),
  };
}
