// What the vault's thread and a reader's say to each other.

import type { ReaderKeys } from './reader-keys.ts';
import type { ReadName, ReadResult } from './reads.ts';

export interface ReaderStart {
  /** The database. */
  readonly path: string;
  readonly keys: ReaderKeys;
  /** Calls, and what people wait for, come first: how many they are, in memory that the threads share. */
  readonly givesWayTo: Int32Array | undefined;
}

export type ToReader =
  | { readonly id: number; readonly name: ReadName; readonly ask: unknown }
  /** Its keys are wiped; it is to end. */
  | { readonly end: true }
  /** Builds the search index, beside what it answers. */
  | { readonly index: true }
  /** Audio that was found changed elsewhere. */
  | { readonly tampered: readonly string[] };

interface Found {
  readonly fenced: readonly string[];
  readonly tampered: readonly string[];
}

export type FromReader =
  | { readonly id: number; readonly done: number; readonly all: number }
  | ({ readonly id: number; readonly result: ReadResult<unknown> } & Found)
  | ({ readonly id: number; readonly error: { readonly code: string; readonly sentence: string } } & Found);
