// Captured artifacts, read side: lists, headers, audio, play-out to a phone, read marks, disposal. Each is audited.
import { sampleRate } from '../seal/intake.ts';
import type { ArtifactRow } from './artifact-rows.ts';
import { type Artifacts, artifactUnknown } from './artifacts.ts';
import { AudioReader, tampered } from './audio.ts';
import type { CapturedRow, ClearColumns } from './captured-table.ts';
import type { ArtifactHeader, ArtifactMark, ArtifactSummary } from './contract.ts';
import { fence, type InnerCore } from './engine.ts';
import { mustBeGenuine } from './genuine.ts';
import { recordsLocked } from './keyring.ts';
import { type Handlers, WithBody } from './operations.ts';
import { cursorOf, pageOf } from './paging.ts';
import type { PlayoutFolder } from './playout.ts';
import type { Retention } from './retention.ts';
import { toTelephone } from './telephone-audio.ts';

export type ReadOperation =
  | 'artifacts.page'
  | 'artifact.get'
  | 'artifact.audio'
  | 'playout.open'
  | 'playout.done'
  | 'artifact.markRead'
  | 'artifact.dispose';

const LISTED = {
  voicemail: 'voicemails-listed',
  recording: 'recordings-listed',
  greeting: 'recordings-listed',
} as const;

export function readingHandlers(
  core: InnerCore,
  artifacts: Artifacts,
  playout: PlayoutFolder,
  retention: Retention,
): Pick<Handlers, ReadOperation> {
  return {
    ...listHandlers(core, artifacts),
    ...audioHandlers(core, artifacts, playout),
    'artifact.markRead': ({ caller, artifactId }) => {
      mustBeUnlocked(core);
      const artifact = artifacts.get(artifactId);
      if (artifacts.rows.isRead(artifactId)) return {};
      const entry = {
        action: 'artifact-marked',
        ...caller,
        outcome: 'ok',
        subject: artifactId,
        detail: 'read',
      } as const;
      core.transact(entry, (tx) => artifacts.rows.markRead(tx, artifactId));
      artifacts.mailboxChanged(artifact);
      return {};
    },
    'artifact.dispose': ({ caller, artifactId }) => {
      mustBeUnlocked(core);
      retention.mustBeFree(artifactId);
      artifacts.dispose(caller, artifactId);
      return {};
    },
  };
}

function listHandlers(core: InnerCore, artifacts: Artifacts): Pick<Handlers, 'artifacts.page' | 'artifact.get'> {
  const ofKind = core.db.prepare('SELECT * FROM artifacts WHERE kind = ? AND seq < ? ORDER BY seq DESC LIMIT ?');
  const ofMailbox = core.db.prepare(
    'SELECT * FROM artifacts WHERE mailbox = ? AND kind = ? AND seq < ? ORDER BY seq DESC LIMIT ?',
  );
  const marksOf = core.db.prepare('SELECT * FROM artifact_marks WHERE artifact = ? ORDER BY seq');
  return {
    'artifacts.page': ({ caller, kind, mailbox, page }) => {
      mustBeUnlocked(core);
      const { before, limit } = cursorOf(page);
      const rows =
        mailbox === undefined
          ? ofKind.all(kind, before, limit + 1)
          : ofMailbox.all(artifacts.mailboxDigest(mailbox), kind, before, limit + 1);
      const answer = pageOf(
        rows as ArtifactRow[],
        limit,
        (row) => summarise(core, artifacts, row),
        (row) => fence(core, 'artifacts', row),
      );
      const detail = `${answer.rows.length} of ${kind}${mailbox === undefined ? '' : ` in mailbox ${mailbox}`}`;
      core.record({ action: LISTED[kind], ...caller, outcome: 'ok', detail });
      return answer;
    },
    'artifact.get': ({ caller, artifactId, within }) => {
      mustBeUnlocked(core);
      const summary = summarise(core, artifacts, artifacts.get(artifactId));
      const isTheirs = within === undefined || (summary.kind === 'voicemail' && within.includes(summary.mailbox));
      const outcome = isTheirs ? 'ok' : 'refused';
      core.record({ action: 'artifact-read', ...caller, outcome, subject: artifactId });
      if (!isTheirs) throw artifactUnknown();
      const marks = (marksOf.all(artifactId) as MarkRow[]).map((row) => openMark(core, row));
      return { ...summary, marks };
    },
  };
}

function audioHandlers(
  core: InnerCore,
  artifacts: Artifacts,
  playout: PlayoutFolder,
): Pick<Handlers, 'artifact.audio' | 'playout.open' | 'playout.done'> {
  const reader = new AudioReader(artifacts.rows, core.keys, (artifactId) => artifacts.tampered.add(artifactId));
  return {
    'artifact.audio': ({ caller, artifactId, fromSample, samples, play }) => {
      mustBeUnlocked(core);
      const artifact = artifacts.get(artifactId);
      const { encoding, channels } = artifact;
      artifacts.intake.flush(); // so that what was just said can be heard too
      artifacts.mustBeWhole(artifact);
      const { audio, totalSamples } = reader.read(artifact, fromSample, samples);
      if (play) core.record({ action: 'artifact-played', ...caller, outcome: 'ok', subject: artifactId });
      return new WithBody({ encoding, channels, totalSamples }, audio);
    },
    'playout.open': ({ caller, artifactId }) => {
      mustBeUnlocked(core);
      const artifact = artifacts.get(artifactId);
      artifacts.mustBeWhole(artifact);
      const audio = readWhole(reader, artifact);
      const durationMs = Math.round((audio.length * 1000) / 8000);
      core.record({ action: 'artifact-played-to-phone', ...caller, outcome: 'ok', subject: artifactId });
      const path = playout.put(audio);
      audio.fill(0);
      return { path, durationMs };
    },
    'playout.done': ({ path }) => {
      playout.remove(path);
      return {};
    },
  };
}

function readWhole(reader: AudioReader, artifact: ArtifactRow): Uint8Array {
  const { encoding, channels } = artifact;
  const minute = 60 * sampleRate(encoding);
  const parts: Uint8Array[] = [];
  for (let from = 0; ; from += minute) {
    const { audio, totalSamples } = reader.read(artifact, from, minute);
    parts.push(toTelephone(audio, encoding, channels));
    if (from + minute >= totalSamples) return Buffer.concat(parts);
  }
}

function summarise(core: InnerCore, artifacts: Artifacts, row: ArtifactRow): ArtifactSummary {
  mustBeGenuine(core, 'artifacts', row.row, core.artifacts.hashOf(row), row.entry);
  const header = core.artifacts.open<ArtifactHeader>(row);
  if (header.kind !== row.kind || header.encoding !== row.encoding || header.channels !== row.channels)
    throw tampered();
  const closing = artifacts.rows.closing(row.row);
  const samples = closing?.samples ?? artifacts.rows.samples(row.row);
  return {
    ...header,
    id: row.row as ArtifactSummary['id'],
    state: artifacts.stateOf(row),
    durationMs: closing?.duration_ms ?? Math.round((samples * 1000) / sampleRate(row.encoding)),
    isRead: artifacts.rows.isRead(row.row),
  };
}

type MarkRow = CapturedRow & ClearColumns;

function openMark(core: InnerCore, row: MarkRow): ArtifactMark {
  mustBeGenuine(core, 'artifact_marks', row.row, core.marks.hashOf(row), row.entry);
  const { mark, atMs } = core.marks.open<ArtifactMark>(row);
  return { mark, atMs };
}

function mustBeUnlocked(core: InnerCore): void {
  if (!core.keyring.isUnlocked) throw recordsLocked();
}
