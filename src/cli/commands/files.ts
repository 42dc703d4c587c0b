// Files that commands read and write: what goes wrong is one sentence.
import { readFileSync, writeFileSync } from 'node:fs';
import { codeOf, WardlineError } from '../../kernel/errors.ts';

export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const sentence = `${file} cannot be read (${codeOf(cause)}); check its name and its mode.`;
    throw new WardlineError(codeOf(cause), sentence, { cause });
  }
}

/** For its owner alone; never over a file that is there. */
export function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx', flush: true });
  } catch (cause) {
    throw notWritable(file, cause);
  }
}

export function notWritable(file: string, cause: unknown): WardlineError {
  const why =
    codeOf(cause) === 'EEXIST'
      ? 'is there already; name another file'
      : `cannot be written (${codeOf(cause)}); check its folder`;
  return new WardlineError(codeOf(cause), `${file} ${why}.`, { cause });
}
