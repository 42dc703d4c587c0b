// Pages of captured rows, newest first: an index walk on the clear insertion sequence.
import { codeOf } from '../../kernel/errors.ts';
import type { Page, PageRequest } from '../shapes.ts';

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

/** What one row may suffer while the others of its page are whole. */
const DAMAGES = new Set(['record-damaged', 'epoch-damaged', 'artifact-tampered']);

/** The page in `rows`, of which one more than `limit` was read. A row that does not open is fenced off and named. */
export function pageOf<Stored extends { readonly seq: number; readonly row: string }, Row>(
  rows: readonly Stored[],
  limit: number,
  open: (row: Stored) => Row,
  fence: (row: string) => void,
): Page<Row> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? { next: String(last.seq) } : {};
  const whole: Row[] = [];
  const damaged: string[] = [];
  for (const row of shown) {
    try {
      whole.push(open(row));
    } catch (thrown) {
      if (!DAMAGES.has(codeOf(thrown))) throw thrown;
      fence(row.row);
      damaged.push(row.row);
      // Nothing to show and nowhere to go on to: the reason says more than an empty page.
      if (damaged.length === shown.length && rows.length <= limit) throw thrown;
    }
  }
  return { rows: whole, ...next, ...(damaged.length > 0 && { damaged }) };
}
