// `wardline audit`: search the trail, verify it, carry it away, and check what was carried away on any machine, without a secret.
import type { Command } from 'commander';
import type { SealedEntryContent } from '../../audit/entry.ts';
import { type AuditFilter, actorName } from '../../audit/filter.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { exportTrail, verifyFile } from '../audit-copy.ts';
import { openContext, openVault } from '../context.ts';
import { readText, writeNew } from '../files.ts';
import { asPerson, mustBeAllowed } from '../person.ts';
import { localTime, rowLimit, show, table } from '../print.ts';
import { progress } from '../progress.ts';

export function addAuditCommands(program: Command): void {
  const audit = program.command('audit').description('The audit trail.');
  audit
    .command('verify')
    .description(
      'Check the whole trail, and against a signed head that left the box when one is given. With --export: check a copy of it, on any machine, with no vault and no secret. Exit code 1 when it does not hold.',
    )
    .option('--head <file>', 'a file of signed heads, such as the one beside the key')
    .option('--export <file>', 'a copy that `wardline audit export` made')
    .option('--key <key>', "the vault's public signing key, when it is known from elsewhere than the heads file")
    .option('--json', 'print JSON')
    .action(verify);
  audit
    .command('search')
    .description(
      "Look through the trail, newest first. Asks for a person's login, password and code; it is an entry too.",
    )
    .option('--who <name>', 'a login, a phone, a user of this machine, or a part of one')
    .option('--action <action>', 'such as artifact-played or login-failed')
    .option('--subject <id>', 'a call, message, recording or account')
    .option('--since <time>', 'from then on: 2026-11-21 or 2026-11-21T14:05')
    .option('--until <time>', 'up to then')
    .option('--outcome <outcome>', 'ok, refused or failed')
    .option('--address <ip>', 'where it came from')
    .option('--text <words>', 'a part of the detail')
    .option('--limit <n>', 'how many, 100 at most', '25')
    .option('--login <login>', 'who asks')
    .option('--json', 'print JSON')
    .action(search);
  audit
    .command('export <file>')
    .description(
      "Write the trail, or a part of it, as a signed copy that anybody can check with a head. It holds numbers and names in clear. Asks for a person's login, password and code.",
    )
    .option('--from <n>', 'the first entry')
    .option('--to <n>', 'the last entry')
    .option('--login <login>', 'who asks')
    .option('--json', 'print JSON')
    .action(exportTrail);
  audit
    .command('head [file]')
    .description('Print a signed head of the trail as it is now, or write it into a new file, to be kept elsewhere.')
    .option('--json', 'print JSON')
    .action(head);
}

interface VerifyFlags {
  readonly head?: string;
  readonly export?: string;
  readonly key?: string;
  readonly json?: boolean;
}

async function verify(options: VerifyFlags): Promise<void> {
  if (options.export !== undefined) return verifyFile(options.export, options);
  if (options.key !== undefined) throw new WardlineError('bad-option', '--key goes with --export; leave it out.');
  const context = openContext();
  const given = options.head === undefined ? undefined : newestHead(options.head);
  await using vault = await openVault(context);
  using bar = progress();
  using _notices = vault.onNotice(({ type, payload }) => {
    const { done, all } = payload as { done: number; all: number };
    if (type === 'audit.progress') bar.show('Checking', done, all, 'entries');
  });
  const result = await vault.ask('audit.verify', {
    caller: context.caller,
    ...(given !== undefined && { head: given }),
  });
  bar[Symbol.dispose]();
  show(options.json, result, () =>
    result.ok
      ? holds(result, given)
      : `The trail does NOT hold: entry ${result.firstBad?.sequence}: ${result.firstBad?.problem}. Keep the disk as it is and restore from a backup.`,
  );
  if (!result.ok) process.exitCode = 1;
}

function holds({ entries, head }: { entries: number; head: string }, given: string | undefined): string {
  const { link, publicKey } = fieldsOf(head);
  const against =
    given === undefined
      ? []
      : [
          `It runs through the given head, which was taken at entry ${fieldsOf(given).sequence}: nothing up to there was cut off.`,
        ];
  return [
    `The trail holds: ${entries} ${entries === 1 ? 'entry' : 'entries'}, none altered, removed or reordered.`,
    ...against,
    `  Last link    ${link}`,
    `  Signing key  ${publicKey}`,
    ...(given === undefined
      ? ['Whether its end was cut off is shown by a head that left this machine: --head <file>.']
      : []),
  ].join('\n');
}

/** A signed head is one line of JSON; its signature was checked by the vault. */
function fieldsOf(text: string): { readonly sequence: number; readonly link: string; readonly publicKey: string } {
  return JSON.parse(text) as ReturnType<typeof fieldsOf>;
}

function newestHead(file: string): string {
  return readText(file).trimEnd().split('\n').at(-1) ?? '';
}

interface SearchFlags {
  readonly who?: string;
  readonly action?: string;
  readonly subject?: string;
  readonly since?: string;
  readonly until?: string;
  readonly outcome?: string;
  readonly address?: string;
  readonly text?: string;
  readonly limit: string;
  readonly login?: string;
  readonly json?: boolean;
}

async function search(options: SearchFlags): Promise<void> {
  const limit = rowLimit(options.limit);
  const filter = filterOf(options);
  await using vault = await openVault(openContext());
  const { clinic } = await vault.ask('clinic.get', {});
  const rows = await asPerson(vault, options.login, async ({ caller, user }) => {
    mustBeAllowed('GET /api/audit', user);
    const found: SealedEntryContent[] = [];
    for (let after: string | undefined; ; ) {
      const page = { limit: limit - found.length, ...(after !== undefined && { after }) };
      const answer = await vault.ask('audit.search', { caller, filter, page });
      found.push(...answer.rows);
      after = answer.next;
      if (after === undefined || found.length >= limit) return found;
    }
  });
  show(options.json, rows, () =>
    table(rows, [
      { title: 'Entry', value: ({ sequence }) => String(sequence) },
      { title: 'When', value: ({ at }) => localTime(at, clinic.timeZone) },
      { title: 'Who', value: ({ actor }) => actorName(actor), shrinks: true },
      { title: 'What', value: ({ action, outcome }) => (outcome === 'ok' ? action : `${action}: ${outcome}`) },
      { title: 'From', value: ({ address }) => address, shrinks: true },
      { title: 'Which', value: ({ subject = '' }) => subject, shrinks: true },
      { title: 'Detail', value: ({ detail = '' }) => detail, shrinks: true },
    ]),
  );
}

function filterOf({ since, until, outcome, who, action, subject, address, text }: SearchFlags): AuditFilter {
  return {
    ...(who !== undefined && { who }),
    ...(action !== undefined && { action }),
    ...(subject !== undefined && { subject }),
    ...(address !== undefined && { address }),
    ...(text !== undefined && { text }),
    ...(since !== undefined && { since: parseTime(since, 'T00:00:00') }),
    ...(until !== undefined && { until: parseTime(until, 'T23:59:59.999') }),
    ...(outcome !== undefined && { outcome: parseOutcome(outcome) }),
  };
}

/** A day stands for its beginning or its end, in this machine's time zone. */
function parseTime(text: string, ofDay: string): number {
  const time = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}${ofDay}` : text);
  if (!Number.isNaN(time)) return time;
  throw new WardlineError('bad-time', `'${text}' is no time; write it as 2026-11-21 or 2026-11-21T14:05.`);
}

function parseOutcome(text: string): 'ok' | 'refused' | 'failed' {
  if (text === 'ok' || text === 'refused' || text === 'failed') return text;
  throw new WardlineError('bad-option', `'${text}' is no outcome; use ok, refused or failed.`);
}

async function head(file: string | undefined, options: { json?: boolean }): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const made = (await vault.ask('audit.head', { caller: context.caller })).head;
  if (file !== undefined) writeNew(file, `${made}\n`);
  const { sequence } = fieldsOf(made);
  show(options.json, JSON.parse(made), () =>
    file === undefined ? made : `${file} holds a signed head of entry ${sequence}; keep it on another machine.`,
  );
}
