// `wardline voicemail list`: the newest messages; asks for a person's password and code.
import type { Command } from 'commander';
import { openContext, openVault } from '../context.ts';
import { asPerson, mustBeAllowed, mustHear } from '../person.ts';
import { duration, localTime, rowLimit, show, table } from '../print.ts';

interface Options {
  readonly limit: string;
  readonly mailbox?: string;
  readonly login?: string;
  readonly json?: boolean;
}

export function addVoicemailCommands(program: Command): void {
  program
    .command('voicemail')
    .description('Voicemail messages.')
    .command('list')
    .description("List the newest messages, in local time. Asks for a person's login, password and code.")
    .option('--limit <n>', 'how many, 100 at most', '25')
    .option('--mailbox <number>', 'only this mailbox')
    .option('--login <login>', 'who asks')
    .option('--json', 'print JSON')
    .action(list);
}

async function list(options: Options): Promise<void> {
  const limit = rowLimit(options.limit);
  await using vault = await openVault(openContext());
  const { clinic } = await vault.ask('clinic.get', {});
  const { rows } = await asPerson(vault, options.login, ({ caller, user }) => {
    mustBeAllowed('GET /api/voicemails', user);
    const mailbox = options.mailbox ?? (user.roles.includes('admin') ? undefined : (user.mailboxes[0] ?? 'none'));
    if (mailbox !== undefined) mustHear(user, mailbox);
    return vault.ask('artifacts.page', {
      caller,
      kind: 'voicemail',
      page: { limit },
      ...(mailbox !== undefined && { mailbox }),
    });
  });
  show(options.json, rows, () =>
    table(rows, [
      { title: 'When', value: (message) => localTime(message.startedAt, clinic.timeZone) },
      { title: 'Mailbox', value: (message) => message.mailbox },
      { title: 'From', value: (message) => `${message.from} ${message.fromName}`.trim() || 'withheld', shrinks: true },
      { title: 'Length', value: (message) => duration(message.durationMs) },
      {
        title: 'State',
        value: (message) => (message.state === 'complete' ? (message.isRead ? 'read' : 'new') : message.state),
      },
    ]),
  );
}
