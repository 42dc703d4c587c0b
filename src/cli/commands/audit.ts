// `wardline audit verify`: walks the whole trail and says whether anything was altered, removed, reordered or cut off.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import { openContext, openVault } from '../context.ts';
import { show } from '../print.ts';

export function addAuditCommands(program: Command): void {
  program
    .command('audit')
    .description('The audit trail.')
    .command('verify')
    .description(
      'Check the whole trail, and against a signed head that left the box when one is given. Exit code 1 when it does not hold.',
    )
    .option('--head <file>', 'a file of signed heads, such as the one beside the key')
    .option('--json', 'print JSON')
    .action(verify);
}

async function verify(options: { head?: string; json?: boolean }): Promise<void> {
  const context = openContext();
  const head = options.head === undefined ? undefined : newestHead(options.head);
  await using vault = await openVault(context);
  const result = await vault.ask('audit.verify', { caller: context.caller, ...(head !== undefined && { head }) });
  show(options.json, result, () =>
    result.ok
      ? holds(result, head)
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
function fieldsOf(head: string): { readonly sequence: number; readonly link: string; readonly publicKey: string } {
  return JSON.parse(head) as ReturnType<typeof fieldsOf>;
}

function newestHead(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) ?? '';
  } catch (thrown) {
    throw new WardlineError(
      codeOf(thrown),
      `${file} cannot be read (${codeOf(thrown)}); check its name and its mode.`,
      { cause: thrown },
    );
  }
}
