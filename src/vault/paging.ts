// Pages of captured rows, newest first: an index walk on the clear insertion sequence.
import type { Page, PageRequest } from './contract.ts';

export const MAX_PAGE_ROWS = 500;

/** Where a page begins, and how many rows it holds. A cursor that is none begins at the newest. */
export function cursorOf({ limit, after }: PageRequest): { before: number; limit: number } {
  const before = after === undefined ? Number.NaN : Number(after);
  const rows = Number.isSafeInteger(limit) ? limit : 50;
  return {
    before: Number.isSafeInteger(before) ? before : Number.MAX_SAFE_INTEGER,
    limit: Math.min(MAX_PAGE_ROWS, Math.max(1, rows)),
  };
}

/** The page in `rows`, of which one more than `limit` was read. */
export function pageOf<Stored extends { readonly seq: number }, Row>(
  rows: readonly Stored[],
  limit: number,
  open: (row: Stored) => Row,
): Page<Row> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? { next: String(last.seq) } : {};
  return { rows: shown.map(open), ...next };
}
