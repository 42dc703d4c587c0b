// `wardline user`: invites a person by a one-time link, lists people, removes one.
import type { Command } from 'commander';
import { WardlineError } from '../../kernel/errors.ts';
import { consoleUrl } from '../../ops/first-start.ts';
import type { Role } from '../../vault/contract.ts';
import { confirm } from '../ask.ts';
import { openContext, openVault } from '../context.ts';
import { show, table } from '../print.ts';

const ROLES: readonly Role[] = ['admin', 'auditor', 'staff'];

interface InviteOptions {
  readonly name: string;
  readonly role: string[];
  readonly mailbox: string[];
  readonly json?: boolean;
}

export function addUserCommands(program: Command): void {
  const user = program.command('user').description('People who may log in.');
  user
    .command('invite <login>')
    .description(
      'Make an account and a link, good once and for 24 hours, by which its person sets a password and a second factor.',
    )
    .requiredOption('--name <name>', "the person's name")
    .option('--role <role...>', 'admin, auditor or staff', ['staff'])
    .option('--mailbox <number...>', 'mailboxes that this person may hear', [])
    .option('--json', 'print JSON')
    .action(invite);
  user.command('list').description('List the accounts.').option('--json', 'print JSON').action(list);
  user
    .command('remove <login>')
    .description('Remove an account and end its sessions.')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .action(remove);
}

async function invite(login: string, options: InviteOptions): Promise<void> {
  const roles = options.role.map((text) => {
    const role = ROLES.find((known) => known === text);
    if (role === undefined) throw new WardlineError('role-unknown', `'${text}' is no role; use ${ROLES.join(', ')}.`);
    return role;
  });
  const context = openContext();
  await using vault = await openVault(context);
  const { caller, bootstrap } = context;
  const { clinic } = await vault.ask('clinic.get', {});
  const absent = options.mailbox.find((mailbox) => !clinic.mailboxes.some(({ number }) => number === mailbox));
  if (absent !== undefined) {
    const all = clinic.mailboxes.map(({ number }) => number).join(', ');
    throw new WardlineError('mailbox-unknown', `There is no mailbox ${absent}; the clinic has ${all || 'none'}.`);
  }
  const { userId, token } = await vault.ask('users.invite', {
    caller,
    login,
    name: options.name,
    roles,
    mailboxes: options.mailbox,
  });
  const link = `${consoleUrl(bootstrap)}/enrol#${token}`;
  show(
    options.json,
    { userId, link },
    () => `Give this link to ${login} alone; it is good once, for 24 hours:\n\n  ${link}`,
  );
}

async function list(options: { json?: boolean }): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const { users } = await vault.ask('users.list', { caller: context.caller });
  show(options.json, users, () =>
    table(users, [
      { title: 'Login', value: (user) => user.login },
      { title: 'Name', value: (user) => user.name, shrinks: true },
      { title: 'Roles', value: (user) => user.roles.join(', ') },
      { title: 'State', value: (user) => user.state },
      { title: 'Mailboxes', value: (user) => user.mailboxes.join(', ') },
    ]),
  );
}

async function remove(login: string, options: { yes?: boolean; json?: boolean }): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const { users } = await vault.ask('users.list', { caller: context.caller });
  const user = users.find((each) => each.login === login);
  if (user === undefined)
    throw new WardlineError('user-unknown', `Nobody has the login ${login}; see \`wardline user list\`.`);
  if (!(await confirm(`Remove the account ${login}?`, options.yes)))
    throw new WardlineError('not-confirmed', 'Nothing was changed.');
  await vault.ask('users.remove', { caller: context.caller, userId: user.id });
  show(options.json, { removed: user.id }, () => `Removed ${login}.`);
}
