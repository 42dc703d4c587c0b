// What a disk would hold after a power cut: replays a log of writes and syncs (test/fault/write-log.c) up to any point and puts
// on top of what was synced none, all, a prefix, a random part or a torn last one of what was not.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Seeded } from './seeded.ts';

interface DiskOperation {
  readonly what: 'write' | 'sync' | 'truncate' | 'create' | 'rename' | 'unlink';
  readonly path: string;
  readonly data: Buffer;
  readonly at: number;
}

export type Leftovers = 'none' | 'all' | 'prefix' | 'part' | 'torn';
export const LEFTOVERS: readonly Leftovers[] = ['none', 'all', 'prefix', 'part', 'torn'];

const WHAT = ['', 'write', 'sync', 'truncate', 'create', 'rename', 'unlink'] as const;
const HEAD_BYTES = 17;

export function readLog(file: string): DiskOperation[] {
  const log = readFileSync(file);
  const operations: DiskOperation[] = [];
  for (let offset = 0; offset + HEAD_BYTES <= log.length; ) {
    const pathLength = log.readUInt32LE(offset + 1);
    const dataLength = log.readUInt32LE(offset + 5);
    const at = Number(log.readBigUInt64LE(offset + 9));
    const what = WHAT[log[offset]!];
    if (what === undefined || what === '') throw new Error(`the log of writes is damaged at ${offset}`);
    const pathEnd = offset + HEAD_BYTES + pathLength;
    const path = log.toString('utf8', offset + HEAD_BYTES, pathEnd);
    operations.push({ what, path, at, data: log.subarray(pathEnd, pathEnd + dataLength) });
    offset = pathEnd + dataLength;
  }
  return operations;
}

/** Moves forward through a log; `rebuild` writes the folder as it would be found if the power went now. */
export class CutDisk {
  readonly #root: string;
  readonly #marksFile: string;
  readonly #operations: readonly DiskOperation[];
  readonly #durable: Map<string, Buffer>;
  #unsynced: DiskOperation[] = [];
  #marks: Buffer[];
  #position = 0;

  /** `files` are those below `root` before the log began. */
  constructor(
    root: string,
    files: ReadonlyMap<string, Buffer>,
    operations: readonly DiskOperation[],
    marksFile: string,
  ) {
    this.#root = root;
    this.#durable = new Map(files);
    this.#operations = operations;
    this.#marksFile = marksFile;
    this.#marks = [files.get(marksFile) ?? Buffer.alloc(0)];
  }

  /** What was said and acknowledged before this moment. */
  get marks(): string {
    return Buffer.concat(this.#marks).toString('utf8');
  }

  /** Goes on to just before operation `position`. */
  advance(position: number): void {
    while (this.#position < position) this.#take(this.#operations[this.#position++]!);
  }

  rebuild(folder: string, leftovers: Leftovers, random: Seeded): void {
    const files = new Map(this.#durable);
    for (const operation of choose(this.#unsynced, leftovers, random)) apply(files, operation);
    for (const [path, bytes] of files) {
      const target = join(folder, path.slice(this.#root.length));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, bytes, { mode: 0o600 });
    }
  }

  #take(operation: DiskOperation): void {
    const { what, path, data } = operation;
    if (path === this.#marksFile) {
      if (what === 'write') this.#marks.push(data);
      return;
    }
    if (path.endsWith('-shm')) return; // SQLite makes it anew after a crash
    if (what !== 'sync') this.#unsynced.push(operation);
    else this.#sync(path);
  }

  /** A file's sync covers its content and its being there; a folder's, the names in it. */
  #sync(synced: string): void {
    const isCovered = ({ what, path }: DiskOperation) =>
      what === 'write' || what === 'truncate' || what === 'create' ? path === synced || (what === 'create' && dirname(path) === synced) : dirname(path) === synced; // biome-ignore format: a table would be longer
    for (const operation of this.#unsynced.filter(isCovered)) apply(this.#durable, operation);
    this.#unsynced = this.#unsynced.filter((operation) => !isCovered(operation));
  }
}

function choose(unsynced: readonly DiskOperation[], leftovers: Leftovers, random: Seeded): DiskOperation[] {
  if (leftovers === 'none') return [];
  if (leftovers === 'all') return [...unsynced];
  if (leftovers === 'part') return unsynced.filter(() => random.below(2) === 0);
  const prefix = unsynced.slice(0, random.below(unsynced.length + 1));
  const last = prefix.pop();
  if (last === undefined) return prefix;
  if (leftovers === 'prefix' || last.what !== 'write') return [...prefix, last]; // a name is there or is not
  return [...prefix, { ...last, data: last.data.subarray(0, random.below(last.data.length + 1)) }];
}

function apply(files: Map<string, Buffer>, { what, path, data, at }: DiskOperation): void {
  const before = files.get(path);
  if (what === 'create') files.set(path, before ?? Buffer.alloc(0));
  else if (what === 'unlink') files.delete(path);
  else if (before === undefined)
    return; // its making did not reach the disk
  else if (what === 'rename') {
    files.delete(path);
    files.set(data.toString('utf8'), before);
  } else if (what === 'truncate') {
    const after = Buffer.alloc(at);
    before.copy(after);
    files.set(path, after);
  } else files.set(path, overlay(before, data, at));
}

function overlay(before: Buffer, data: Buffer, at: number): Buffer {
  const after = Buffer.alloc(Math.max(before.length, at + data.length));
  before.copy(after);
  data.copy(after, at);
  return after;
}
