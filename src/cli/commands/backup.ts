// `wardline backup`, `restore` and `drill`: copies that a bare machine and the recovery code can be made whole from, and the proof of it.
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { sentenceOf, WardlineError } from '../../kernel/errors.ts';
import { type DrillResult, runDrill } from '../../vault/backup/drill.ts';
import { restoreVault } from '../../vault/backup/restore.ts';
import type { SlotKind } from '../../vault/keys/slots.ts';
import type { DrillReport } from '../../vault/shapes.ts';
import { ask, confirm } from '../ask.ts';
import { type CliContext, openContext, openVault } from '../context.ts';
import { readText, writeNew } from '../files.ts';
import { machineTime, show, table } from '../print.ts';
import { bytesText, progress } from '../progress.ts';
import { addDrillCommands } from './drill.ts';

export function addBackupCommands(program: Command): void {
  const backup = program.command('backup').description('Sealed copies of the vault on other disks.');
  backup
    .command('create <folder>')
    .description(
      'Back up into a folder, while calls run; what it holds already is not written again. Then also once a day.',
    )
    .option('--anew', 'write all of it again: of what was disposed of, not even ciphertext is left')
    .option('--json', 'print JSON')
    .action(create);
  backup
    .command('list')
    .description('The folders that are backed up to, and which still hold keys of what was disposed of.')
    .option('--json', 'print JSON')
    .action(list);
  backup
    .command('verify <folder>')
    .description('Compare every file of a backup with its manifest. Exit code 1 when it does not hold.')
    .option('--json', 'print JSON')
    .action(verify);
  backup
    .command('forget <target>')
    .description('Give up a target that cannot be reached any more (its id is in the list).')
    .option('--yes', 'do not ask')
    .action(forget);
  program
    .command('restore <folder>')
    .description('Make the vault of this machine out of a backup. Asks for the recovery code.')
    .option('--key-file <file>', 'open it with the key file that the vault had, instead of the recovery code')
    .option('--passphrase', 'open it with a passphrase instead')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .action(restore);
  const drillCommand = program
    .command('drill [folder]')
    .description(
      'Restore a backup (the newest by default) into a scratch folder, open every record, and say how long it took.',
    )
    .option('--scratch <folder>', 'a folder with room for the whole vault, on RAM or an encrypted disk', tmpdir())
    .option('--recovery', 'open it with the recovery code instead of the key file')
    .option('--json', 'print JSON')
    .action(drill);
  addDrillCommands(drillCommand);
}

async function create(folder: string, options: { anew?: boolean; json?: boolean }): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  using bar = progress();
  using _notices = vault.onNotice(({ type, payload }) => {
    if (type === 'backup.progress') bar.show('Writing', Number((payload as { bytes: number }).bytes), 0);
  });
  const target = resolve(folder);
  const isAnew = options.anew === true;
  const made = await vault.ask('backup.create', { caller: context.caller, target, isAnew });
  bar[Symbol.dispose]();
  show(options.json, made, () =>
    [
      `Backed up to ${made.target}: ${bytesText(made.bytes)} written, ${made.rows} rows, up to entry ${made.until} of the trail.`,
      ...(made.completed > 0 ? [`${made.completed} disposed artifacts are now gone from every backup.`] : []),
    ].join('\n'),
  );
}

async function list(options: { json?: boolean }): Promise<void> {
  await using vault = await openVault(openContext());
  const status = await vault.ask('backup.status', {});
  show(options.json, status, () =>
    status.targets.length === 0
      ? 'Nothing is backed up. Begin with: wardline backup create /another/disk/wardline'
      : `${table(status.targets, [
          { title: 'Target', value: ({ id }) => id },
          { title: 'Folder', value: ({ path, isThere }) => (isThere ? path : `${path} (not there)`), shrinks: true },
          { title: 'Last run', value: ({ lastAt }) => (lastAt === 0 ? 'never' : machineTime(lastAt)) },
          { title: 'Size', value: ({ bytes }) => bytesText(bytes) },
          { title: 'Holds disposed keys', value: ({ holdsDisposed }) => String(holdsDisposed) },
        ])}\n${CIPHERTEXT}`,
  );
}

const CIPHERTEXT =
  'What was disposed of stays in the older files of a backup as ciphertext that no key opens any more, until most of them is that;\n`wardline backup create <folder> --anew` is rid of it at once.';

async function verify(folder: string, options: { json?: boolean }): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  using bar = progress();
  using _notices = vault.onNotice(({ type, payload }) => {
    if (type === 'backup.progress') bar.show('Reading', Number((payload as { bytes: number }).bytes), 0);
  });
  const result = await vault.ask('backup.verify', { caller: context.caller, target: resolve(folder) });
  bar[Symbol.dispose]();
  show(options.json, result, () =>
    result.ok
      ? `The backup holds: ${result.files} files of ${machineTime(result.createdAt)}.`
      : `The backup does NOT hold:\n${result.problems.join('\n')}\nMake a new one in an empty folder.`,
  );
  if (!result.ok) process.exitCode = 1;
}

async function forget(targetId: string, options: { yes?: boolean }): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const found = (await vault.ask('backup.status', {})).targets.find(({ id }) => id === targetId);
  const held = found === undefined || found.holdsDisposed === 0 ? '' : ` It still holds ${found.holdsDisposed} disposed keys: destroy that disk.`; // biome-ignore format: one sentence
  if (!(await confirm(`Give up the target ${found?.path ?? targetId}?${held}`, options.yes)))
    throw new WardlineError('not-confirmed', 'Nothing was changed.');
  await vault.ask('backup.forget', { caller: context.caller, targetId });
  process.stdout.write('The target is given up.\n');
}

interface RestoreFlags {
  readonly keyFile?: string;
  readonly passphrase?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

async function restore(folder: string, options: RestoreFlags): Promise<void> {
  const { bootstrap, clock, caller } = openContext('write'); // a bare machine has no bootstrap file
  const { dataFolder, keyFile, headsFile } = bootstrap;
  const unlock = await askSecret(options);
  if (!(await confirm(`Restore ${resolve(folder)} into ${dataFolder}?`, options.yes)))
    throw new WardlineError('not-confirmed', 'Nothing was changed.');
  using bar = progress();
  const begun = clock.monotonic();
  const onProgress = (phase: string, done: number, all: number) => bar.show(phase, done, all);
  const restored = await restoreVault({
    ...{ from: resolve(folder), dataFolder, keyFile, headsFile, unlock, clock, caller, onProgress },
  });
  if (unlock.slot === 'key-file' && !existsSync(keyFile)) {
    mkdirSync(dirname(keyFile), { recursive: true, mode: 0o700 });
    writeNew(keyFile, unlock.secret, 0o400);
  }
  bar[Symbol.dispose]();
  const seconds = ((clock.monotonic() - begun) / 1000).toFixed(1);
  show(options.json, restored, () =>
    [
      `Restored the backup of ${machineTime(restored.createdAt)} in ${seconds} s: ${restored.rows} rows.`,
      `What was written after it is not there: the trail goes on after entry ${restored.until}.`,
      ...restored.problems.map((problem) => `Problem: ${problem}`),
      'Next: wardline start',
    ].join('\n'),
  );
  if (restored.problems.length > 0) process.exitCode = 1;
}

async function askSecret({ keyFile, passphrase }: RestoreFlags): Promise<{ slot: SlotKind; secret: string }> {
  if (keyFile !== undefined) return { slot: 'key-file', secret: readText(keyFile) };
  if (passphrase) return { slot: 'passphrase', secret: await ask('Passphrase: ', { isSecret: true }) };
  return { slot: 'recovery', secret: await ask('Recovery code: ', { isSecret: true }) };
}

interface DrillFlags {
  readonly scratch: string;
  readonly recovery?: boolean;
  readonly json?: boolean;
}

async function drill(folder: string | undefined, options: DrillFlags): Promise<void> {
  const context = openContext();
  const { clock, caller, bootstrap } = context;
  const from = resolve(folder ?? (await newestTarget(context)));
  const unlock = await askSecret(options.recovery ? {} : { keyFile: bootstrap.keyFile });
  using bar = progress();
  const onProgress = (phase: string, done: number, all: number) => bar.show(phase, done, all);
  const result = await tell(context, from, () =>
    runDrill({ from, scratch: options.scratch, keysFolder: context.runtimeFolder, unlock, clock, caller, onProgress }),
  );
  bar[Symbol.dispose]();
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  show(options.json, result, () =>
    [
      `Restored ${from} in ${seconds(result.restoreMs)} s and opened ${result.calls} calls and ${result.artifacts} recordings in ${seconds(result.checkMs)} s.`,
      ...(result.isLocked
        ? ['The key file opens the settings alone: the records were not looked into (--recovery does).']
        : []),
      ...(result.problems.length === 0 ? ['All of it holds.'] : result.problems.map((text) => `Problem: ${text}`)),
    ].join('\n'),
  );
  if (result.problems.length > 0) process.exitCode = 1;
}

/** The trail of the vault itself says what came of a drill. */
async function tell(context: CliContext, from: string, run: () => Promise<DrillResult>): Promise<DrillResult> {
  const { clock, caller } = context;
  const at = clock.now();
  const say = async (report: Omit<DrillReport, 'at' | 'from'>) => {
    await using vault = await openVault(context);
    await vault.ask('drill.report', { caller, report: { at, from, ...report } });
  };
  try {
    const result = await run();
    const { problems, restoreMs, checkMs, calls, artifacts, isLocked } = result;
    await say({ problems: problems.slice(0, 10), restoreMs, checkMs, calls, artifacts, isLocked });
    return result;
  } catch (thrown) {
    const nothing = { restoreMs: 0, checkMs: 0, calls: 0, artifacts: 0, isLocked: false };
    await say({ problems: [sentenceOf(thrown)], ...nothing });
    throw thrown;
  }
}

async function newestTarget(context: CliContext): Promise<string> {
  await using vault = await openVault(context);
  const { targets } = await vault.ask('backup.status', {});
  const newest = targets.filter(({ isThere }) => isThere).sort((a, b) => b.lastAt - a.lastAt)[0];
  if (newest !== undefined) return newest.path;
  throw new WardlineError(
    'backup-missing',
    'There is no backup to try; make one with `wardline backup create <folder>`.',
  );
}
