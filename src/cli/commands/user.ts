// `wardline user`: invites a person by a one-time link, lists people, locks, unlocks and removes one, gives one a new link.
import type { Command } from 'commander';
import type { Bootstrap } from '../../config/bootstrap.ts';
import { consoleUrl } from '../../config/bootstrap.ts';
import { WardlineError } from '../../kernel/errors.ts';
import type { Vault } from '../../vault/contract.ts';
import type { Role, UserAccount } from '../../vault/shapes.ts';
import { confirm } from '../ask.ts';
import { type CliContext, openContext, openVault } from '../context.ts';
import { show, table } from '../print.ts';

const ROLES: readonly Role[] = ['admin', 'auditor', 'staff'];

interface Flags {
  readonly yes?: boolean;
  readonly json?: boolean;
}

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
    .command('lock <login>')
    .description('Log a person out everywhere and let them in no more, until the account is unlocked.')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .action((login: string, options: Flags) => lock(login, true, options));
  user
    .command('unlock <login>')
    .description('Let a person log in again; wrong guesses are forgotten.')
    .option('--json', 'print JSON')
    .action((login: string, options: Flags) => lock(login, false, { ...options, yes: true }));
  user
    .command('link <login>')
    .description('A new one-time link, for who lost the password or the second factor; the old ones stop working now.')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .action(link);
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
  showLink(bootstrap, { userId, login, token }, options.json);
}

function showLink(
  bootstrap: Bootstrap,
  { userId, login, token }: { userId: string; login: string; token: string },
  isJson: boolean | undefined,
): void {
  const url = `${consoleUrl(bootstrap)}/enrol#${token}`;
  show(
    isJson,
    { userId, link: url },
    () => `Give this link to ${login} alone; it is good once, for 24 hours:\n\n  ${url}`,
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

async function lock(login: string, isLocked: boolean, options: Flags): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const user = await find(vault, context, login);
  await mustWant(`Lock the account ${login} and log its person out?`, options.yes);
  await vault.ask('users.lock', { caller: context.caller, userId: user.id, isLocked });
  show(options.json, { userId: user.id, isLocked }, () => `${isLocked ? 'Locked' : 'Unlocked'} ${login}.`);
}

async function link(login: string, options: Flags): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const user = await find(vault, context, login);
  await mustWant(`Make the password and second factor of ${login} invalid, and a new link?`, options.yes);
  const { token } = await vault.ask('users.reinvite', { caller: context.caller, userId: user.id });
  showLink(context.bootstrap, { userId: user.id, login, token }, options.json);
}

async function find(vault: Vault, { caller }: CliContext, login: string): Promise<UserAccount> {
  const { users } = await vault.ask('users.list', { caller });
  const user = users.find((each) => each.login === login);
  if (user !== undefined) return user;
  throw new WardlineError('user-unknown', `Nobody has the login ${login}; see \`wardline user list\`.`);
}

async function mustWant(question: string, isYes: boolean | undefined): Promise<void> {
  if (!(await confirm(question, isYes))) throw new WardlineError('not-confirmed', 'Nothing was changed.');
}

async function remove(login: string, options: Flags): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const user = await find(vault, context, login);
  await mustWant(`Remove the account ${login}?`, options.yes);
  await vault.ask('users.remove', { caller: context.caller, userId: user.id });
  show(options.json, { removed: user.id }, () => `Removed ${login}.`);
}
