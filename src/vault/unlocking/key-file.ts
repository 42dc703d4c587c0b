// The appliance's key file and the one that takes its place: durable under `<key file>.new` before the commit, renamed after it. FORMAT.md §3.6.
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import { syncPath } from '../store/sync-path.ts';

/** What a key file or a credential may have: a line of 60 bytes is in there. */
export const MAX_SECRET_BYTES = 4_096;

/** The key file that a rotation has begun to put in place. */
export function nextKeyFile(keyFile: string): string {
  return `${keyFile}.new`;
}

/** Durable, name and all, when it returns. @throws WardlineError `key-place-unwritable` */
export function writeNextKeyFile(keyFile: string, text: string): void {
  const next = nextKeyFile(keyFile);
  try {
    rmSync(next, { force: true });
    writeFileSync(next, text, { mode: 0o400, flag: 'wx', flush: true });
    syncPath(dirname(next));
  } catch (cause) {
    const sentence = `The new key file ${next} cannot be written (${codeOf(cause)}); nothing was changed. Check its folder, or give --file and put the new one in place yourself.`;
    throw new WardlineError('key-place-unwritable', sentence, { cause });
  }
}

/** When it is known which one opens: a new key file that never came into use goes away, one that is in use gets its name. */
export function settleKeyFile(keyFile: string, isNewInUse: boolean): void {
  const next = nextKeyFile(keyFile);
  if (!existsSync(next)) return;
  if (isNewInUse) renameSync(next, keyFile);
  else rmSync(next);
  syncPath(dirname(keyFile));
}

/** @throws WardlineError `key-file-missing`, `key-file-damaged` */
export function readKeyFile(path: string): string {
  if (!existsSync(path)) {
    throw new WardlineError('key-file-missing', `The key file ${path} is missing; put it back, or its disk.`);
  }
  const found = statSync(path);
  if (!found.isFile() || found.size > MAX_SECRET_BYTES) {
    throw new WardlineError('key-file-damaged', `${path} is no key file; put the right one back.`);
  }
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new WardlineError('key-file-missing', `The key file ${path} cannot be read; check its owner.`, { cause });
  }
}

/** The text of a small plain file; nothing when it is none or cannot be read. */
export function tryReadSecret(file: string): string[] {
  try {
    const found = statSync(file);
    return found.isFile() && found.size <= MAX_SECRET_BYTES ? [readFileSync(file, 'utf8')] : [];
  } catch {
    return []; // another one, or the key file, may open the vault
  }
}
