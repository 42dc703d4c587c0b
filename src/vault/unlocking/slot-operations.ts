// Unlock slots while the vault runs: one more way to open it, or one less; no key changes, nothing stops.
import { WardlineError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/id.ts';
import { wipe } from '../../seal/sodium.ts';
import type { Ask } from '../contract.ts';
import type { Handlers } from '../handlers.ts';
import { newRecoveryCode } from '../keys/recovery-code.ts';
import { newParameters, type RootHalves, type Slot, type SlotKind, wrapSlot } from '../keys/slots.ts';
import type { InnerCore } from '../store/inner-core.ts';
import type { SecretGuard } from './secret-guard.ts';
import { isOpenedUnattended, type UnattendedSecrets } from './unattended.ts';

const MIN_PASSPHRASE_CHARACTERS = 15;
/** Each passphrase slot costs a quarter of a second at every try of one. */
const MAX_SLOTS = 32;

export function slotHandlers(
  core: InnerCore,
  guard: SecretGuard,
  secrets: UnattendedSecrets,
): Pick<Handlers, 'slot.add' | 'slot.remove'> {
  return {
    'slot.add': async (ask) => {
      mustHaveRoom(core.keyring.slots());
      const recoveryCode = ask.kind === 'recovery' ? newRecoveryCode() : undefined;
      const secret = recoveryCode ?? mustBeStrong(ask.kind, ask.secret);
      const { generation } = core.keyring.identity;
      const halves = await guard.attempt({ action: 'slot-added', caller: ask.caller, slot: ask.using.slot }, () =>
        openEnough(core, ask.using, ask.opens),
      );
      const slot = await makeSlot(core, ask, { halves, secret, generation });
      const detail = `${slot.kind}, opens ${slot.opens}`;
      const entry = { action: 'slot-added', ...ask.caller, outcome: 'ok', subject: slot.id, detail } as const;
      core.transact(entry, (tx) => tx.putSlot(slot));
      return { slotId: slot.id, ...(recoveryCode !== undefined && { recoveryCode }) };
    },
    'slot.remove': async ({ caller, slotId }) => {
      const left = core.keyring.slots().filter(({ id }) => id !== slotId);
      mustLeaveEnough(left);
      if (isUnattended(findSlot(core, slotId)) && !(await isOpenedUnattended(core.keyring.vaultId, left, secrets)))
        throw untried(secrets.keyFile);
      const slot = findSlot(core, slotId); // from here on nothing waits
      mustLeaveEnough(core.keyring.slots().filter(({ id }) => id !== slotId)); // another may have gone meanwhile
      const entry = { action: 'slot-removed', ...caller, outcome: 'ok', subject: slotId, detail: slot.kind } as const;
      core.transact(entry, (tx) => tx.deleteSlot(slot));
      core.journal.scrub(); // the removed wrap must not stay readable in the journal
      return {};
    },
  };
}

export function findSlot({ keyring }: InnerCore, slotId: string): Slot {
  const slot = keyring.slots().find(({ id }) => id === slotId);
  if (slot !== undefined) return slot;
  throw new WardlineError('slot-unknown', 'There is no such slot; `wardline vault status` lists them.');
}

export function isUnattended({ kind }: Slot): boolean {
  return kind === 'key-file' || kind === 'systemd-credential';
}

/** @throws WardlineError `wrong-secret` */
export async function openEnough(
  { keyring }: InnerCore,
  using: Ask<'slot.add'>['using'],
  opens: Slot['opens'],
): Promise<RootHalves> {
  const halves = await keyring.halves(using.slot, using.secret);
  if (opens === 'service' || halves.records !== undefined) return halves;
  wipe(halves.service);
  throw new WardlineError('wrong-secret', 'That opens the settings alone; use one that opens the records too.');
}

/** Wraps the halves and wipes them. @throws WardlineError `vault-closing` */
export async function makeSlot(
  { keyring }: InnerCore,
  { kind, opens }: Pick<Slot, 'kind' | 'opens'>,
  { halves, secret, generation }: { halves: RootHalves; secret: string; generation: number },
): Promise<Slot> {
  try {
    const unwrapped = { id: newId(), kind, opens, parameters: newParameters(kind) };
    const slot = await wrapSlot(keyring.vaultId, unwrapped, secret, halves);
    if (keyring.identity.generation === generation) return slot;
    throw new WardlineError('vault-closing', 'The vault got a new root meanwhile; use a secret of now.');
  } finally {
    wipe(halves.service, halves.records);
  }
}

/** @throws WardlineError `weak-secret` */
export function mustBeStrong(kind: SlotKind, secret = ''): string {
  if (kind === 'passphrase' && secret.length < MIN_PASSPHRASE_CHARACTERS) {
    throw new WardlineError('weak-secret', `Choose a passphrase of at least ${MIN_PASSPHRASE_CHARACTERS} characters.`);
  }
  return secret;
}

/** A slot that is left is worth nothing when its secret lies in a drawer: after a power cut the telephones would stay silent. */
function untried(keyFile: string): WardlineError {
  return new WardlineError(
    'slot-untried',
    `Nothing on this machine would open the vault any more: first put the new key in its place (${keyFile}, or a credential of the unit, and start once with it), then remove this slot.`,
  );
}

function mustHaveRoom(slots: readonly Slot[]): void {
  if (slots.length < MAX_SLOTS) return;
  throw new WardlineError('too-many-slots', `There are ${MAX_SLOTS} slots; remove one that nobody uses first.`);
}

function mustLeaveEnough(left: readonly Slot[]): void {
  const canStart = left.some(isUnattended);
  const canOpenRecords = left.some(({ opens }) => opens === 'both');
  if (canStart && canOpenRecords) return;
  throw new WardlineError(
    'last-slot',
    'Add another slot first: without this one the vault could not be opened any more.',
  );
}
