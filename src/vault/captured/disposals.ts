// What a disposal leaves to do: the backup targets whose bundle still holds the keys of what was disposed of. FORMAT.md §11.3.
import type { Transaction } from '../store/core.ts';
import type { InnerCore } from '../store/inner-core.ts';

export const TARGETS = 'backup-targets';
export const DISPOSALS = 'disposals';

export interface TargetRecord {
  readonly path: string;
  readonly addedAt: number;
  readonly lastAt: number;
  readonly until: number;
  /** Its bundle holds keys of what was written up to here: more than `until` while a run is under way. */
  readonly mayHold: number;
  readonly bytes: number;
  /** The run whose manifest lies there, and one that has begun since: another disk in the same place has neither. */
  readonly runs?: readonly string[];
}

export interface DisposalRecord {
  readonly at: number;
  /** The entry that disposed of it. */
  readonly entry: number;
  /** Targets whose bundle still holds its keys. */
  readonly waits: readonly string[];
}

/** Remembers, inside the transaction that disposes of it, which targets hold the keys of a row that was written at `writtenAt`. */
export function recordDisposal(
  core: InnerCore,
  tx: Transaction & { entry: number },
  row: string,
  writtenAt: number,
): void {
  const targets = core.records.listWhole<TargetRecord>(TARGETS);
  const waits = targets.filter(({ value }) => value.mayHold >= writtenAt).map(({ row: id }) => id);
  if (waits.length > 0) tx.put(DISPOSALS, row, { at: core.clock.now(), entry: tx.entry, waits });
}
