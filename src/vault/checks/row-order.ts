// The order in which lists show rows: a row's insertion number is in no hash, and need not be, since the entry it was written with is. FORMAT.md §8.
import type { InnerCore } from '../store/inner-core.ts';

export interface Placed {
  readonly seq: number;
  readonly row: string;
  /** The audit entry it was written with. */
  readonly entry: number;
}

const TABLES = ['calls', 'artifacts', 'artifact_marks', 'notes'] as const;
const SLICE_ROWS = 1_000;

/** The first row, in order of `seq`, that was written before one that stands before it. */
export function firstMisplaced(rows: Iterable<Placed>): string | undefined {
  let newest = 0;
  for (const { row, entry } of rows) {
    if (entry <= newest) return row;
    newest = entry;
  }
  return undefined;
}

/** Names, for each table, the first row that is not in its place. `pause` answers false when the check must end. */
export async function checkOrder({ db }: InnerCore, pause: () => Promise<boolean>): Promise<string[]> {
  const problems: string[] = [];
  for (const table of TABLES) {
    const next = db.prepare(`SELECT seq, row, entry FROM ${table} WHERE seq > ? ORDER BY seq LIMIT ${SLICE_ROWS}`);
    let last: Placed | undefined;
    for (let rows = next.all(0) as Placed[]; rows.length > 0; rows = next.all(last?.seq ?? 0) as Placed[]) {
      const misplaced = firstMisplaced(last === undefined ? rows : [last, ...rows]);
      if (misplaced !== undefined) {
        problems.push(
          `The row ${table}/${misplaced} is not in its place: lists show it in another order than it was written in.`,
        );
        break;
      }
      last = rows.at(-1);
      if (!(await pause())) return problems;
    }
  }
  return problems;
}
