// `wardline vault slot`: the ways to open the vault, one more or one less; `slot-rotate.ts` replaces them.
import type { Command } from 'commander';
import { WardlineError } from '../../kernel/errors.ts';
import { newKeyFileText, type SlotKind } from '../../vault/keys/slots.ts';
import { confirm } from '../ask.ts';
import { type CliContext, type CliVault, openContext, openVault } from '../context.ts';
import { CREDENTIAL_STORE, credentialLines, keepCredential } from '../credential.ts';
import { show } from '../print.ts';
import { newPassphrase, proof, tellCode, withNewKeyFile } from '../slot-secrets.ts';
import { findSlot, rotate, type SlotFlags } from './slot-rotate.ts';

const KINDS: readonly SlotKind[] = ['recovery', 'passphrase', 'key-file', 'systemd-credential'];

export function addSlotCommands(vault: Command): void {
  const slot = vault.command('slot').description('The ways to open the vault; they change while it runs.');
  withUsing(slot.command('add <kind>'))
    .description('Add a way: recovery, passphrase, key-file (with --file) or systemd-credential.')
    .option('--file <file>', 'where the new key file is written')
    .option('--service-only', 'it opens the settings, not the records')
    .action((kind: string, options: SlotFlags) => add(parseKind(kind), options));
  slot
    .command('remove <slot>')
    .description('Remove a way (its id, or its kind when there is one of it, is in `wardline vault status`).')
    .option('--yes', 'do not ask')
    .action(remove);
  withUsing(slot.command('rotate [slot]'))
    .description('Replace one way (id or kind) by a new one, or with --all the root itself with every way to open it.')
    .option('--all', 'a new root, recovery code and key file; passphrases must be added again')
    .option('--file <file>', 'where a new key file is written, when it is not to be put in place by itself')
    .action((slotId: string | undefined, options: SlotFlags) => rotate(slotId, options));
}

function withUsing(command: Command): Command {
  return command
    .option('--key-file', "prove yourself with the appliance's key file instead of the recovery code")
    .option('--passphrase', 'prove yourself with a passphrase instead')
    .option('--credstore <folder>', 'where a credential is kept that systemd-creds has sealed', CREDENTIAL_STORE)
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON');
}

async function add(kind: SlotKind, options: SlotFlags): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const { recoveryCode, slotId, credential } = await addSlot(context, vault, kind, options);
  const told = recoveryCode === undefined ? undefined : tellCode(context, recoveryCode, options);
  show(options.json, { slotId, ...told?.file, credential }, () =>
    [
      `The slot ${slotId} is there.`,
      ...(told?.lines ?? []),
      ...(credential === undefined ? [] : credentialLines(credential)),
      ...(credential === undefined
        ? []
        : ['Once it has started so, remove the key-file slot: wardline vault slot remove key-file']),
    ].join('\n'),
  );
}

async function addSlot(context: CliContext, vault: CliVault, kind: SlotKind, options: SlotFlags) {
  const given = await proof(context, options);
  const opens = options.serviceOnly ? 'service' : 'both';
  const ask = (secret?: string) =>
    vault.ask('slot.add', {
      ...{ caller: context.caller, using: given, kind, opens },
      ...(secret !== undefined && { secret }),
    });
  if (kind === 'recovery') return { ...(await ask()), credential: undefined };
  if (kind === 'passphrase') return { ...(await ask(await newPassphrase())), credential: undefined };
  const text = newKeyFileText();
  if (kind === 'systemd-credential') {
    const credential = await keepCredential(context, vault, text, options.credstore);
    return { ...(await ask(text)), credential };
  }
  if (options.file === undefined)
    throw new WardlineError('file-needed', 'Say with --file where the new key file goes; it must not be there yet.');
  return { ...(await withNewKeyFile(options.file, text, () => ask(text))), credential: undefined };
}

async function remove(which: string, options: SlotFlags): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const { id, kind } = await findSlot(vault, which);
  if (!(await confirm(`Remove the slot ${id} (${kind})? Its secret will not open this vault any more.`, options.yes)))
    throw new WardlineError('not-confirmed', 'Nothing was changed.');
  await vault.ask('slot.remove', { caller: context.caller, slotId: id });
  process.stdout.write('The slot is gone. Destroy its secret: it still opens backups of before.\n');
}

function parseKind(kind: string): SlotKind {
  const known = KINDS.find((each) => each === kind);
  if (known !== undefined) return known;
  throw new WardlineError('slot-kind', `'${kind}' is no kind of slot; use ${KINDS.join(', ')}.`);
}
