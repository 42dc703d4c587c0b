// `wardline search`: calls, messages and recordings by name, note, tag, transcript or number; asks for a person's password and code.
import type { Command } from 'commander';
import type { SearchHit } from '../../vault/shapes.ts';
import { openContext, openVault } from '../context.ts';
import { asPerson, mustBeAllowed } from '../person.ts';
import { localTime, rowLimit, show, table } from '../print.ts';

interface Options {
  readonly limit: string;
  readonly login?: string;
  readonly json?: boolean;
}

export function addSearchCommand(program: Command): void {
  program
    .command('search <words...>')
    .description(
      "Find calls, messages and recordings by name, note, tag, transcript or number, best first. Asks for a person's login, password and code.",
    )
    .option('--limit <n>', 'how many, 100 at most', '25')
    .option('--login <login>', 'who asks')
    .option('--json', 'print JSON')
    .action(search);
}

async function search(words: readonly string[], options: Options): Promise<void> {
  const limit = rowLimit(options.limit);
  await using vault = await openVault(openContext());
  const { clinic } = await vault.ask('clinic.get', {});
  const answer = await asPerson(vault, options.login, ({ caller, user }) => {
    mustBeAllowed('GET /api/search', user);
    const within = user.roles.includes('admin') ? {} : { within: user.mailboxes };
    return vault.ask('search', { caller, query: words.join(' '), limit, ...within });
  });
  const rows = answer.hits.map(rowOf);
  show(options.json, answer, () =>
    [
      table(rows, [
        { title: 'When', value: ({ startedAt }) => localTime(startedAt, clinic.timeZone) },
        { title: 'What', value: ({ what }) => what },
        { title: 'From', value: ({ from, fromName }) => `${from} ${fromName}`.trim() || 'withheld', shrinks: true },
        { title: 'To', value: ({ to }) => to },
        { title: 'Notes', value: ({ notes }) => notes, shrinks: true },
      ]),
      ...(answer.isComplete ? [] : ['Older records are still being read in; search again in a while.']),
    ].join('\n'),
  );
}

function rowOf(hit: SearchHit) {
  const notes = hit.notes.map(({ kind, text }) => (kind === 'tag' ? `#${text}` : text)).join('; ');
  const { startedAt, from, fromName, to } = 'call' in hit ? hit.call : hit.artifact;
  return { what: 'call' in hit ? 'call' : hit.artifact.kind, startedAt, from, fromName, to, notes };
}
