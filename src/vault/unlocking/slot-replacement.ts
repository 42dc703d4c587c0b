// A new secret in place of one slot's, in one transaction: at every moment the old or the new one opens the vault. FORMAT.md §3.2.
import { WardlineError } from '../../kernel/errors.ts';
import type { AnswerTo, Ask } from '../contract.ts';
import type { Handlers } from '../handlers.ts';
import { newKeyFileText, type Slot } from '../keys/slots.ts';
import type { InnerCore } from '../store/inner-core.ts';
import { settleKeyFile, tryReadSecret, writeNextKeyFile } from './key-file.ts';
import type { SecretGuard } from './secret-guard.ts';
import { findSlot, isUnattended, makeSlot, mustBeStrong, openEnough } from './slot-operations.ts';
import { credentialsThatOpen, isOpenedUnattended, slotOpenedBy, type UnattendedSecrets } from './unattended.ts';

type Replace = Ask<'slot.replace'>;

export function replacementHandlers(
  core: InnerCore,
  guard: SecretGuard,
  secrets: UnattendedSecrets,
): Pick<Handlers, 'slot.replace' | 'slot.credentials'> {
  return {
    'slot.credentials': async () => {
      const { vaultId } = core.keyring;
      return { names: await credentialsThatOpen(vaultId, core.keyring.slots(), secrets) };
    },
    'slot.replace': async (ask) => {
      const old = findSlot(core, ask.slotId);
      mustSuit(old, ask.secret);
      const { vaultId } = core.keyring;
      if (ask.secret === undefined) {
        const isOurs = (await slotOpenedBy(vaultId, [old], tryReadSecret(secrets.keyFile))) !== undefined;
        if (!isOurs) throw elsewhere(secrets.keyFile);
        return renewInPlace(core, guard, { ask, old, keyFile: secrets.keyFile });
      }
      return replaceBy(core, guard, { ask, old, secret: mustBeStrong(old.kind, ask.secret), secrets });
    },
  };
}

interface Replacing {
  readonly ask: Replace;
  readonly old: Slot;
}

/**
 * The appliance's own key file. Cut off before the commit, the next start finds that the old one opens and forgets the new one; cut off
 * after it, that the new one does, and gives it its name.
 */
async function renewInPlace(
  core: InnerCore,
  guard: SecretGuard,
  { ask, old, keyFile }: Replacing & { keyFile: string },
) {
  const text = newKeyFileText();
  const slot = await made(core, guard, { ask, old }, text);
  mustBeThere(core, old);
  writeNextKeyFile(keyFile, text);
  swap(core, ask, { old, slot });
  settleKeyFile(keyFile, true);
  return { slotId: slot.id };
}

async function replaceBy(
  core: InnerCore,
  guard: SecretGuard,
  { ask, old, secret, secrets }: Replacing & { secret: string; secrets: UnattendedSecrets },
): Promise<AnswerTo<'slot.replace'>> {
  const { vaultId } = core.keyring;
  const others = () => core.keyring.slots().filter(({ id }) => id !== old.id);
  const alike = others().filter(({ kind, opens }) => kind === old.kind && opens === old.opens);
  const begun = await slotOpenedBy(vaultId, alike, [secret]);
  const slot = begun ?? (await made(core, guard, { ask, old }, secret)); // who begins again has shown it before
  const waits = isUnattended(old) && !(await isOpenedUnattended(vaultId, [...others(), slot], secrets));
  mustBeThere(core, old);
  swap(core, ask, { old: waits ? undefined : old, slot: begun === undefined ? slot : undefined });
  return { slotId: slot.id, ...(waits && { waitsFor: old.kind === 'key-file' ? secrets.keyFile : 'credential' }) };
}

/** The new slot, by who shows something that opens as much. */
async function made(core: InnerCore, guard: SecretGuard, { ask, old }: Replacing, secret: string): Promise<Slot> {
  const { generation } = core.keyring.identity;
  const halves = await guard.attempt({ action: 'slot-replaced', caller: ask.caller, slot: ask.using.slot }, () =>
    openEnough(core, ask.using, old.opens),
  );
  return makeSlot(core, old, { halves, secret, generation });
}

function swap(
  core: InnerCore,
  { caller }: Replace,
  { old, slot }: { readonly old: Slot | undefined; readonly slot: Slot | undefined },
): void {
  const [subject, kind] = [(old ?? slot)?.id, (old ?? slot)?.kind];
  if (subject === undefined || kind === undefined) return; // begun before, and what it waits for is not there yet
  const action = slot === undefined ? 'slot-removed' : old === undefined ? 'slot-added' : 'slot-replaced';
  core.transact({ action, ...caller, outcome: 'ok', subject, detail: kind }, (tx) => {
    if (slot !== undefined) tx.putSlot(slot);
    if (old !== undefined) tx.deleteSlot(old);
  });
  if (old !== undefined) core.journal.scrub(); // the old wrap must not stay readable in the journal
}

/** From here on nothing waits. @throws WardlineError `slot-unknown` */
function mustBeThere(core: InnerCore, { id }: Slot): void {
  findSlot(core, id);
}

function mustSuit({ kind }: Slot, secret: string | undefined): void {
  if (kind === 'recovery')
    throw new WardlineError(
      'slot-kind',
      'A new recovery code is told before the old one goes: add one, then remove this.',
    );
  if (kind !== 'key-file' && secret === undefined)
    throw new WardlineError('secret-needed', `Say what is to open the vault in place of this ${kind}.`);
}

function elsewhere(keyFile: string): WardlineError {
  const sentence = `That slot is not the one that ${keyFile} opens; say with --file where its new key goes.`;
  return new WardlineError('slot-elsewhere', sentence);
}
