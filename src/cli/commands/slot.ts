// `wardline vault slot`: the ways to open the vault, one more, one less, one replaced, or all of them with a new root.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import { newKeyFileText, type SlotKind } from '../../vault/slots.ts';
import { ask, confirm } from '../ask.ts';
import { type CliContext, type OpenVault, openContext, openVault } from '../context.ts';
import { show } from '../print.ts';

const KINDS: readonly SlotKind[] = ['recovery', 'passphrase', 'key-file', 'systemd-credential'];

interface Flags {
  readonly serviceOnly?: boolean;
  readonly file?: string;
  readonly keyFile?: boolean;
  readonly passphrase?: boolean;
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function addSlotCommands(vault: Command): void {
  const slot = vault.command('slot').description('The ways to open the vault; they change while it runs.');
  withUsing(slot.command('add <kind>'))
    .description('Add a way: recovery, passphrase, key-file (with --file) or systemd-credential.')
    .option('--file <file>', 'where the new key file is written')
    .option('--service-only', 'it opens the settings, not the records')
    .action((kind: string, options: Flags) => add(parseKind(kind), options));
  slot
    .command('remove <slot>')
    .description('Remove a way (its id is in `wardline vault status`).')
    .option('--yes', 'do not ask')
    .action(remove);
  withUsing(slot.command('rotate [slot]'))
    .description('Replace one way by a new one of its kind, or with --all the root itself with every way to open it.')
    .option('--all', 'a new root, recovery code and key file; passphrases must be added again')
    .option('--file <file>', 'where a new key file is written')
    .action((slotId: string | undefined, options: Flags) => rotate(slotId, options));
}

function withUsing(command: Command): Command {
  return command
    .option('--key-file', "prove yourself with the appliance's key file instead of the recovery code")
    .option('--passphrase', 'prove yourself with a passphrase instead')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON');
}

async function add(kind: SlotKind, options: Flags): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const { recoveryCode, slotId, credential } = await addSlot(context, vault, kind, options);
  const told = tellCode(context, recoveryCode, options);
  show(options.json, { slotId, ...told.file, credential }, () =>
    [`The slot ${slotId} is there.`, ...told.lines, ...credentialLines(credential)].join('\n'),
  );
}

async function addSlot(context: CliContext, vault: OpenVault, kind: SlotKind, options: Flags) {
  const given = await proof(context, options);
  const opens = options.serviceOnly ? 'service' : 'both';
  const secret = await newSecret(kind, options.file);
  const { caller } = context;
  const made = await vault.ask('slot.add', {
    caller,
    using: given,
    kind,
    opens,
    ...(secret !== undefined && { secret }),
  });
  if (kind === 'key-file' && options.file !== undefined) keep(options.file, secret ?? '');
  if (kind !== 'systemd-credential') return { ...made, credential: undefined };
  const name = `wardline-key-${made.slotId.slice(0, 8)}`;
  const file = options.file ?? join(context.runtimeFolder, name);
  keep(file, secret ?? '');
  return { ...made, credential: { name, file } };
}

async function remove(slotId: string, options: Flags): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  if (!(await confirm(`Remove the slot ${slotId}? Its secret will not open this vault any more.`, options.yes)))
    throw new WardlineError('not-confirmed', 'Nothing was changed.');
  await vault.ask('slot.remove', { caller: context.caller, slotId });
  process.stdout.write('The slot is gone. Destroy its secret: it still opens backups of before.\n');
}

async function rotate(slotId: string | undefined, options: Flags): Promise<void> {
  if (options.all) return rotateAll(options);
  const context = openContext();
  await using vault = await openVault(context);
  const old = (await vault.ask('status', {})).slots.find(({ id }) => id === slotId);
  if (old === undefined)
    throw new WardlineError('slot-unknown', 'Name a slot of `wardline vault status`, or --all for every one.');
  const question = `Replace the slot ${old.id} (${old.kind})? Its secret will not open this vault any more.`;
  if (!(await confirm(question, options.yes))) throw new WardlineError('not-confirmed', 'Nothing was changed.');
  const serviceOnly = old.opens === 'service';
  const {
    recoveryCode,
    slotId: newId,
    credential,
  } = await addSlot(context, vault, parseKind(old.kind), {
    ...options,
    serviceOnly,
  });
  const told = tellCode(context, recoveryCode, options);
  await vault.ask('slot.remove', { caller: context.caller, slotId: old.id });
  show(options.json, { slotId: newId, ...told.file, credential }, () =>
    [
      `The slot ${newId} is in its place. Destroy the old secret: it still opens backups of before.`,
      ...told.lines,
      ...credentialLines(credential),
    ].join('\n'),
  );
}

async function rotateAll(options: Flags): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const question =
    'Make a new root? The recovery code and key file of now open nothing any more but old backups; passphrases go.';
  if (!(await confirm(question, options.yes))) throw new WardlineError('not-confirmed', 'Nothing was changed.');
  const given = await proof(context, options);
  const { recoveryCode, ...made } = await vault.ask('root.rotate', { caller: context.caller, using: given });
  const told = tellCode(context, recoveryCode, options);
  show(options.json, { ...made, ...told.file }, () =>
    [
      `The vault has a new root, and ${context.bootstrap.keyFile} is the new key file.`,
      ...told.lines,
      ...(made.passphrasesRemoved > 0 ? [`${made.passphrasesRemoved} passphrase slots are gone; add them again.`] : []),
      ...(made.credentialsRemoved > 0
        ? [`${made.credentialsRemoved} systemd credentials open nothing any more; add them again.`]
        : []),
      'Now: destroy the old recovery code and copies of the old key file, and run `wardline backup create` for every target.',
    ].join('\n'),
  );
}

/** A secret that opens as much as is to be given on. */
async function proof(
  { bootstrap }: CliContext,
  { keyFile, passphrase }: Flags,
): Promise<{ slot: SlotKind; secret: string }> {
  if (keyFile) return { slot: 'key-file', secret: readKey(bootstrap.keyFile) };
  if (passphrase) return { slot: 'passphrase', secret: await ask('Passphrase: ', { isSecret: true }) };
  return { slot: 'recovery', secret: await ask('Recovery code of now: ', { isSecret: true }) };
}

async function newSecret(kind: SlotKind, file: string | undefined): Promise<string | undefined> {
  if (kind === 'recovery') return undefined;
  if (kind === 'systemd-credential') return newKeyFileText();
  if (kind === 'passphrase') {
    const first = await ask('New passphrase: ', { isSecret: true });
    if (first === (await ask('Once more: ', { isSecret: true }))) return first;
    throw new WardlineError('mistyped', 'The two passphrases differ; nothing was changed.');
  }
  if (file === undefined || existsSync(file))
    throw new WardlineError('file-needed', 'Say with --file where the new key file goes; it must not be there yet.');
  return newKeyFileText();
}

function keep(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o400, flag: 'wx', flush: true });
  } catch (cause) {
    throw new WardlineError(codeOf(cause), `${file} cannot be written (${codeOf(cause)}); remove the new slot again.`, {
      cause,
    });
  }
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new WardlineError('key-file-missing', `The key file ${file} cannot be read; check its owner.`, { cause });
  }
}

function parseKind(kind: string): SlotKind {
  const known = KINDS.find((each) => each === kind);
  if (known !== undefined) return known;
  throw new WardlineError('slot-kind', `'${kind}' is no kind of slot; use ${KINDS.join(', ')}.`);
}

/** The key is on RAM in clear until systemd has sealed it. */
function credentialLines(credential: { readonly name: string; readonly file: string } | undefined): string[] {
  if (credential === undefined) return [];
  const { name, file } = credential;
  return [
    '',
    `Its key is in ${file}, in clear. As root, seal it to this machine (its TPM2, where it has one), and destroy it:`,
    `  systemd-creds encrypt --with-key=auto --name=${name} ${file} /etc/credstore.encrypted/${name}`,
    `  shred -u ${file}`,
    'and name it in the unit of the appliance, under [Service]; from its next start on the vault opens with it:',
    `  LoadCredentialEncrypted=${name}`,
    'Once it has started so, remove the key-file slot: wardline vault slot remove <slot>',
  ];
}

/**
 * A recovery code is shown to a terminal alone; whatever else takes the output would keep it. There it goes into the file of
 * the first start's secrets, which `wardline doctor` warns of until it is gone.
 */
function tellCode(
  { bootstrap }: CliContext,
  recoveryCode: string | undefined,
  { json }: Flags,
): { readonly lines: readonly string[]; readonly file: { readonly secrets?: string } } {
  if (recoveryCode === undefined) return { lines: [], file: {} };
  const line = `  Recovery code  ${recoveryCode}`;
  if (process.stdout.isTTY === true && !json) {
    return { lines: ['', line, '  Shown once: write it on paper and keep it elsewhere.', ''], file: {} };
  }
  const secrets = bootstrap.firstSecretsFile;
  mkdirSync(dirname(secrets), { recursive: true, mode: 0o700 });
  appendFileSync(secrets, `${line}\n`, { mode: 0o600, flush: true });
  return {
    lines: [`The new recovery code is in ${secrets}; keep it elsewhere and delete that file.`],
    file: { secrets },
  };
}
