// Where a proof of many batches stands, kept in a file, so that it goes on where it stopped when it is run again.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { seeded } from '../../test/support/seeded.ts';

export interface Progress<Part extends string = string> {
  readonly seed: number;
  /** Batches that are done. */
  readonly done: Partial<Record<Part, number>>;
}

export function fresh<Part extends string>(): Progress<Part> {
  return { seed: seeded().seed, done: {} };
}

/** What the file says; from the beginning when there is none. */
export function resume<Part extends string>(state: URL): Progress<Part> {
  try {
    return JSON.parse(readFileSync(state, 'utf8'));
  } catch {
    return fresh();
  }
}

export function save(state: URL, progress: Progress): void {
  mkdirSync(new URL('.', state), { recursive: true });
  writeFileSync(state, JSON.stringify(progress));
}
