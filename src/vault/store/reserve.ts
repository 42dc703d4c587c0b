// Room on the disk that is set aside for a bad day: given up when the disk is full, so that a start, entries of the trail, calls' records
// and settings still find a place. Recordings do not get it. FORMAT.md §1.
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from '../../seal/sodium.ts';

const NAME = 'vault.reserve';
export const RESERVE_BYTES = 16 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;
/** With less than this the disk counts as full. */
const LEAST_BYTES = 4 * 1024 * 1024;
/** With more than this it has room to set some aside. */
const PLENTY_BYTES = 8 * RESERVE_BYTES;

export class Reserve {
  readonly #path: string;
  readonly #free: () => number;

  constructor(dataFolder: string, free: () => number = () => freeBytes(dataFolder)) {
    this.#path = join(dataFolder, NAME);
    this.#free = free;
  }

  /** Gives it up, or sets it aside, as the disk has room: before the vault opens, and from time to time. */
  look(): void {
    const free = this.#free();
    if (free < LEAST_BYTES) rmSync(this.#path, { force: true });
    else if (!this.#isHeld && free > PLENTY_BYTES) this.#setAside();
  }

  /** Whether recordings may go on: what is left of a full disk is for what is smaller and matters more. */
  get hasRoom(): boolean {
    return this.#free() > (this.#isHeld ? LEAST_BYTES : RESERVE_BYTES + LEAST_BYTES);
  }

  problems(): string[] {
    if (this.hasRoom) return [];
    return ['The disk is full: nothing is recorded, and calls go on; free some space.'];
  }

  get #isHeld(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.size === RESERVE_BYTES;
  }

  /** Of bytes that no file system can make smaller. */
  #setAside(): void {
    try {
      const file = openSync(this.#path, 'w', 0o600);
      try {
        for (let at = 0; at < RESERVE_BYTES; ) at += writeSync(file, randomBytes(PIECE_BYTES));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    } catch {
      rmSync(this.#path, { force: true }); // somebody else was faster
    }
  }
}

function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY; // no such folder: opening the vault says so
  }
}
