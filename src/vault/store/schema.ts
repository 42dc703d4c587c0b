// The tables, one migration a step; `user_version` counts them. FORMAT.md §2 says what each column holds and what leaks.
import type { Database } from 'better-sqlite3';
import { WardlineError } from '../../kernel/errors.ts';

const CAPTURED_COLUMNS = `
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  row TEXT NOT NULL UNIQUE,
  epoch TEXT NOT NULL,
  schema INTEGER NOT NULL,
  body BLOB NOT NULL,
  entry INTEGER NOT NULL`;

const FIRST = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, mac BLOB NOT NULL) STRICT;
CREATE TABLE keyring (
  slot TEXT PRIMARY KEY, kind TEXT NOT NULL, opens TEXT NOT NULL, parameters TEXT NOT NULL, wrapped BLOB NOT NULL
) STRICT;
CREATE TABLE roots (
  generation INTEGER NOT NULL, half TEXT NOT NULL, until_entry INTEGER NOT NULL, sealed BLOB NOT NULL,
  PRIMARY KEY (generation, half)
) STRICT;
CREATE TABLE epochs (
  id TEXT PRIMARY KEY, class TEXT NOT NULL, month TEXT NOT NULL, public BLOB NOT NULL, mac BLOB NOT NULL, secret BLOB
) STRICT;
CREATE INDEX epochs_by_month ON epochs (class, month);

CREATE TABLE service_records (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, space TEXT NOT NULL, row TEXT NOT NULL, version INTEGER NOT NULL,
  schema INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (space, row)
) STRICT;
CREATE INDEX service_records_by_space ON service_records (space, seq);
CREATE TABLE blind_index (
  space TEXT NOT NULL, kind TEXT NOT NULL, digest BLOB NOT NULL, row TEXT NOT NULL,
  PRIMARY KEY (space, kind, digest, row)
) STRICT, WITHOUT ROWID;
CREATE INDEX blind_index_by_row ON blind_index (space, row);
CREATE TABLE volatile_records (
  space TEXT NOT NULL, row TEXT NOT NULL, schema INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (space, row)
) STRICT;

CREATE TABLE calls (${CAPTURED_COLUMNS}) STRICT;
CREATE TABLE call_numbers (
  digest BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (digest, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_numbers_by_call ON call_numbers (seq);
CREATE TABLE artifacts (${CAPTURED_COLUMNS},
  kind TEXT NOT NULL, mailbox BLOB, encoding TEXT NOT NULL, channels INTEGER NOT NULL
) STRICT;
CREATE INDEX artifacts_by_kind ON artifacts (kind, seq);
CREATE INDEX artifacts_by_mailbox ON artifacts (mailbox, kind, seq) WHERE mailbox IS NOT NULL;
CREATE TABLE artifact_marks (${CAPTURED_COLUMNS}, artifact TEXT NOT NULL) STRICT;
CREATE INDEX artifact_marks_by_artifact ON artifact_marks (artifact, seq);
CREATE TABLE open_artifacts (artifact TEXT PRIMARY KEY) STRICT;
CREATE TABLE closings (
  artifact TEXT PRIMARY KEY, kind TEXT NOT NULL, mailbox BLOB, state TEXT NOT NULL, duration_ms INTEGER NOT NULL,
  samples INTEGER NOT NULL, segments INTEGER NOT NULL, chunks INTEGER NOT NULL, tags BLOB NOT NULL, entry INTEGER NOT NULL
) STRICT;
CREATE INDEX closings_by_mailbox ON closings (mailbox, kind, state) WHERE mailbox IS NOT NULL;
CREATE TABLE read_marks (artifact TEXT PRIMARY KEY, entry INTEGER NOT NULL) STRICT;
CREATE TABLE segments (
  artifact TEXT NOT NULL, segment INTEGER NOT NULL, epoch TEXT NOT NULL, first_sample INTEGER NOT NULL,
  header BLOB NOT NULL, PRIMARY KEY (artifact, segment)
) STRICT;
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY, artifact TEXT NOT NULL, segment INTEGER NOT NULL, chunk INTEGER NOT NULL,
  first_sample INTEGER NOT NULL, samples INTEGER NOT NULL, final INTEGER NOT NULL, body BLOB NOT NULL,
  UNIQUE (artifact, segment, chunk)
) STRICT;
CREATE TABLE record_keys (
  owner TEXT NOT NULL, row TEXT NOT NULL, epoch TEXT NOT NULL, form TEXT NOT NULL, key BLOB NOT NULL,
  PRIMARY KEY (owner, row)
) STRICT;
CREATE INDEX record_keys_boxed ON record_keys (owner, row) WHERE form = 'boxed';

CREATE TABLE trail (sequence INTEGER PRIMARY KEY, sealed BLOB NOT NULL, link BLOB NOT NULL, mac BLOB NOT NULL) STRICT;
CREATE TRIGGER trail_refuses_update BEFORE UPDATE ON trail BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER trail_refuses_delete BEFORE DELETE ON trail BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
`;

/** Notes, tags and transcripts of calls, messages and recordings. */
const NOTES = `
CREATE TABLE notes (${CAPTURED_COLUMNS}, subject TEXT NOT NULL, kind TEXT NOT NULL) STRICT;
CREATE INDEX notes_by_subject ON notes (subject, seq);
`;

const MIGRATIONS: readonly string[] = [FIRST, NOTES];
/** `user_version` of a vault that is up to date. */
export const SCHEMA_VERSION = MIGRATIONS.length;
/** 'WARD', so that `file` and a careful opener can tell what this is. */
export const APPLICATION_ID = 0x57415244;

interface SchemaItem {
  readonly type: string;
  readonly name: string;
  readonly sql: string | null;
}

const ITEMS = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name";

/**
 * Takes away triggers and views that the vault did not make, before they can act, and puts back its own; names each difference.
 * `expected` is an empty database.
 */
export function mendSchema(db: Database, expected: Database): string[] {
  for (const step of MIGRATIONS) expected.exec(step);
  const key = ({ type, name, sql }: SchemaItem) => `${type} ${name} ${sql}`;
  const ours = expected.prepare(ITEMS).all() as SchemaItem[];
  const found = db.prepare(ITEMS).all() as SchemaItem[];
  const [known, present] = [new Set(ours.map(key)), new Set(found.map(key))];
  const problems: string[] = [];
  for (const item of found.filter((each) => !known.has(key(each)))) {
    const isActive = item.type === 'trigger' || item.type === 'view';
    if (isActive) db.exec(`DROP ${item.type} "${item.name.replaceAll('"', '""')}"`);
    problems.push(
      `The ${item.type} ${item.name} was put into the database or changed${isActive ? '; it was removed' : ''}.`,
    );
  }
  for (const item of ours.filter((each) => !present.has(key(each)))) {
    if (item.type === 'trigger') db.exec(item.sql ?? '');
    problems.push(`The ${item.type} ${item.name} of the database was missing or changed.`);
  }
  return problems;
}

/** Brings the schema up to date. @throws WardlineError `vault-newer` */
export function migrate(db: Database): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version > MIGRATIONS.length) {
    throw new WardlineError(
      'vault-newer',
      'The vault was written by a newer Wardline; install that version or a later one.',
    );
  }
  for (let step = version; step < MIGRATIONS.length; step++) {
    db.transaction(() => {
      db.exec(MIGRATIONS[step]!);
      db.pragma(`user_version = ${step + 1}`);
    })();
  }
}
