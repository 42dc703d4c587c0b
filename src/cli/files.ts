// Files that the command line reads and writes: what goes wrong is one sentence, under one code each.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, WardlineError } from '../kernel/errors.ts';
import { syncPath } from '../vault/store/sync-path.ts';

/** @throws WardlineError `file-unreadable` */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw notReadable(file, cause);
  }
}

/** For its owner alone and durable, name and all; never over a file that is there. @throws WardlineError `file-exists`, `file-unwritable` */
export function writeNew(file: string, text: string, mode = 0o600): void {
  try {
    writeFileSync(file, text, { mode, flag: 'wx', flush: true });
    syncPath(dirname(file));
  } catch (cause) {
    throw notWritable(file, cause);
  }
}

/** For its owner alone, in place of what is there. @throws WardlineError `file-unwritable` */
export function replaceText(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600 });
  } catch (cause) {
    throw notWritable(file, cause);
  }
}

export function notReadable(file: string, cause: unknown): WardlineError {
  const sentence = `${file} cannot be read (${codeOf(cause)}); check its name and its mode.`;
  return new WardlineError('file-unreadable', sentence, { cause });
}

export function notWritable(file: string, cause: unknown): WardlineError {
  return codeOf(cause) === 'EEXIST'
    ? new WardlineError('file-exists', `${file} is there already; name another file.`, { cause })
    : new WardlineError('file-unwritable', `${file} cannot be written (${codeOf(cause)}); check its folder.`, {
        cause,
      });
}
