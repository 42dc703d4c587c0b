// `wardline call list`: the newest calls; asks for a person's password and code, since it shows who called whom.
import type { Command } from 'commander';
import type { CallOutcome, LegQuality } from '../../model/cdr.ts';
import { openContext, openVault } from '../context.ts';
import { asPerson, mustBeAllowed } from '../person.ts';
import { duration, localTime, rowLimit, show, table } from '../print.ts';

interface Options {
  readonly limit: string;
  readonly number?: string;
  readonly login?: string;
  readonly json?: boolean;
}

export function addCallCommands(program: Command): void {
  program
    .command('call')
    .description('Call records.')
    .command('list')
    .description("List the newest calls, in local time. Asks for a person's login, password and code.")
    .option('--limit <n>', 'how many, 100 at most', '25')
    .option('--number <number>', 'only calls from or to this number')
    .option('--login <login>', 'who asks')
    .option('--json', 'print JSON')
    .action(list);
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

/** The worst party's mean opinion score: 4.4 is as good as the telephone gets, below 3.6 people complain. */
function audioText(quality: readonly LegQuality[] = []): string {
  return quality.length === 0 ? '' : Math.min(...quality.map(({ mos }) => mos)).toFixed(1);
}

function outcomeText(outcome: CallOutcome): string {
  if (outcome.ended === 'answered') return 'answered';
  return outcome.ended === 'unanswered' ? outcome.reason : `failed (${outcome.fault})`;
}
