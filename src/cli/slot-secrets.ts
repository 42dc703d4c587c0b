// The secrets that the slot commands handle: what somebody shows, what a new slot opens with, and how a new recovery code is told.
import { appendFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { WardlineError } from '../kernel/errors.ts';
import { newKeyFileText, type SlotKind } from '../vault/keys/slots.ts';
import { readKeyFile } from '../vault/unlocking/key-file.ts';
import { ask } from './ask.ts';
import type { CliContext } from './context.ts';
import { writeNew } from './files.ts';

/** Options that say what one proves oneself with. */
export interface ProofFlags {
  readonly keyFile?: boolean;
  readonly passphrase?: boolean;
}

/** A secret that opens as much as is to be given on. */
export async function proof(
  { bootstrap }: CliContext,
  { keyFile, passphrase }: ProofFlags,
): Promise<{ slot: SlotKind; secret: string }> {
  if (keyFile) return { slot: 'key-file', secret: readKeyFile(bootstrap.keyFile) };
  if (passphrase) return { slot: 'passphrase', secret: await ask('Passphrase: ', { isSecret: true }) };
  return { slot: 'recovery', secret: await ask('Recovery code of now: ', { isSecret: true }) };
}

/** @throws WardlineError `mistyped` */
export async function newPassphrase(): Promise<string> {
  const first = await ask('New passphrase: ', { isSecret: true });
  if (first === (await ask('Once more: ', { isSecret: true }))) return first;
  throw new WardlineError('mistyped', 'The two passphrases differ; nothing was changed.');
}

/** Writes a new key file, durable before its slot is there, and takes it away again when `use` fails. */
export async function withNewKeyFile<Result>(file: string, text: string, use: () => Promise<Result>): Promise<Result> {
  writeNew(file, text, 0o400);
  try {
    return await use();
  } catch (thrown) {
    rmSync(file, { force: true });
    throw thrown;
  }
}

/** The text of a key file that an interrupted rotation left, or a new one that is durable there. */
export function begunKeyText(file: string): string {
  if (existsSync(file)) return readKeyFile(file);
  const text = newKeyFileText();
  writeNew(file, text, 0o400);
  return text;
}

/**
 * A recovery code is shown to a terminal alone; whatever else takes the output would keep it. There it goes into the file of
 * the first start's secrets, which `wardline doctor` warns of until it is gone.
 */
export function tellCode(
  { bootstrap }: CliContext,
  recoveryCode: string,
  { json }: { readonly json?: boolean },
): { readonly lines: readonly string[]; readonly file: { readonly secrets?: string } } {
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
