// Whether a row is the one that the trail says was written: anybody can seal to a month's public key, so that opening proves nothing.

import { damaged } from '../keys/format.ts';
import type { InnerCore } from './inner-core.ts';

/** Compares with the entry that the row claims. @throws WardlineError `record-damaged` */
export function mustBeGenuine(core: InnerCore, table: string, row: string, hash: string, entry: number): void {
  if (!isGenuine(core, table, row, hash, entry)) throw damaged(table);
}

export function isGenuine(core: InnerCore, table: string, row: string, hash: string, entry: number): boolean {
  try {
    const rows = core.trail.read(entry)?.rows ?? [];
    return rows.some((change) => change.table === table && change.row === row && change.hash === hash);
  } catch {
    return false; // the entry itself was changed
  }
}
