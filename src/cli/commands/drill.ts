// `wardline drill status` and `wardline drill schedule`: what came of the last drill, and how often the vault holds one by itself.
import type { Command } from 'commander';
import { WardlineError } from '../../kernel/errors.ts';
import type { DrillStatus } from '../../vault/shapes.ts';
import { openContext, openVault } from '../context.ts';
import { machineTime, show } from '../print.ts';

export function addDrillCommands(drill: Command): void {
  drill.command('status').description('What came of the last drill.').option('--json', 'print JSON').action(status);
  drill
    .command('schedule <days>')
    .description("Hold a drill by itself every so many days, at night, or 'never'.")
    .option('--json', 'print JSON')
    .action(schedule);
}

async function status(options: { json?: boolean }): Promise<void> {
  await using vault = await openVault(openContext());
  const found = await vault.ask('drill.get', {});
  show(options.json, found, () => [lastText(found), rhythm(found)].join('\n'));
  if ((found.last?.problems.length ?? 0) > 0) process.exitCode = 1;
}

function lastText({ last }: DrillStatus): string {
  if (last === undefined) return 'No drill was held yet.';
  const { at, from, problems, calls, artifacts, restoreMs, checkMs, isLocked } = last;
  const when = machineTime(at);
  if (problems.length > 0) return `The drill of ${when} with ${from} FAILED:\n${problems.join('\n')}`;
  const seconds = ((restoreMs + checkMs) / 1000).toFixed(1);
  const looked = isLocked
    ? 'the settings alone were looked into'
    : `${calls} calls and ${artifacts} recordings were opened`;
  return `The drill of ${when} restored ${from}; ${looked}, in ${seconds} s. All of it holds.`;
}

function rhythm({ everyDays }: DrillStatus): string {
  return everyDays === null ? 'Drills are held by command alone.' : `A drill is held every ${everyDays} days.`;
}

async function schedule(days: string, options: { json?: boolean }): Promise<void> {
  const everyDays = days === 'never' ? null : Number(days);
  if (everyDays !== null && !Number.isSafeInteger(everyDays))
    throw new WardlineError('bad-rule', `'${days}' is no number of days; write one, or 'never'.`);
  const context = openContext();
  await using vault = await openVault(context);
  await vault.ask('drill.schedule', { caller: context.caller, everyDays });
  show(options.json, { everyDays }, () => rhythm({ everyDays }));
}
