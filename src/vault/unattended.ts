// What opens the vault with nobody there: credentials that systemd hands over, else the key file, else one that a rotation has begun.
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { codeOf, WardlineError } from '../kernel/errors.ts';
import { wipe } from '../seal/sodium.ts';
import { Keyring } from './keyring.ts';
import { nextKeyFile, settleKeyFile } from './rotation.ts';
import { openSlot, type Slot } from './slots.ts';

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
const MAX_CREDENTIAL_BYTES = 4_096;

/** @throws WardlineError `wrong-secret`, `vault-damaged`, `vault-newer`, `key-file-damaged`, `key-file-missing` */
export async function openUnattended(
  db: Database,
  { keyFile, keySecret, credentialsFolder, startLocked }: UnattendedSecrets & { readonly startLocked: boolean },
): Promise<Keyring> {
  if (keySecret !== undefined) return Keyring.open(db, 'key-file', keySecret, startLocked);
  const byCredential = await firstThatOpens(readCredentials(credentialsFolder), (secret) =>
    Keyring.open(db, 'systemd-credential', secret, startLocked),
  );
  if (byCredential !== undefined) return byCredential;
  const next = nextKeyFile(keyFile);
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
  const texts = { 'systemd-credential': readCredentials(credentialsFolder), 'key-file': tryRead(keyFile) };
  for (const slot of slots) {
    const secrets = slot.kind === 'systemd-credential' || slot.kind === 'key-file' ? texts[slot.kind] : [];
    if ((await firstThatOpens(secrets, (secret) => mustOpen(vaultId, slot, secret))) === true) return true;
  }
  return false;
}

async function mustOpen(vaultId: string, slot: Slot, secret: string): Promise<true> {
  const halves = await openSlot(vaultId, slot, secret);
  wipe(halves?.service, halves?.records);
  if (halves !== undefined) return true;
  throw new WardlineError('wrong-secret', 'That does not open this slot.');
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

/** What systemd decrypted for this unit; nothing when it runs without one. */
function readCredentials(folder: string | undefined): string[] {
  if (folder === undefined || !existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => CREDENTIAL.test(name));
  const files = names
    .sort()
    .slice(0, MAX_CREDENTIALS)
    .map((name) => join(folder, name));
  return files.filter((file) => lstatSync(file).size <= MAX_CREDENTIAL_BYTES).flatMap(tryRead);
}

function tryRead(file: string): string[] {
  try {
    return [readFileSync(file, 'utf8')];
  } catch {
    return []; // another one, or the key file, may open the vault
  }
}

/** @throws WardlineError `key-file-missing` */
function readKeyFile(path: string): string {
  if (!existsSync(path)) {
    throw new WardlineError('key-file-missing', `The key file ${path} is missing; put it back, or its disk.`);
  }
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new WardlineError('key-file-missing', `The key file ${path} cannot be read; check its owner.`, { cause });
  }
}
