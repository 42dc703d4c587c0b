// `wardline call`: the newest calls, and one of them whole; asks for a person's password and code, since it shows who called whom.
import type { Command } from 'commander';
import { WardlineError } from '../../kernel/errors.ts';
import { type CallId, parseId } from '../../kernel/id.ts';
import type { CallOutcome, Cdr, LegQuality } from '../../model/cdr.ts';
import type { Vault } from '../../vault/contract.ts';
import { openContext, openVault } from '../context.ts';
import { asPerson, mustBeAllowed, type Person } from '../person.ts';
import { duration, localTime, rowLimit, show, table } from '../print.ts';
import { artifactLines, callLines, type ShownArtifact } from '../record-text.ts';

interface Options {
  readonly limit: string;
  readonly number?: string;
  readonly ids?: boolean;
  readonly login?: string;
  readonly json?: boolean;
}

export function addCallCommands(program: Command): void {
  const call = program.command('call').description('Call records.');
  call
    .command('list')
    .description("List the newest calls, in local time. Asks for a person's login, password and code.")
    .option('--limit <n>', 'how many, 100 at most', '25')
    .option('--number <number>', 'only calls from or to this number')
    .option('--ids', 'with the id of each, which `call show` takes')
    .option('--login <login>', 'who asks')
    .option('--json', 'print JSON')
    .action(list);
  call
    .command('show <id>')
    .description('Show one call: times, way, sound of each party, and what was recorded, with marks, notes and tags.')
    .option('--login <login>', 'who asks')
    .option('--json', 'print JSON')
    .action(showOne);
}

async function list(options: Options): Promise<void> {
  const limit = rowLimit(options.limit);
  await using vault = await openVault(openContext());
  const { clinic } = await vault.ask('clinic.get', {});
  const { rows } = await asPerson(vault, options.login, ({ caller, user }) => {
    mustBeAllowed('GET /api/calls', user);
    return vault.ask('calls.page', {
      caller,
      page: { limit },
      ...(options.number !== undefined && { number: options.number }),
    });
  });
  if (options.ids && !options.json) return show(false, rows, () => idTable(rows, clinic.timeZone));
  show(options.json, rows, () =>
    table(rows, [
      { title: 'When', value: (cdr) => localTime(cdr.startedAt, clinic.timeZone) },
      { title: 'Direction', value: (cdr) => cdr.direction },
      { title: 'From', value: (cdr) => `${cdr.from} ${cdr.fromName}`.trim() || 'withheld', shrinks: true },
      { title: 'To', value: (cdr) => cdr.to },
      { title: 'Outcome', value: (cdr) => outcomeText(cdr.outcome) },
      { title: 'Audio', value: (cdr) => audioText(cdr.quality) },
      { title: 'Length', value: (cdr) => (cdr.answeredAt === undefined ? '' : duration(cdr.endedAt - cdr.answeredAt)) },
    ]),
  );
}

/** What `call show` takes, in 80 columns. */
function idTable(rows: readonly Cdr[], timeZone: string): string {
  return table(rows, [
    { title: 'Call', value: ({ callId }) => callId },
    { title: 'When', value: ({ startedAt }) => localTime(startedAt, timeZone) },
    { title: 'From', value: ({ from, fromName }) => `${from} ${fromName}`.trim() || 'withheld', shrinks: true },
    { title: 'To', value: ({ to }) => to, shrinks: true },
    { title: 'Outcome', value: ({ outcome }) => outcomeText(outcome) },
  ]);
}

async function showOne(text: string, options: Pick<Options, 'login' | 'json'>): Promise<void> {
  const callId = parseId<'call'>(text);
  if (callId === undefined)
    throw new WardlineError('call-unknown', 'That is no id of a call; `wardline call list` names them.');
  await using vault = await openVault(openContext());
  const { clinic } = await vault.ask('clinic.get', {});
  const shown = await asPerson(vault, options.login, (person) => wholeCall(vault, callId, person));
  const { details, notes, artifacts } = shown;
  show(options.json, { ...details, notes, artifacts: artifacts.map(jsonOf) }, () =>
    [
      callLines(details, notes, clinic.timeZone),
      ...artifacts.map((artifact) => ['', ...artifactLines(artifact, clinic.timeZone)]),
    ]
      .flat()
      .join('\n'),
  );
}

/** Staff are told which of their messages were left in it; marks and notes are shown here to administrators alone. */
async function wholeCall(vault: Vault, callId: CallId, { caller, user }: Person) {
  mustBeAllowed('GET /api/calls/:id', user);
  const isAdmin = user.roles.includes('admin');
  const details = await vault.ask('call.get', { caller, callId, ...(!isAdmin && { within: user.mailboxes }) });
  const notesOf = async (subject: string) => (isAdmin ? (await vault.ask('note.list', { caller, subject })).notes : []);
  const artifacts: ShownArtifact[] = [];
  for (const summary of details.artifacts) {
    const artifact = isAdmin
      ? await vault.ask('artifact.get', { caller, artifactId: summary.id })
      : { ...summary, marks: [], gaps: [] };
    artifacts.push({ artifact, notes: await notesOf(summary.id) });
  }
  return { details, notes: await notesOf(callId), artifacts };
}

function jsonOf({ artifact, notes }: ShownArtifact) {
  return { ...artifact, notes };
}

/** The worst party's mean opinion score: 4.4 is as good as the telephone gets, below 3.6 people complain. */
function audioText(quality: readonly LegQuality[] = []): string {
  return quality.length === 0 ? '' : Math.min(...quality.map(({ mos }) => mos)).toFixed(1);
}

function outcomeText(outcome: CallOutcome): string {
  if (outcome.ended === 'answered') return 'answered';
  return outcome.ended === 'unanswered' ? outcome.reason : `failed (${outcome.fault})`;
}
