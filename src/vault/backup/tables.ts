// Which rows a backup takes, from which table, and into which file: immutable ones once, the rest anew each time. FORMAT.md §11.2.
import type { Database } from 'better-sqlite3';
import type { TableColumns } from './row-file.ts';

/** Inserted once. `where` picks those that were written by entries after the first parameter and up to the second. */
const IMMUTABLE: Readonly<Record<string, { columns: readonly string[]; from: string }>> = {
  trail: { columns: ['sequence', 'sealed', 'link', 'mac'], from: 'trail t WHERE t.sequence > ? AND t.sequence <= ?' },
  calls: captured('calls'),
  call_numbers: {
    columns: ['digest', 'seq'],
    from: 'call_numbers t JOIN calls c USING (seq) WHERE c.entry > ? AND c.entry <= ?',
  },
  artifacts: captured('artifacts', 'kind', 'mailbox', 'encoding', 'channels'),
  artifact_marks: captured('artifact_marks', 'artifact'),
  notes: captured('notes', 'subject', 'kind'),
  closings: {
    columns: [
      ...['artifact', 'kind', 'mailbox', 'state', 'duration_ms'],
      ...['samples', 'segments', 'chunks', 'tags', 'entry'],
    ],
    from: 'closings t WHERE t.entry > ? AND t.entry <= ?',
  },
  read_marks: { columns: ['artifact', 'entry'], from: 'read_marks t WHERE t.entry > ? AND t.entry <= ?' },
  segments: audio('segments', ['artifact', 'segment', 'epoch', 'first_sample', 'header']),
  chunks: audio('chunks', ['artifact', 'segment', 'chunk', 'first_sample', 'samples', 'final', 'body']),
};

/** Keys, settings and what is being captured just now. */
const REPLACED: Readonly<Record<string, { columns: readonly string[]; from: string }>> = {
  meta: whole('meta', 'name', 'value', 'mac'),
  keyring: whole('keyring', 'slot', 'kind', 'opens', 'parameters', 'wrapped'),
  roots: whole('roots', 'generation', 'half', 'until_entry', 'sealed'),
  epochs: whole('epochs', 'id', 'class', 'month', 'public', 'mac', 'secret'),
  record_keys: whole('record_keys', 'owner', 'row', 'epoch', 'form', 'key'),
  service_records: whole('service_records', 'seq', 'space', 'row', 'version', 'schema', 'body'),
  blind_index: whole('blind_index', 'space', 'kind', 'digest', 'row'),
  volatile_records: whole('volatile_records', 'space', 'row', 'schema', 'body'),
  open_artifacts: whole('open_artifacts', 'artifact'),
  segments: { ...IMMUTABLE.segments!, from: 'segments t JOIN open_artifacts o ON o.artifact = t.artifact' },
  chunks: { ...IMMUTABLE.chunks!, from: 'chunks t JOIN open_artifacts o ON o.artifact = t.artifact' },
};

export const IMMUTABLE_COLUMNS: TableColumns = columnsOf(IMMUTABLE);
export const REPLACED_COLUMNS: TableColumns = columnsOf(REPLACED);

/** Rows written by entries in (after, until], as arrays of cells. */
export function immutableRows(db: Database, table: string, after: number, until: number): IterableIterator<unknown> {
  return select(db, IMMUTABLE[table]!).iterate(after, until);
}

export function replacedRows(db: Database, table: string): IterableIterator<unknown> {
  return select(db, REPLACED[table]!).iterate();
}

function select(db: Database, { columns, from }: { columns: readonly string[]; from: string }) {
  return db.prepare(`SELECT ${columns.map((column) => `t."${column}"`).join(', ')} FROM ${from}`).raw();
}

function captured(table: string, ...more: readonly string[]) {
  const columns = ['seq', 'row', 'epoch', 'schema', 'body', 'entry', ...more];
  return { columns, from: `${table} t WHERE t.entry > ? AND t.entry <= ?` };
}

/** Audio goes with its artifact's closing: until then it is still being written. */
function audio(table: string, columns: readonly string[]) {
  return { columns, from: `closings c JOIN ${table} t ON t.artifact = c.artifact WHERE c.entry > ? AND c.entry <= ?` };
}

function whole(table: string, ...columns: readonly string[]) {
  return { columns, from: `${table} t` };
}

function columnsOf(tables: Readonly<Record<string, { columns: readonly string[] }>>): TableColumns {
  return Object.fromEntries(Object.entries(tables).map(([table, { columns }]) => [table, columns]));
}
