// `wardline import` and `wardline export`: a whole clinic from a YAML file, and back into one.
import { join } from 'node:path';
import type { Command } from 'commander';
import { WardlineError } from '../../kernel/errors.ts';
import { formatClinicYaml } from '../../model/format-clinic.ts';
import { importClinic, planImport } from '../../ops/import-clinic.ts';
import { confirm } from '../ask.ts';
import { openContext, openVault } from '../context.ts';
import { readText, replaceText } from '../files.ts';
import { show } from '../print.ts';

interface ImportOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function addImportCommands(program: Command): void {
  program
    .command('import <file>')
    .description('Load a clinic from a YAML file: shows what changes, asks, and does it in one step.')
    .option('--dry-run', 'check the file and show what would change')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .action(runImport);
  program
    .command('export [file]')
    .description("Write the clinic's settings as YAML (without passwords) to a file or to the terminal.")
    .option('--json', 'print the clinic as JSON')
    .action(runExport);
}

async function runImport(file: string, options: ImportOptions): Promise<void> {
  const text = readText(file);
  const context = openContext();
  await using vault = await openVault(context);
  const plan = await planImport(vault, text, join(context.checkout, 'config', 'prompts', 'en'));
  if ('problems' in plan) {
    const lines = plan.problems.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
    if (options.json) show(true, { problems: plan.problems }, () => '');
    throw new WardlineError('clinic-invalid', `${file} was not imported; nothing was changed.\n${lines.join('\n')}`);
  }
  if (!options.json)
    process.stdout.write(
      `${plan.changes.length === 0 ? 'Nothing changes.' : plan.changes.map((line) => `  ${line}`).join('\n')}\n`,
    );
  if (options.dryRun || plan.changes.length === 0) {
    if (options.json) show(true, { changes: plan.changes, imported: false }, () => '');
    return;
  }
  if (
    !(await confirm(`Import ${plan.changes.length} ${plan.changes.length === 1 ? 'change' : 'changes'}?`, options.yes))
  ) {
    throw new WardlineError('not-confirmed', 'Nothing was changed.');
  }
  const { version } = await importClinic(vault, plan, context.caller);
  show(
    options.json,
    { changes: plan.changes, imported: true, version },
    () => `Imported; this is version ${version} of the settings.`,
  );
}

async function runExport(file: string | undefined, options: { json?: boolean }): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const { clinic } = await vault.ask('clinic.get', {});
  await vault.ask('audit.put', { entry: { action: 'settings-exported', outcome: 'ok', ...context.caller } });
  const text = options.json ? `${JSON.stringify(clinic, null, 2)}\n` : formatClinicYaml(clinic);
  if (file === undefined) process.stdout.write(text);
  else replaceText(file, text);
}
