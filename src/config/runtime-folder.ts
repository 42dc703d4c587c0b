// The 0700 folder on RAM that holds the processes' sockets, the spool and the laid-out prompts; one for each appliance folder.
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { WardlineError } from '../kernel/errors.ts';
import type { Environment } from './env.ts';

const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;

/** Whether `folder` is on RAM, so that what is written there does not reach a disk. */
export function isOnRam(folder: string): boolean {
  const { type } = statfsSync(folder);
  return type === TMPFS || type === RAMFS;
}

/** `/run/wardline`, else `$XDG_RUNTIME_DIR/wardline`, else a private folder in `/dev/shm`, and in it one for this appliance. */
export function openRuntimeFolder({ varFolder, runtimeBase }: Environment): string {
  const own = createHash('sha256').update(varFolder).digest('hex').slice(0, 12);
  const candidates = [
    '/run/wardline',
    ...(runtimeBase ? [join(runtimeBase, 'wardline')] : []),
    `/dev/shm/wardline-${process.getuid?.() ?? 0}`,
  ];
  for (const base of candidates) {
    const folder = join(base, own);
    if (tryFolder(folder)) return folder;
  }
  throw new WardlineError(
    'no-ram-folder',
    `No folder on RAM can be written; tried ${candidates.join(', ')}. Mount a tmpfs on one of them and start again.`,
  );
}

function tryFolder(folder: string): boolean {
  try {
    mkdirSync(join(folder, 'spool', 'out'), { recursive: true, mode: 0o700 });
    mkdirSync(join(folder, 'prompts'), { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    if (isOnRam(folder)) return true;
    rmSync(folder, { recursive: true });
    return false;
  } catch {
    return false;
  }
}
