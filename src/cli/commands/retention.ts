// `wardline vault retention` and `wardline vault hold`: how long things are kept, and what is kept regardless.
import type { Command } from 'commander';
import { WardlineError } from '../../kernel/errors.ts';
import type { RetentionRules } from '../../vault/shapes.ts';
import { confirm } from '../ask.ts';
import { type CliContext, openContext, openVault } from '../context.ts';
import { machineTime, show, table } from '../print.ts';

const NAMES = { calls: 'cdr', voicemail: 'voicemail', recordings: 'recording', greetings: 'greeting' } as const;
type Name = keyof typeof NAMES;

interface Flags {
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function addRetentionCommands(vault: Command): void {
  const retention = vault.command('retention').description('How long calls, voicemail and recordings are kept.');
  retention.command('show').description('The rules.').option('--json', 'print JSON').action(showRules);
  retention
    .command('set <kind> <days>')
    .description(
      `Keep calls, voicemail, recordings or greetings for so many days, or 'forever'. What is older is destroyed.`,
    )
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .action(setRule);
  retention
    .command('place <number> <days>')
    .description(
      "Keep what was recorded in one mailbox or queue for so many days, 'forever', or by the 'common' rule of its kind.",
    )
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .action(setPlace);
  const hold = vault.command('hold').description('Legal holds: what they name is destroyed by no rule and by nobody.');
  hold
    .command('place <id>')
    .description("Hold a call with its recordings, one message or recording, or 'everything'.")
    .requiredOption('--reason <text>', 'why, for the trail')
    .option('--json', 'print JSON')
    .action(place);
  hold.command('list').description('The holds.').option('--json', 'print JSON').action(list);
  hold.command('release <hold>').description('End a hold.').option('--yes', 'do not ask').action(release);
}

async function showRules(options: Flags): Promise<void> {
  await using vault = await openVault(openContext());
  const { rules } = await vault.ask('retention.get', {});
  show(options.json, rules, () =>
    table(
      [
        ...Object.entries(NAMES).map(([name, kind]) => [name, rules[kind]] as const),
        ...Object.entries(rules.places ?? {}).map(([number, days]) => [`mailbox or queue ${number}`, days] as const),
      ],
      [
        { title: 'Kind', value: ([name]) => name },
        { title: 'Kept', value: ([, days]) => (days ? `${days} days` : 'forever') },
      ],
    ),
  );
}

async function setRule(name: string, text: string, options: Flags): Promise<void> {
  if (!Object.hasOwn(NAMES, name))
    throw new WardlineError('bad-rule', `'${name}' is none of ${Object.keys(NAMES).join(', ')}.`);
  const days = text === 'forever' ? null : Number(text);
  const context = openContext();
  await using vault = await openVault(context);
  const question = `Destroy ${name} that are older than ${days} days, now and from now on? ${clockText(context)}`;
  if (days !== null && !(await confirm(question, options.yes)))
    throw new WardlineError('not-confirmed', 'Nothing was changed.');
  const before = (await vault.ask('retention.get', {})).rules;
  const rules: RetentionRules = { ...before, [NAMES[name as Name]]: days };
  await vault.ask('retention.set', { caller: context.caller, rules });
  show(options.json, rules, () => `${name}: kept ${days === null ? 'forever' : `for ${days} days`}.`);
}

async function setPlace(number: string, text: string, options: Flags): Promise<void> {
  const days = text === 'forever' ? null : Number(text);
  const context = openContext();
  await using vault = await openVault(context);
  const before = (await vault.ask('retention.get', {})).rules;
  const { [number]: _old, ...others } = before.places ?? {};
  const isShorter = text === 'common' || days !== null;
  const question = `Destroy what is in ${number} and older than ${text === 'common' ? 'the common rule says' : `${text} days`}, now and from now on? ${clockText(context)}`;
  if (isShorter && !(await confirm(question, options.yes)))
    throw new WardlineError('not-confirmed', 'Nothing was changed.');
  const places = text === 'common' ? others : { ...others, [number]: days };
  const rules: RetentionRules = { ...before, places };
  await vault.ask('retention.set', { caller: context.caller, rules });
  show(
    options.json,
    rules,
    () => `${number}: kept ${text === 'forever' || text === 'common' ? text : `for ${text} days`}.`,
  );
}

/** Who sets a rule says that the clock is right. */
function clockText({ clock }: CliContext): string {
  return `By this machine's clock it is ${machineTime(clock.now())}.`;
}

async function place(subject: string, options: Flags & { reason: string }): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const made = await vault.ask('hold.place', { caller: context.caller, subject, reason: options.reason });
  show(options.json, made, () => `The hold ${made.holdId} is in force.`);
}

async function list(options: Flags): Promise<void> {
  await using vault = await openVault(openContext());
  const { holds } = await vault.ask('hold.list', {});
  show(options.json, holds, () =>
    table(holds, [
      { title: 'Hold', value: ({ id }) => id },
      { title: 'Since', value: ({ placedAt }) => machineTime(placedAt) },
      { title: 'Keeps', value: ({ subjects }) => subjects.join(' '), shrinks: true },
      { title: 'Reason', value: ({ reason }) => reason, shrinks: true },
    ]),
  );
}

async function release(holdId: string, options: Flags): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  if (!(await confirm(`Release the hold ${holdId}? What it kept may be destroyed by its rule then.`, options.yes)))
    throw new WardlineError('not-confirmed', 'Nothing was changed.');
  await vault.ask('hold.release', { caller: context.caller, holdId });
  process.stdout.write('The hold is released.\n');
}
