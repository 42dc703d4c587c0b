// What opens the vault with nobody there: credentials that systemd hands over, else the key file, else one that a rotation has begun.
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import { wipe } from '../../seal/sodium.ts';
import { Keyring } from '../keys/keyring.ts';
import { openSlot, type Slot } from '../keys/slots.ts';
import { nextKeyFile, readKeyFile, settleKeyFile, tryReadSecret } from './key-file.ts';

export interface UnattendedSecrets {
  readonly keyFile: string;
  /** The key file's text when it is not to be read from the file: a drill. */
  readonly keySecret?: string | undefined;
  /** `$CREDENTIALS_DIRECTORY` of the unit. */
  readonly credentialsFolder?: string | undefined;
}

/** A unit names each of its credentials `wardline-key` or `wardline-key-<something>`; during a change there are two. */
const CREDENTIAL = /^wardline-key(-[A-Za-z0-9_.-]+)?$/;
const MAX_CREDENTIALS = 16;

/** @throws WardlineError `wrong-secret`, `vault-damaged`, `vault-newer`, `key-file-damaged`, `key-file-missing` */
export async function openUnattended(
  db: Database,
  { keyFile, keySecret, credentialsFolder, startLocked }: UnattendedSecrets & { readonly startLocked: boolean },
): Promise<Keyring> {
  if (keySecret !== undefined) return Keyring.open(db, 'key-file', keySecret, startLocked);
  const byCredential = await firstThatOpens(readCredentials(credentialsFolder), (secret) =>
    Keyring.open(db, 'systemd-credential', secret, startLocked),
  );
  const next = nextKeyFile(keyFile);
  if (byCredential !== undefined) {
    if (existsSync(next)) await settleBeside(byCredential, keyFile);
    return byCredential;
  }
  try {
    const keyring = await Keyring.open(db, 'key-file', readKeyFile(keyFile), startLocked);
    settleKeyFile(keyFile, false);
    return keyring;
  } catch (thrown) {
    if (!existsSync(next) || !['wrong-secret', 'key-file-missing'].includes(codeOf(thrown))) throw thrown;
    const keyring = await Keyring.open(db, 'key-file', readKeyFile(next), startLocked);
    settleKeyFile(keyFile, true);
    return keyring;
  }
}

/** A credential opened the vault, so nobody has tried yet which key file is in use. */
async function settleBeside(keyring: Keyring, keyFile: string): Promise<void> {
  const slots = keyring.slots().filter(({ kind }) => kind === 'key-file');
  const isInUse = async (file: string) =>
    (await slotOpenedBy(keyring.vaultId, slots, tryReadSecret(file))) !== undefined;
  if (await isInUse(keyFile)) settleKeyFile(keyFile, false);
  else if (await isInUse(nextKeyFile(keyFile))) settleKeyFile(keyFile, true);
}

/** Opens the records half by what lies on this machine. @throws WardlineError `wrong-secret`, `key-file-missing` */
export async function unlockUnattended(
  keyring: Keyring,
  kind: 'key-file' | 'systemd-credential',
  { keyFile, credentialsFolder }: UnattendedSecrets,
): Promise<void> {
  const secrets = kind === 'key-file' ? [readKeyFile(keyFile)] : readCredentials(credentialsFolder);
  const opened = await firstThatOpens(secrets, async (secret) => {
    await keyring.unlock(kind, secret);
    return true;
  });
  if (opened === true) return;
  throw new WardlineError('wrong-secret', `No ${kind} of this machine opens the records; use the recovery code.`);
}

/** Whether something that lies on this machine opens one of these slots. */
export async function isOpenedUnattended(
  vaultId: string,
  slots: readonly Slot[],
  { keyFile, credentialsFolder }: UnattendedSecrets,
): Promise<boolean> {
  const texts = { 'systemd-credential': readCredentials(credentialsFolder), 'key-file': tryReadSecret(keyFile) };
  for (const slot of slots) {
    const secrets = slot.kind === 'systemd-credential' || slot.kind === 'key-file' ? texts[slot.kind] : [];
    if ((await slotOpenedBy(vaultId, [slot], secrets)) !== undefined) return true;
  }
  return false;
}

/** The first of these slots that one of the secrets opens. */
export async function slotOpenedBy(
  vaultId: string,
  slots: readonly Slot[],
  secrets: readonly string[],
): Promise<Slot | undefined> {
  for (const slot of slots) {
    for (const secret of secrets) if (await opens(vaultId, slot, secret)) return slot;
  }
  return undefined;
}

async function opens(vaultId: string, slot: Slot, secret: string): Promise<boolean> {
  try {
    const halves = await openSlot(vaultId, slot, secret);
    wipe(halves?.service, halves?.records);
    return halves !== undefined;
  } catch (thrown) {
    if (codeOf(thrown) === 'key-file-damaged') return false;
    throw thrown;
  }
}

/** Something on this machine that opens its vault, as text; a backup of it opens with the same. */
export function unattendedSecret({ keyFile, credentialsFolder }: UnattendedSecrets) {
  const [credential] = readCredentials(credentialsFolder);
  if (credential !== undefined) return { slot: 'systemd-credential' as const, secret: credential };
  return existsSync(keyFile) ? { slot: 'key-file' as const, secret: readKeyFile(keyFile) } : undefined;
}

async function firstThatOpens<Opened>(
  secrets: readonly string[],
  open: (secret: string) => Promise<Opened>,
): Promise<Opened | undefined> {
  for (const secret of secrets) {
    try {
      return await open(secret);
    } catch (thrown) {
      if (!['wrong-secret', 'key-file-damaged'].includes(codeOf(thrown))) throw thrown;
    }
  }
  return undefined;
}

/** Names of what systemd handed over and what opens one of these slots. */
export async function credentialsThatOpen(
  vaultId: string,
  slots: readonly Slot[],
  { credentialsFolder }: UnattendedSecrets,
): Promise<string[]> {
  const named = slots.filter(({ kind }) => kind === 'systemd-credential');
  const names: string[] = [];
  for (const file of credentialFiles(credentialsFolder))
    if ((await slotOpenedBy(vaultId, named, tryReadSecret(file))) !== undefined) names.push(basename(file));
  return names;
}

/** What systemd decrypted for this unit; nothing when it runs without one. */
function readCredentials(folder: string | undefined): string[] {
  return credentialFiles(folder).flatMap(tryReadSecret);
}

function credentialFiles(folder: string | undefined): string[] {
  if (folder === undefined || !existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => CREDENTIAL.test(name));
  return names
    .sort()
    .slice(0, MAX_CREDENTIALS)
    .map((name) => join(folder, name));
}
