// The files of one run of a backup, out of a snapshot of the vault while it works: new immutable rows, and one bundle of keys. FORMAT.md §11.2.
import { join } from 'node:path';
import SqliteDatabase, { type Database } from 'better-sqlite3';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import { readSlots } from '../keys/keyring.ts';
import { type BackupFile, type Manifest, slotsText } from './manifest.ts';
import { type Cell, RowWriter } from './row-file.ts';
import { IMMUTABLE_COLUMNS, immutableRows, REPLACED_COLUMNS, replacedRows } from './tables.ts';

export interface WriteFilesAsk {
  readonly target: string;
  /** The id of the run, which its files' names hold. */
  readonly run: string;
  /** The run before this one, whose immutable files go on being part. */
  readonly before?: Manifest;
}

export interface WrittenFiles extends Pick<Manifest, 'until' | 'link' | 'files' | 'bundle'> {
  /** The text of the slots file. */
  readonly slots: string;
  /** Written by this run. */
  readonly bytes: number;
  readonly rows: number;
}

/** Lets others have their turn, and is told of each piece. */
type Pause = (bytes: number) => Promise<void>;

/** A file of immutable rows is ended when it is this long. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** Needs no key: what it copies is sealed. @throws WardlineError `backup-other`, `backup-failed` */
export async function writeFiles(
  { name, vaultId }: { readonly name: string; readonly vaultId: string },
  ask: WriteFilesAsk,
  pause: Pause,
): Promise<WrittenFiles> {
  try {
    using snapshot = openSnapshot(name);
    return await new Run({ ...ask, pause }, snapshot.db).write(vaultId);
  } catch (thrown) {
    if (thrown instanceof WardlineError) throw thrown;
    const sentence = `The backup to ${ask.target} failed (${codeOf(thrown)}); check that disk. What was there before still holds.`;
    throw new WardlineError('backup-failed', sentence, { cause: thrown });
  }
}

class Run {
  readonly #options: WriteFilesAsk & { readonly pause: Pause };
  readonly #db: Database;
  #bytes = 0;
  #rows = 0;

  constructor(options: WriteFilesAsk & { readonly pause: Pause }, db: Database) {
    this.#options = options;
    this.#db = db;
  }

  async write(vaultId: string): Promise<WrittenFiles> {
    const { before } = this.#options;
    const { sequence: until, link } = lastEntry(this.#db);
    mustFollow(this.#db, before, until);
    const files = [...(before?.files ?? []), ...(await this.#immutable(until))];
    const bundle = await this.#bundle();
    const slots = slotsText(vaultId, readSlots(this.#db));
    return { until, link, files, bundle, slots, bytes: this.#bytes, rows: this.#rows };
  }

  async #immutable(until: number): Promise<BackupFile[]> {
    const files: BackupFile[] = [];
    const after = this.#options.before?.until ?? 0;
    let writer: RowWriter | undefined;
    const close = () => {
      if (writer !== undefined) files.push(this.#finish(writer, this.#name('rows', files.length)));
      writer = undefined;
    };
    try {
      for (const table of Object.keys(IMMUTABLE_COLUMNS)) {
        for (const cells of immutableRows(this.#db, table, after, until)) {
          writer ??= new RowWriter(join(this.#options.target, this.#name('rows', files.length)), IMMUTABLE_COLUMNS);
          const written = writer.bytes;
          if (writer.put(table, cells as Cell[])) await this.#options.pause(writer.bytes - written);
          if (writer.bytes > MAX_FILE_BYTES) close();
        }
      }
      close();
      return files;
    } finally {
      writer?.[Symbol.dispose](); // an open file keeps its room on a full disk, also when its name is gone
    }
  }

  async #bundle(): Promise<BackupFile> {
    const name = this.#name('bundle', 0);
    using writer = new RowWriter(join(this.#options.target, name), REPLACED_COLUMNS);
    for (const table of Object.keys(REPLACED_COLUMNS)) {
      for (const cells of replacedRows(this.#db, table)) {
        const written = writer.bytes;
        if (writer.put(table, cells as Cell[])) await this.#options.pause(writer.bytes - written);
      }
    }
    return this.#finish(writer, name);
  }

  #finish(writer: RowWriter, name: string): BackupFile {
    const { bytes, hash } = writer.finish();
    writer[Symbol.dispose]();
    this.#bytes += bytes;
    this.#rows += writer.rows;
    return { name, bytes, hash };
  }

  #name(kind: 'rows' | 'bundle', number: number): string {
    return `${kind}-${this.#options.run}-${number}`;
  }
}

/** A second connection that sees one state of the database, whatever is written meanwhile. */
function openSnapshot(path: string): Disposable & { readonly db: Database } {
  const db = new SqliteDatabase(path, { readonly: true, fileMustExist: true });
  db.exec('BEGIN');
  return { db, [Symbol.dispose]: () => db.close() };
}

function lastEntry(db: Database): { sequence: number; link: string } {
  const last = db.prepare('SELECT sequence, link FROM trail ORDER BY sequence DESC LIMIT 1').get() as
    | { sequence: number; link: Buffer }
    | undefined;
  return { sequence: last?.sequence ?? 0, link: last?.link.toString('hex') ?? '' };
}

function mustFollow(db: Database, before: Manifest | undefined, until: number): void {
  if (before === undefined) return;
  const link = db.prepare('SELECT link FROM trail WHERE sequence = ?').pluck().get(before.until) as Buffer | undefined;
  if (before.until <= until && link?.toString('hex') === before.link) return;
  throw new WardlineError(
    'backup-other',
    'That folder holds a backup of another vault, or of another past of this one; name an empty folder.',
  );
}
