// Whether the files of a backup are those that its manifest names.
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WardlineError } from '../../kernel/errors.ts';
import { type BackupFile, damagedBackup, hashOfSlots, type Manifest, SLOTS_DRAFT, SLOTS_NAME } from './manifest.ts'; // biome-ignore format: one import
import { hashFile } from './row-file.ts';

export interface BackupCheckAsk {
  /** The folder. */
  readonly target: string;
  readonly files: readonly BackupFile[];
}

/** A manifest names a few files a day. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

/** What is wrong with them; `tick` is called after each piece of a file. */
export async function checkFiles(
  { target, files }: BackupCheckAsk,
  tick: (bytes: number) => Promise<void>,
): Promise<string[]> {
  const problems: string[] = [];
  for (const file of files) {
    const problem = problemOf(target, file);
    if (problem !== undefined) problems.push(problem);
    else if ((await hashFile(join(target, file.name), tick)).hash !== file.hash)
      problems.push(`The file ${file.name} was changed.`);
  }
  return problems;
}

/** Without reading it: a disk that somebody else prepared may hold a link to something endless in its place. */
export function problemOf(target: string, { name, bytes }: BackupFile): string | undefined {
  const found = lstatSync(join(target, name), { throwIfNoEntry: false });
  if (found === undefined) return `The file ${name} is missing.`;
  return found.isFile() && found.size === bytes ? undefined : `The file ${name} was changed.`;
}

/** Without the slots that its manifest was written with nobody opens a backup. */
export function slotsProblem(target: string, { slots }: Manifest): string | undefined {
  const isThere = slotsTexts(target).some((text) => hashOfSlots(text) === slots);
  return isThere ? undefined : `The file ${SLOTS_NAME} was changed.`;
}

/** What may be the slots: of a run that was cut off, the new ones lie beside. @throws WardlineError `backup-missing`, `backup-damaged` */
export function slotsTexts(target: string): string[] {
  const [name, draft] = [join(target, SLOTS_NAME), join(target, SLOTS_DRAFT)];
  const found = (path: string) => lstatSync(path, { throwIfNoEntry: false });
  const beside = found(draft)?.isFile() ? [readText(draft)] : [];
  return found(name) === undefined && beside.length > 0 ? beside : [readText(name), ...beside];
}

/** The manifest or the slots; bounded, and from a file alone. @throws WardlineError `backup-missing`, `backup-damaged` */
export function readText(path: string): string {
  try {
    const found = lstatSync(path);
    if (!found.isFile() || found.size > MAX_TEXT_BYTES) throw damagedBackup();
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof WardlineError) throw cause;
    throw new WardlineError('backup-missing', `${path} cannot be read; check that the folder holds a backup.`, {
      cause,
    });
  }
}
