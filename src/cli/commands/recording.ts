// `wardline recording`: the recorded calls, one of them with its marks and notes, and a copy of its sound in a file.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { WardlineError } from '../../kernel/errors.ts';
import { type ArtifactId, parseId } from '../../kernel/id.ts';
import type { ArtifactSummary } from '../../vault/shapes.ts';
import { confirm } from '../ask.ts';
import { openContext, openVault } from '../context.ts';
import { asPerson, mustBeAllowed } from '../person.ts';
import { duration, localTime, rowLimit, show, table } from '../print.ts';
import { progress } from '../progress.ts';
import { artifactLines } from '../record-text.ts';
import { saveAudio } from '../save-audio.ts';

interface Options {
  readonly limit: string;
  readonly login?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function addRecordingCommands(program: Command): void {
  const recording = program.command('recording').description('Recorded calls.');
  recording
    .command('list')
    .description("List the newest recordings, in local time. Asks for a person's login, password and code.")
    .option('--limit <n>', 'how many, 100 at most', '25')
    .option('--login <login>', 'who asks')
    .option('--json', 'print JSON')
    .action(list);
  recording
    .command('show <id>')
    .description('Show one recording or message: its state, marks, notes, tags, and how long it is kept.')
    .option('--login <login>', 'who asks')
    .option('--json', 'print JSON')
    .action(showOne);
  recording
    .command('export <id> <file>')
    .description('Save the sound of a recording or message as a WAV file that only you may read. It is not encrypted.')
    .option('--login <login>', 'who asks')
    .option('--yes', 'do not ask whether it may leave the vault')
    .option('--json', 'print JSON')
    .action(save);
}

async function list(options: Options): Promise<void> {
  const limit = rowLimit(options.limit);
  await using vault = await openVault(openContext());
  const { clinic } = await vault.ask('clinic.get', {});
  const { rows, damaged = [] } = await asPerson(vault, options.login, ({ caller, user }) => {
    mustBeAllowed('GET /api/recordings', user);
    return vault.ask('artifacts.page', { caller, kind: 'recording', page: { limit } });
  });
  const named = damaged.map((row) => `Damaged, and not shown: ${row}`);
  show(options.json, rows, () => [listText(rows, clinic.timeZone), ...named].join('\n'));
}

function listText(rows: readonly ArtifactSummary[], timeZone: string): string {
  return table(rows, [
    { title: 'Recording', value: ({ id }) => id },
    { title: 'When', value: ({ startedAt }) => localTime(startedAt, timeZone) },
    { title: 'From', value: ({ from, fromName }) => `${from} ${fromName}`.trim() || 'withheld', shrinks: true },
    { title: 'Length', value: ({ durationMs }) => duration(durationMs) },
    { title: 'State', value: ({ state }) => (state === 'complete' ? '' : state) },
  ]);
}

async function showOne(text: string, options: Options): Promise<void> {
  const artifactId = idOf(text);
  await using vault = await openVault(openContext());
  const { clinic } = await vault.ask('clinic.get', {});
  const shown = await asPerson(vault, options.login, async ({ caller, user }) => {
    mustBeAllowed('GET /api/artifacts/:id/export', user);
    const artifact = await vault.ask('artifact.get', { caller, artifactId });
    const { notes } = await vault.ask('note.list', { caller, subject: artifactId });
    return { artifact, notes };
  });
  show(options.json, { ...shown.artifact, notes: shown.notes }, () => artifactLines(shown, clinic.timeZone).join('\n'));
}

async function save(text: string, file: string, options: Options): Promise<void> {
  const artifactId = idOf(text);
  const path = resolve(file);
  await using vault = await openVault(openContext());
  const question = `Save an unencrypted copy as ${path}? No lock, rule or trail of the vault reaches it there.`;
  if (!(await confirm(question, options.yes))) throw new WardlineError('not-confirmed', 'Nothing was saved.');
  using bar = progress();
  const bytes = await asPerson(vault, options.login, ({ caller, user }) => {
    mustBeAllowed('GET /api/artifacts/:id/export', user);
    return saveAudio(vault, caller, artifactId, path, (done, all) => bar.show('Saving', done, all));
  });
  show(options.json, { file: path, bytes }, () => `Saved ${path}. It is on record that you took it.`);
}

function idOf(text: string): ArtifactId {
  const id = parseId<'artifact'>(text);
  if (id !== undefined) return id;
  throw new WardlineError(
    'artifact-unknown',
    'That is no id; `wardline recording list` and `wardline call show` name them.',
  );
}
