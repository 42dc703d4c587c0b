// `wardline vault slot rotate`: one way to open the vault replaced by a new one, or all of them with a new root. Each may be cut off anywhere.
import { WardlineError } from '../../kernel/errors.ts';
import { newKeyFileText } from '../../vault/keys/slots.ts';
import type { VaultStatus } from '../../vault/shapes.ts';
import { confirm } from '../ask.ts';
import { type CliContext, type CliVault, openContext, openVault } from '../context.ts';
import { type Credential, canSeal, credentialLines, dropCredentials, keepCredential } from '../credential.ts';
import { show } from '../print.ts';
import { begunKeyText, newPassphrase, type ProofFlags, proof, tellCode } from '../slot-secrets.ts';

type Slot = VaultStatus['slots'][number];

export interface SlotFlags extends ProofFlags {
  readonly serviceOnly?: boolean;
  readonly file?: string;
  readonly credstore: string;
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** What a rotation says, and what it hands to programs. */
interface Rotated {
  readonly lines: readonly string[];
  readonly answer: object;
}

const OLD_OPENS = 'Destroy the old secret: it still opens backups of before.';

export async function rotate(which: string | undefined, options: SlotFlags): Promise<void> {
  if (options.all) return rotateAll(options);
  if (which === undefined)
    throw new WardlineError('slot-unknown', 'Name a slot of `wardline vault status`, or --all for every one.');
  const context = openContext();
  await using vault = await openVault(context);
  const old = await findSlot(vault, which);
  const question = `Replace the slot ${old.id} (${old.kind})? Its secret will not open this vault any more.`;
  if (!(await confirm(question, options.yes))) throw new WardlineError('not-confirmed', 'Nothing was changed.');
  const { lines, answer } = await rotateOne(context, vault, old, options);
  show(options.json, answer, () => lines.join('\n'));
}

function rotateOne(context: CliContext, vault: CliVault, old: Slot, options: SlotFlags): Promise<Rotated> {
  if (old.kind === 'recovery') return rotateRecovery(context, vault, old, options);
  if (old.kind === 'passphrase') return rotatePassphrase(context, vault, old, options);
  if (old.kind === 'systemd-credential') return rotateCredential(context, vault, old, options);
  return options.file === undefined
    ? rotateKeyFile(context, vault, old, options)
    : rotateKeyFileElsewhere(context, vault, old, { ...options, file: options.file });
}

/** The new code is told before the old one goes: cut off between, both open. */
async function rotateRecovery(context: CliContext, vault: CliVault, old: Slot, options: SlotFlags): Promise<Rotated> {
  const { caller } = context;
  const given = await proof(context, options);
  const opens = old.opens === 'service' ? 'service' : 'both';
  const made = await vault.ask('slot.add', { caller, using: given, kind: 'recovery', opens });
  const told = tellCode(context, made.recoveryCode ?? '', options);
  if (!options.json) process.stdout.write(`${told.lines.join('\n')}\n`);
  await vault.ask('slot.remove', { caller, slotId: old.id });
  const answer = { slotId: made.slotId, ...told.file };
  return {
    answer,
    lines: [`The new recovery code is in its place; the old one opens nothing here any more. ${OLD_OPENS}`],
  };
}

async function rotatePassphrase(context: CliContext, vault: CliVault, old: Slot, options: SlotFlags): Promise<Rotated> {
  const given = await proof(context, options);
  const { slotId } = await replace(context, vault, old, { using: given, secret: await newPassphrase() });
  return { answer: { slotId }, lines: [`The new passphrase is in its place. ${OLD_OPENS}`] };
}

async function rotateKeyFile(context: CliContext, vault: CliVault, old: Slot, options: SlotFlags): Promise<Rotated> {
  const { slotId } = await replace(context, vault, old, { using: await proof(context, options) });
  const { keyFile } = context.bootstrap;
  return {
    answer: { slotId, keyFile },
    lines: [
      `${keyFile} is the new key file, and in use. Destroy copies of the old one: they still open backups of before.`,
    ],
  };
}

async function rotateKeyFileElsewhere(
  context: CliContext,
  vault: CliVault,
  old: Slot,
  { file, ...options }: SlotFlags & { readonly file: string },
): Promise<Rotated> {
  const given = await proof(context, options);
  const { slotId, waitsFor } = await replace(context, vault, old, { using: given, secret: begunKeyText(file) });
  if (waitsFor === undefined)
    return {
      answer: { slotId, file },
      lines: [`${file} is the new key file; the old one opens nothing here any more. ${OLD_OPENS}`],
    };
  return {
    answer: { slotId, file, waitsFor },
    lines: [
      `Step 1 of 2 is done, and both keys open the vault: put ${file} in the place of ${waitsFor} (mode 0400, same owner), then run this same command again with --file ${waitsFor}.`,
    ],
  };
}

async function rotateCredential(context: CliContext, vault: CliVault, old: Slot, options: SlotFlags): Promise<Rotated> {
  const given = await proof(context, options);
  const text = newKeyFileText();
  const credential = await keepCredential(context, vault, text, options.credstore);
  const { slotId, waitsFor } = await replace(context, vault, old, { using: given, secret: text });
  const then =
    waitsFor === undefined
      ? `The old credential opens nothing here any more. ${OLD_OPENS}`
      : `Both open the vault until then. Once it has started so: wardline vault slot remove ${old.id}`;
  return {
    answer: { slotId, credential, waitsFor },
    lines: [`The slot ${slotId} is there.`, ...credentialLines(credential), then],
  };
}

function replace(
  { caller }: CliContext,
  vault: CliVault,
  { id: slotId }: Slot,
  given: { readonly using: Awaited<ReturnType<typeof proof>>; readonly secret?: string },
) {
  return vault.ask('slot.replace', { caller, slotId, ...given });
}

async function rotateAll(options: SlotFlags): Promise<void> {
  const context = openContext();
  await using vault = await openVault(context);
  const question =
    'Make a new root? The recovery code and key file of now open nothing any more but old backups; passphrases go.';
  if (!(await confirm(question, options.yes))) throw new WardlineError('not-confirmed', 'Nothing was changed.');
  const given = await proof(context, options);
  const next = await nextCredential(context, vault, options);
  const asked = { caller: context.caller, using: given, ...(next !== undefined && { credential: next.text }) };
  const { recoveryCode, ...made } = await vault.ask('root.rotate', asked);
  if (next !== undefined) dropCredentials(next.old, options.credstore);
  const told = tellCode(context, recoveryCode, options);
  const removed = made.credentialsRemoved;
  show(options.json, { ...made, ...told.file, credential: next?.credential }, () =>
    [
      next === undefined
        ? `The vault has a new root, and ${context.bootstrap.keyFile} is the new key file.`
        : 'The vault has a new root.',
      ...(next === undefined ? [] : credentialLines(next.credential)),
      ...told.lines,
      ...(made.passphrasesRemoved > 0 ? [`${made.passphrasesRemoved} passphrase slots are gone; add them again.`] : []),
      ...(removed > 0 && next === undefined
        ? [`${removed} systemd credentials open nothing any more; add them again.`]
        : []),
      'Now: destroy the old recovery code and copies of the old key file, and run `wardline backup create` for every target.',
    ].join('\n'),
  );
}

/** On a box that starts by a credential alone the next one is sealed before anything changes: no key is ever in a file. */
async function nextCredential(
  context: CliContext,
  vault: CliVault,
  { credstore }: SlotFlags,
): Promise<{ text: string; credential: Credential; old: readonly string[] } | undefined> {
  const { slots } = await vault.ask('status', {});
  if (slots.some(({ kind }) => kind === 'key-file') || !canSeal()) return undefined; // the vault refuses what cannot be
  const { names: old } = await vault.ask('slot.credentials', { caller: context.caller });
  const text = newKeyFileText();
  return { text, old, credential: await keepCredential(context, vault, text, credstore) };
}

/** By its id, or by its kind when there is one of it. @throws WardlineError `slot-unknown` */
export async function findSlot(vault: CliVault, which: string | undefined) {
  const { slots } = await vault.ask('status', {});
  const found = slots.filter(({ id, kind }) => id === which || kind === which);
  const [slot] = found;
  if (slot !== undefined && found.length === 1) return slot;
  throw new WardlineError(
    'slot-unknown',
    slot === undefined
      ? 'There is no such slot (any more): `wardline vault status` lists them.'
      : `There are ${found.length} slots of that kind; name one by its id, as \`wardline vault status\` lists it.`,
  );
}
