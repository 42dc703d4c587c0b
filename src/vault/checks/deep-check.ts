// The deep check: opens every setting, every captured record and every chunk of audio, in slices, and names what does not open.

import type { ArtifactReader } from '../captured/artifact-reader.ts';
import type { ArtifactRow } from '../captured/artifact-rows.ts';
import { AudioReader } from '../captured/audio-reader.ts';
import type { CapturedRow, CapturedTable } from '../store/captured-table.ts';
import type { InnerCore } from '../store/inner-core.ts';

const SLICE_ROWS = 50;
const MAX_PROBLEMS = 100;
/** Samples that are opened before others get their turn: half a minute. */
const SLICE_SAMPLES = 240_000;

export interface DeepCheckResult {
  readonly calls: number;
  readonly artifacts: number;
  readonly problems: readonly string[];
}

/** `pause` lets others have their turn and answers false when the check must end. Records must be unlocked. */
export async function checkDeeply(
  core: InnerCore,
  artifacts: ArtifactReader,
  rest: () => Promise<boolean>,
  onProgress: (done: number, all: number) => void = () => undefined,
): Promise<DeepCheckResult> {
  const problems: string[] = [];
  const pause = counting(core, rest, onProgress);
  const name = (problem: string) => problems.length < MAX_PROBLEMS && problems.push(problem);
  for (const row of core.records.damaged()) name(`The row ${row} does not open.`);
  const calls = await walk(core, core.calls, pause, (row) => tryOpen(core.calls, row, name));
  await walk(core, core.marks, pause, (row) => tryOpen(core.marks, row, name));
  await walk(core, core.notes, pause, (row) => tryOpen(core.notes, row, name));
  const found = await walk(core, core.artifacts, pause, async (row) => {
    if (!tryOpen(core.artifacts, row, name)) return;
    await listen(core, artifacts, row as ArtifactRow, pause, name);
  });
  return { calls, artifacts: found, problems };
}

/** Tells how many slices are done, of about as many as there are. */
function counting(core: InnerCore, rest: () => Promise<boolean>, onProgress: (done: number, all: number) => void) {
  const rows = ['calls', 'artifact_marks', 'notes', 'artifacts'].map(
    (table) => core.db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number,
  );
  const samples = core.db.prepare('SELECT coalesce(sum(samples), 0) FROM closings').pluck().get() as number;
  const all = rows.reduce((sum, count) => sum + Math.ceil(count / SLICE_ROWS), Math.ceil(samples / SLICE_SAMPLES));
  let done = 0;
  return () => {
    done = Math.min(all, done + 1);
    onProgress(done, all);
    return rest();
  };
}

async function walk(
  core: InnerCore,
  table: CapturedTable,
  pause: () => Promise<boolean>,
  look: (row: CapturedRow) => unknown,
): Promise<number> {
  const next = core.db.prepare(`SELECT * FROM ${table.name} WHERE seq > ? ORDER BY seq LIMIT ${SLICE_ROWS}`);
  let count = 0;
  for (let after = 0; ; ) {
    const rows = next.all(after) as CapturedRow[];
    for (const row of rows) await look(row);
    count += rows.length;
    if (rows.length === 0 || !(await pause())) return count;
    after = rows.at(-1)!.seq;
  }
}

function tryOpen(table: CapturedTable, row: CapturedRow, name: (problem: string) => unknown): boolean {
  try {
    table.open(row);
    return true;
  } catch {
    name(`The row ${table.name}/${row.row} does not open.`);
    return false;
  }
}

async function listen(
  core: InnerCore,
  artifacts: ArtifactReader,
  artifact: ArtifactRow,
  pause: () => Promise<boolean>,
  name: (problem: string) => unknown,
): Promise<void> {
  if (artifacts.rows.isOpen(artifact.row)) return; // still being written
  const reader = new AudioReader(artifacts.rows, core.keys, (id) => artifacts.tampered.add(id));
  try {
    artifacts.mustBeWhole(artifact);
    for (let from = 0; ; from += SLICE_SAMPLES) {
      const { audio, totalSamples } = reader.read(artifact, from, SLICE_SAMPLES);
      audio.fill(0);
      if (from + SLICE_SAMPLES >= totalSamples || !(await pause())) return;
      if (artifacts.rows.find(artifact.row) === undefined) return; // disposed of meanwhile
    }
  } catch {
    if (artifacts.rows.find(artifact.row) !== undefined) name(`The audio of ${artifact.row} was altered.`);
  }
}
