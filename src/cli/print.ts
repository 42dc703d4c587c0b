// How the command line prints: tables that fit the terminal, JSON for programs, local times.
import { WardlineError } from '../kernel/errors.ts';

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Gives way first when the terminal is narrow. */
  readonly shrinks?: boolean;
}

const GAP = '  ';
const LEAST_WIDTH = 8;
const MOST_ROWS = 100;

/** Rows under their titles, cut to `width` characters: columns that may shrink do so, with an ellipsis. */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width = process.stdout.columns || 100,
): string {
  const cells = rows.map((row) => columns.map((column) => column.value(row)));
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  shrink(widths, columns, width);
  const line = (texts: readonly string[]) =>
    texts
      .map((text, index) => fit(text, widths[index] ?? 0))
      .join(GAP)
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...cells.map(line)].join('\n');
}

function shrink<Row>(widths: number[], columns: readonly Column<Row>[], width: number): void {
  let excess = widths.reduce((sum, each) => sum + each, 0) + GAP.length * (widths.length - 1) - width;
  for (const [index, column] of columns.entries()) {
    if (excess <= 0) return;
    if (!column.shrinks) continue;
    const taken = Math.min(excess, Math.max(0, (widths[index] ?? 0) - LEAST_WIDTH));
    widths[index] = (widths[index] ?? 0) - taken;
    excess -= taken;
  }
}

function fit(text: string, width: number): string {
  return text.length <= width ? text.padEnd(width) : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Prints `value` as JSON with `--json`, else the text. */
export function show(isJson: boolean | undefined, value: unknown, text: () => string): void {
  process.stdout.write(`${isJson ? JSON.stringify(value, null, 2) : text()}\n`);
}

/** `2026-11-21 14:05` in that zone. */
export function localTime(utcMs: number, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short', timeZone });
  return parts.format(utcMs);
}

/** In the machine's own zone: for what is said of a vault that may be locked, or gone, and with it the clinic's zone. */
export function machineTime(utcMs: number): string {
  return localTime(utcMs, Intl.DateTimeFormat().resolvedOptions().timeZone);
}

/** `1:05` minutes and seconds. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** The number of rows that `--limit` asks for. */
export function rowLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MOST_ROWS) return limit;
  throw new WardlineError('limit-invalid', `--limit ${text} cannot be; give a number from 1 to ${MOST_ROWS}.`);
}
