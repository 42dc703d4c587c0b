// Credentials of systemd: a key is sealed to this machine (its TPM2, where it has one) by systemd-creds, which gets it through a pipe.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, WardlineError } from '../kernel/errors.ts';
import { syncPath } from '../vault/store/sync-path.ts';
import type { CliContext, CliVault } from './context.ts';
import { writeNew } from './files.ts';

/** Where systemd looks for what `LoadCredentialEncrypted=<name>` names. */
export const CREDENTIAL_STORE = '/etc/credstore.encrypted';
const SEAL_MS = 60_000;

/** A key that was sealed, or, where systemd-creds cannot be run, lies on RAM in clear for whoever can. */
export interface Credential {
  readonly name: string;
  readonly file: string;
  readonly isSealed: boolean;
}

/** The unit names both for good, and systemd skips one that is not there: a new key takes the name that the vault does not start by. */
const NAMES = ['wardline-key', 'wardline-key-next'] as const;

async function freeName(vault: CliVault, { caller }: CliContext): Promise<string> {
  const { names } = await vault.ask('slot.credentials', { caller });
  return NAMES.find((name) => !names.includes(name)) ?? NAMES[1];
}

/** Whether this user may write there and systemd-creds is installed. */
export function canSeal(): boolean {
  return process.getuid?.() === 0 && spawnSync('systemd-creds', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Sealed and durable where that can be done, else on RAM in clear. @throws WardlineError `credential-unsealed`, `file-unwritable` */
export async function keepCredential(
  context: CliContext,
  vault: CliVault,
  text: string,
  store: string,
): Promise<Credential> {
  const name = await freeName(vault, context);
  if (canSeal()) return seal(text, name, store);
  const file = join(context.runtimeFolder, name);
  rmSync(file, { force: true });
  writeNew(file, text, 0o400);
  return { name, file, isSealed: false };
}

/** A file that is under that name opens nothing, or would not be free; it is replaced in one step. */
function seal(text: string, name: string, store: string): Credential {
  const file = join(store, name);
  const draft = `${file}.new`;
  try {
    mkdirSync(store, { recursive: true, mode: 0o700 });
    const args = ['encrypt', '--with-key=auto', `--name=${name}`, '-', '-'];
    const made = spawnSync('systemd-creds', args, { input: text, timeout: SEAL_MS });
    if (made.status !== 0) throw new WardlineError('credential-unsealed', lastLine(made.stderr));
    writeFileSync(draft, made.stdout, { mode: 0o600, flush: true });
    renameSync(draft, file);
    syncPath(store);
    return { name, file, isSealed: true };
  } catch (cause) {
    rmSync(draft, { force: true });
    const why = cause instanceof WardlineError ? cause.message : codeOf(cause);
    const sentence = `systemd-creds could not seal the new key into ${file} (${why}); nothing was changed.`;
    throw new WardlineError('credential-unsealed', sentence, { cause });
  }
}

/** Files of credentials that open nothing any more. */
export function dropCredentials(names: readonly string[], store: string): void {
  for (const name of names) rmSync(join(store, name), { force: true });
}

/** What is left to be done by hand. */
export function credentialLines({ name, file, isSealed }: Credential): string[] {
  const seal = [
    `Its key is in ${file}, in clear. As root, seal it to this machine (its TPM2, where it has one), and destroy it:`,
    `  systemd-creds encrypt --with-key=auto --name=${name} ${file} ${CREDENTIAL_STORE}/${name}`,
    `  shred -u ${file}`,
  ];
  const sealed = [`Its key is sealed to this machine in ${file}, and nowhere else.`];
  const where = isSealed && dirname(file) !== CREDENTIAL_STORE ? `:${file}` : '';
  return [
    '',
    ...(isSealed ? sealed : seal),
    'The unit of the appliance names both of these for good, under [Service]; from its next start on the vault opens with it:',
    ...NAMES.map((each) => `  LoadCredentialEncrypted=${each}${each === name ? where : ''}`),
  ];
}

function lastLine(text: Buffer | null): string {
  return text?.toString().trim().split('\n').at(-1) ?? 'it did not end';
}
