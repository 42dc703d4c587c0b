// What the marks of a load (`vault-load.ts`) say must be in the vault, and a check of a vault that was cut off against it.
import type { ArtifactSummary } from '../../src/vault/shapes.ts';
import { CALLER, type Folders, openVault, tone } from './vault-bench.ts';

interface Expected {
  /** Call records that were acknowledged; `calling` holds those that were only asked for. */
  readonly called: Set<string>;
  readonly calling: Set<string>;
  readonly artifacts: Map<string, { seed: number; said: number; state: 'running' | 'over' | 'closed' }>;
  readonly disposed: Set<string>;
  readonly disposing: Set<string>;
  settings: number;
}

/** A running recording may lose this much. */
const ALLOWED_SAMPLES = 8_000;

export function readMarks(text: string): Expected {
  const expected: Expected = {
    ...{ called: new Set<string>(), calling: new Set<string>(), artifacts: new Map() },
    ...{ disposed: new Set<string>(), disposing: new Set<string>(), settings: 0 },
  };
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  for (const line of whole.split('\n')) {
    const [word = '', id = '', number = ''] = line.split(' ');
    const artifact = expected.artifacts.get(id);
    if (word === 'called') expected.called.add(id);
    else if (word === 'calling') expected.calling.add(id);
    else if (word === 'opened') expected.artifacts.set(id, { seed: Number(number), said: 0, state: 'running' });
    else if (word === 'disposed') expected.disposed.add(id);
    else if (word === 'disposing') expected.disposing.add(id);
    else if (word === 'settings') expected.settings = Number(id);
    else if (artifact !== undefined && ['said', 'over', 'closed'].includes(word)) {
      artifact.said = Number(number);
      if (word !== 'said') artifact.state = word as 'over' | 'closed';
    }
  }
  return expected;
}

/** Opens the vault and names everything that is not as it must be. */
export async function findFaults(folders: Folders, expected: Expected): Promise<string[]> {
  try {
    await using vault = await openVault(folders);
    const faults = [...(await vault.ask('status', {})).problems];
    const verified = await vault.ask('audit.verify', { caller: CALLER });
    if (!verified.ok) faults.push(`the trail does not hold: ${verified.firstBad?.problem}`);
    if ((await vault.ask('clinic.get', {})).version < expected.settings) faults.push('settings are older');
    const calls = await allPages((page) => vault.ask('calls.page', { caller: CALLER, page }));
    faults.push(...compareCalls(calls.map(({ callId }) => callId), expected)); // biome-ignore format: one line tells it
    const summaries: ArtifactSummary[] = [];
    for (const kind of ['voicemail', 'recording'] as const)
      summaries.push(...(await allPages((page) => vault.ask('artifacts.page', { caller: CALLER, kind, page }))));
    for (const fault of compareArtifacts(summaries, expected)) faults.push(fault);
    for (const { id, durationMs, channels } of summaries) {
      const { seed } = expected.artifacts.get(id) ?? { seed: 0 };
      const ask = { caller: CALLER, artifactId: id, fromSample: 0, samples: 4_000_000, play: false };
      const { body } = await vault.askForBytes('artifact.audio', ask);
      const isSame = Buffer.from(body).equals(tone(body.length / 8, seed));
      if (!isSame || body.length !== durationMs * 8 * channels) faults.push(`${id} does not sound as it was said`);
    }
    return faults;
  } catch (thrown) {
    return [`it does not open or answer: ${String(thrown)}`];
  }
}

function compareCalls(found: readonly string[], { called, calling }: Expected): string[] {
  const faults = [...called].filter((id) => !found.includes(id)).map((id) => `the call record ${id} is missing`);
  if (new Set(found).size !== found.length) faults.push('a call record is there twice');
  if (found.some((id) => !calling.has(id))) faults.push('there is a call record that nobody asked for');
  return faults;
}

function compareArtifacts(found: readonly ArtifactSummary[], expected: Expected): string[] {
  const faults: string[] = [];
  const byId = new Map(found.map((summary) => [summary.id as string, summary]));
  if (byId.size !== found.length) faults.push('an artifact is there twice');
  for (const [id, { said, state }] of expected.artifacts) {
    const summary = byId.get(id);
    if (expected.disposed.has(id) && summary !== undefined) faults.push(`${id} was disposed of and is there`);
    if (expected.disposing.has(id) && summary === undefined) continue;
    if (summary === undefined) faults.push(`${id} is missing`);
    else if (state === 'closed' && (summary.state !== 'complete' || summary.durationMs * 8 !== said))
      faults.push(`${id} was closed and is ${summary.state}, ${summary.durationMs} ms of ${said / 8}`);
    else if (summary.durationMs * 8 < said - ALLOWED_SAMPLES)
      faults.push(`${id} lost more than a second: ${summary.durationMs} ms of ${said / 8}`);
  }
  return faults;
}

async function allPages<Row>(
  ask: (page: { limit: number; after?: string }) => Promise<{ rows: readonly Row[]; next?: string }>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let after: string | undefined; ; ) {
    const page = await ask({ limit: 500, ...(after !== undefined && { after }) });
    rows.push(...page.rows);
    if (page.next === undefined) return rows;
    after = page.next;
  }
}
