// Whether the files of a backup are those that its manifest names.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BackupFile } from './manifest.ts';
import { hashFile } from './row-file.ts';

export interface BackupCheckAsk {
  /** The folder. */
  readonly target: string;
  readonly files: readonly BackupFile[];
}

/** What is wrong with them; `tick` is called after each piece of a file. */
export async function checkFiles(
  { target, files }: BackupCheckAsk,
  tick: (bytes: number) => Promise<void>,
): Promise<string[]> {
  const problems: string[] = [];
  for (const { name, bytes, hash } of files) {
    const path = join(target, name);
    if (!existsSync(path)) problems.push(`The file ${name} is missing.`);
    else {
      const found = await hashFile(path, tick);
      if (found.hash !== hash || found.bytes !== bytes) problems.push(`The file ${name} was changed.`);
    }
  }
  return problems;
}
