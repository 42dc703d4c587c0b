// A drill: restores a backup into a scratch folder, opens every record and all audio of it, and walks its trail.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import { createLogger } from '../../kernel/logger.ts';
import type { SlotKind } from '../keys/slots.ts';
import { OpenVault } from '../open-vault.ts';
import type { Caller } from '../shapes.ts';
import { type RestoreOptions, restoreVault } from './restore.ts';

export interface DrillOptions {
  readonly from: string;
  /** A folder with room for the whole vault; the scratch folder inside is removed at the end. */
  readonly scratch: string;
  /** On RAM, for the key file that the restored vault gets; inside the scratch folder when absent. */
  readonly keysFolder?: string;
  readonly unlock: { readonly slot: SlotKind; readonly secret: string };
  readonly clock: Clock;
  readonly caller: Caller;
  readonly onProgress?: RestoreOptions['onProgress'];
}

export interface DrillResult {
  readonly problems: readonly string[];
  readonly createdAt: number;
  readonly until: number;
  readonly calls: number;
  readonly artifacts: number;
  /** What could not be looked into because the slot opens the settings alone. */
  readonly isLocked: boolean;
  readonly restoreMs: number;
  readonly checkMs: number;
}

export async function runDrill(options: DrillOptions): Promise<DrillResult> {
  const root = makeScratch(options.scratch);
  const keys = mkdtempSync(join(options.keysFolder ?? root, 'drill-keys-'));
  try {
    return await drillIn(root, keys, options);
  } finally {
    rmSync(keys, { recursive: true, force: true });
    rmSync(root, { recursive: true, force: true });
  }
}

/** @throws WardlineError `folder-unwritable` */
function makeScratch(folder: string): string {
  try {
    return mkdtempSync(join(folder, 'wardline-drill-'));
  } catch (cause) {
    const sentence = `Nothing can be made in the scratch folder ${folder} (${codeOf(cause)}); name another one.`;
    throw new WardlineError('folder-unwritable', sentence, { cause });
  }
}

async function drillIn(
  root: string,
  keys: string,
  { from, unlock, clock, caller, onProgress }: DrillOptions,
): Promise<DrillResult> {
  const files = { keyFile: join(keys, 'key'), headsFile: join(keys, 'heads') };
  const folders = { dataFolder: join(root, 'data'), spoolFolder: join(root, 'spool'), ...files };
  const begun = clock.monotonic();
  const restored = await restoreVault({ from, ...folders, unlock, clock, caller, ...(onProgress && { onProgress }) });
  const restoredAt = clock.monotonic();
  const log = createLogger({ role: 'vault', level: 'silent' });
  await using vault = await OpenVault.open({
    ...{ ...folders, clock, log, startLocked: false, canResume: false },
    keySecret: unlock.slot === 'key-file' ? unlock.secret : undefined,
  });
  const { problems, calls, artifacts, isLocked } = await vault.checkEverything();
  return {
    ...{ problems: [...restored.problems, ...problems], createdAt: restored.createdAt, until: restored.until },
    ...{ calls, artifacts, isLocked, restoreMs: restoredAt - begun, checkMs: clock.monotonic() - restoredAt },
  };
}
