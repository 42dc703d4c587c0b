// `wardline vault`: its state, locking and unlocking the records half, and the CA that phones and browsers must trust.
import type { Command } from 'commander';
import { WardlineError } from '../../kernel/errors.ts';
import { ask } from '../ask.ts';
import { openContext, openVault } from '../context.ts';
import { show, table } from '../print.ts';
import { progress } from '../progress.ts';
import { addRetentionCommands } from './retention.ts';
import { addSlotCommands } from './slot.ts';

export function addVaultCommands(program: Command): void {
  const vault = program.command('vault').description('The sealed store of everything that the appliance keeps.');
  vault
    .command('status')
    .description('Say what it holds, whether the records are open, and what the check at start found.')
    .option('--json', 'print JSON')
    .action(status);
  vault
    .command('verify')
    .description('Walk the trail and open every record and all audio. Exit code 1 when something does not hold.')
    .option('--json', 'print JSON')
    .action(verify);
  vault
    .command('unlock')
    .description('Open the records with a recovery code or a passphrase, which it asks for.')
    .option('--passphrase', 'use a passphrase slot')
    .option('--json', 'print JSON')
    .action(unlock);
  vault
    .command('lock')
    .description('Close the records: lists and playback answer "locked"; calls, recording and voicemail go on.')
    .option('--json', 'print JSON')
    .action(lock);
  vault
    .command('ca')
    .description('Print the certificate of the private CA (PEM), for phones and browsers to trust.')
    .option('--json', 'print JSON')
    .action(ca);
  addSlotCommands(vault);
  addRetentionCommands(vault);
}

async function status(options: { json?: boolean }): Promise<void> {
  await using vault = await openVault(openContext());
  const state = await vault.ask('status', {});
  const { counts, slots, problems } = state;
  show(options.json, state, () =>
    [
      `Records are ${state.records}. Format ${state.formatVersion}; the trail has ${state.auditSequence} entries.`,
      `${counts.calls} calls, ${counts.voicemails} messages, ${counts.recordings} recordings, ${counts.users} people.`,
      ...(problems.length === 0
        ? ['The check at start found nothing wrong.']
        : problems.map((text) => `Problem: ${text}`)),
      '',
      table(slots, [
        { title: 'Slot', value: (slot) => slot.id },
        { title: 'Kind', value: (slot) => slot.kind },
        { title: 'Opens', value: (slot) => slot.opens },
      ]),
    ].join('\n'),
  );
}

async function verify(options: { json?: boolean }): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  using bar = progress();
  using _notices = vault.onNotice(({ type, payload }) => {
    const { done, all } = payload as { done: number; all: number };
    if (type === 'audit.progress') bar.show('The trail', done, all, 'entries');
    if (type === 'vault.progress') bar.show('Records and audio', done, all, 'slices');
  });
  const result = await vault.ask('vault.verify', { caller: context.caller });
  bar[Symbol.dispose]();
  const { problems, calls, artifacts, entries } = result;
  show(options.json, result, () =>
    problems.length === 0
      ? `All of it holds: ${entries} entries of the trail, ${calls} calls, ${artifacts} messages and recordings.`
      : problems.map((text) => `Problem: ${text}`).join('\n'),
  );
  if (problems.length > 0) process.exitCode = 1;
}

async function unlock(options: { passphrase?: boolean; json?: boolean }): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const slot = options.passphrase ? 'passphrase' : 'recovery';
  const secret = await ask(options.passphrase ? 'Passphrase: ' : 'Recovery code: ', { isSecret: true });
  await vault.ask('unlock', { caller: context.caller, slot, secret });
  const sentence = vault.isRunning
    ? 'The records are open.'
    : 'The secret is right. No appliance is running, so nothing stays open.';
  show(options.json, { records: vault.isRunning ? 'unlocked' : 'as before' }, () => sentence);
}

async function lock(options: { json?: boolean }): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  if (!vault.isRunning) {
    throw new WardlineError(
      'not-running',
      'No appliance is running, so no records are open; there is nothing to lock.',
    );
  }
  await vault.ask('lock', { caller: context.caller });
  show(options.json, { records: 'locked' }, () => 'The records are locked.');
}

async function ca(options: { json?: boolean }): Promise<void> {
  await using vault = await openVault(openContext());
  const certificate = (await vault.ask('tls.get', { name: 'sip' })).ca.trimEnd();
  show(options.json, { certificate }, () => certificate);
}
