// Sound files in memory: read once however many parties hear them at a time, and read again when they have changed.
import { open } from 'node:fs/promises';

/** Three minutes of stereo at 44.1 kHz; more than an hour of µ-law. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;
const MAX_FILES = 256;

interface Kept {
  readonly modifiedMs: number;
  readonly size: number;
  /** Nothing that nobody plays is held. */
  readonly bytes: WeakRef<Buffer>;
}

const kept = new Map<string, Kept>();

/** Undefined: no such file, an empty one, or one that is too large. */
export async function readSound(path: string): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, 'r');
    const { size, mtimeMs } = await file.stat();
    if (size === 0 || size > MAX_FILE_BYTES) return undefined;
    const known = kept.get(path);
    const bytes = known?.size === size && known.modifiedMs === mtimeMs ? known.bytes.deref() : undefined;
    return bytes ?? keep(path, mtimeMs, await file.readFile());
  } catch {
    return undefined;
  }
}

function keep(path: string, modifiedMs: number, bytes: Buffer): Buffer {
  kept.delete(path);
  const [oldest] = kept.keys();
  if (kept.size >= MAX_FILES && oldest !== undefined) kept.delete(oldest);
  kept.set(path, { modifiedMs, size: bytes.length, bytes: new WeakRef(bytes) });
  return bytes;
}
