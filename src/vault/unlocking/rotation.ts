// Rotation of the root: new halves, a new recovery code and a new key file; what the old ones opened elsewhere, today's do not. FORMAT.md §3.6.
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/id.ts';
import { randomBytes, sodium, wipe } from '../../seal/sodium.ts';
import { describeOpenArtifacts } from '../captured/artifact-rows.ts';
import { areMutableRowsSound } from '../checks/trail-check.ts';
import type { Ask } from '../contract.ts';
import type { Handlers } from '../handlers.ts';
import { KEY_BYTES } from '../keys/format.ts';
import { newRecoveryCode } from '../keys/recovery-code.ts';
import { describeRoots, writeFormerRoots } from '../keys/roots.ts';
import { newKeyFileText, newParameters, type RootHalves, type Slot, type SlotKind, wrapSlot } from '../keys/slots.ts';
import type { Heads } from '../store/heads.ts';
import type { InnerCore } from '../store/inner-core.ts';
import type { InnerTransaction } from '../store/transact.ts';
import { settleKeyFile, writeNextKeyFile } from './key-file.ts';
import type { SecretGuard } from './secret-guard.ts';

export interface RotationParts {
  readonly core: InnerCore;
  readonly heads: Heads;
  readonly keyFile: string;
  readonly guard: SecretGuard;
}

export function rotationHandlers({ core, heads, keyFile, guard }: RotationParts): Pick<Handlers, 'root.rotate'> {
  return {
    'root.rotate': async (ask) => {
      const attempt = { action: 'root-rotated', caller: ask.caller, slot: ask.using.slot } as const;
      const old = await guard.attempt(attempt, () => mustOpenBoth(core, ask));
      const halves = { service: randomBytes(KEY_BYTES), records: randomBytes(KEY_BYTES) };
      try {
        const { generation } = core.keyring.identity;
        mustSayHowToStart(core, ask);
        const made = await newSlots(core, halves, ask.credential);
        if (core.keyring.identity.generation !== generation) throw wrongRoot();
        mustBeSound(core); // from here on nothing waits
        return rotate(core, { ask, heads, keyFile, old, halves, made });
      } finally {
        wipe(old.service, old.records, halves.service, halves.records);
      }
    },
  };
}

interface Rotating {
  readonly ask: Ask<'root.rotate'>;
  readonly heads: Heads;
  readonly keyFile: string;
  readonly old: Required<RootHalves>;
  readonly halves: Required<RootHalves>;
  readonly made: NewSlots;
}

interface NewSlots {
  /** Of the new key file; undefined when a credential takes its place. */
  readonly keyText: string | undefined;
  readonly recoveryCode: string;
  readonly slots: readonly Slot[];
}

/** A key file, or a credential, and a recovery code for the new halves. */
async function newSlots(
  { keyring }: InnerCore,
  halves: Required<RootHalves>,
  credential: string | undefined,
): Promise<NewSlots> {
  const kind = credential === undefined ? 'key-file' : 'systemd-credential';
  const text = credential ?? newKeyFileText();
  const recoveryCode = newRecoveryCode();
  const opens = keyring.slots().find((slot) => slot.kind === kind)?.opens ?? 'both';
  const slot = (kind: SlotKind, opening: Slot['opens'], secret: string) =>
    wrapSlot(keyring.vaultId, { id: newId(), kind, opens: opening, parameters: newParameters(kind) }, secret, halves);
  const slots = [await slot(kind, opens, text), await slot('recovery', 'both', recoveryCode)];
  return { keyText: credential === undefined ? text : undefined, recoveryCode, slots };
}

/** A key file that nobody asked for would undo what the machine's TPM2 is for. */
function mustSayHowToStart({ keyring }: InnerCore, { credential }: Ask<'root.rotate'>): void {
  if (credential !== undefined || keyring.slots().some(({ kind }) => kind === 'key-file')) return;
  const sentence =
    'This vault starts by a systemd credential alone, and the new one must be sealed first: run this as root on a machine with systemd-creds, or add a key-file slot before.';
  throw new WardlineError('credential-needed', sentence);
}

function rotate(core: InnerCore, { ask, heads, keyFile, old, halves, made }: Rotating) {
  const { keyText, recoveryCode, slots } = made;
  const signing = sodium.crypto_sign_keypair();
  const before = core.keyring.slots();
  if (keyText !== undefined) writeNextKeyFile(keyFile, keyText);
  announce(heads, signing.publicKey, core.keyring.identity.auditPublicKey);
  core.volatile.flush();
  const undo = core.keyring.replaceRoot({ halves, old, untilEntry: core.trail.sequence, auditKey: signing.publicKey });
  const stateBefore = core.transactor.state.value;
  try {
    const detail = `${before.length} slots were removed`;
    core.transact({ action: 'root-rotated', ...ask.caller, outcome: 'ok', detail }, (tx) =>
      writeAnew(core, tx, {
        before,
        slots,
        signing: signing.privateKey,
        formerRecordsKey: undo.service.records,
        epochs: undo,
      }),
    );
  } catch (thrown) {
    undo.restore();
    core.transactor.state.rekey(core.keyring.service.state);
    core.transactor.state.set(stateBefore);
    throw thrown; // the new key file stays: a commit that failed may yet be found in the journal, and the next start knows
  }
  undo.forget();
  if (keyText !== undefined) settleKeyFile(keyFile, true);
  heads.rekey(signing.privateKey);
  core.journal.scrub(); // the old wraps must not stay readable in the journal
  core.epochs.renew();
  core.keyring.onChange?.();
  const count = (kind: SlotKind) => before.filter((slot) => slot.kind === kind).length;
  return { recoveryCode, passphrasesRemoved: count('passphrase'), credentialsRemoved: count('systemd-credential') };
}

interface Anew {
  readonly before: readonly Slot[];
  readonly slots: readonly Slot[];
  readonly signing: Uint8Array;
  readonly formerRecordsKey: Uint8Array;
  readonly epochs: Parameters<InnerCore['epochs']['reseal']>[1];
}

/** All that the old service half sealed, sealed by the new one; runs inside the transaction. */
function writeAnew(
  core: InnerCore,
  tx: InnerTransaction,
  { before, slots, signing, formerRecordsKey, epochs }: Anew,
): void {
  const { keyring, db } = core;
  core.transactor.state.rekey(keyring.service.state);
  for (const change of core.records.reseal(formerRecordsKey)) tx.wroteMutable(change);
  tx.put('keys', 'audit-signing', { privateKey: Buffer.from(signing).toString('base64') });
  for (const { id } of before) {
    db.prepare('DELETE FROM keyring WHERE slot = ?').run(id);
    tx.removed('keyring', id);
  }
  for (const slot of slots) tx.putSlot(slot);
  core.epochs.reseal(tx, epochs);
  core.volatile.reseal();
  keyring.writeIdentity();
  writeFormerRoots(db, keyring.vaultId, keyring.service.records, keyring.former);
  for (const change of describeRoots(db)) tx.wroteMutable(change);
  for (const change of describeOpenArtifacts(db)) tx.wroteMutable(change);
}

/** What was altered from outside would be sealed anew as if it were the vault's own. */
function mustBeSound(core: InnerCore): void {
  if (areMutableRowsSound(core)) return;
  throw new WardlineError(
    'vault-damaged',
    'Settings were changed outside of the vault, and a rotation would make that good; restore a backup first.',
  );
}

async function mustOpenBoth({ keyring }: InnerCore, { using }: Ask<'root.rotate'>): Promise<Required<RootHalves>> {
  const { service, records } = await keyring.halves(using.slot, using.secret);
  if (records !== undefined) return { service, records };
  wipe(service);
  throw new WardlineError('wrong-secret', 'That opens the settings alone; use one that opens the records too.');
}

function wrongRoot(): WardlineError {
  return new WardlineError('vault-closing', 'The vault got a new root meanwhile; nothing more was changed.');
}

/** Before anything changes, so that who trusts the old key can go on with the new one. */
function announce(heads: Heads, next: Uint8Array, publicKey: string): void {
  try {
    heads.announce(next, publicKey);
  } catch (cause) {
    const sentence = `The file of audit heads cannot be written (${codeOf(cause)}); nothing was changed. Check its folder.`;
    throw new WardlineError('folder-unwritable', sentence, { cause });
  }
}
