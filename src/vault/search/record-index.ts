// The search index of calls, messages and recordings: in memory, while records are unlocked. It holds each name once, however many calls
// it has, and every note, tag and transcript; it is built newest first in small slices, and caught up with before each search.
import type { Statement } from 'better-sqlite3';
import type { Cdr } from '../../model/cdr.ts';
import type { NoteRecord, NoteRow } from '../captured/notes.ts';
import type { ArtifactHeader } from '../shapes.ts';
import type { CapturedRow, CapturedTable } from '../store/captured-table.ts';
import type { InnerCore } from '../store/inner-core.ts';
import { type TextField, TextIndex } from './text-index.ts';

/** Rows that are opened before others get their turn: a few milliseconds. */
const SLICE_ROWS = 40;
/** Different names; those of older calls are then found by number alone. */
const MAX_NAMES = 200_000;
const MAX_NOTES = 200_000;
/** Calls, messages and recordings that names lead to. */
const MAX_RECORDS = 2_000_000;
/** Best texts that one search follows, and the newest records of each name. */
const MAX_TEXTS = 500;
const MAX_OF_NAME = 100;

export type Indexed = 'calls' | 'artifacts';

export interface Candidate {
  readonly table: Indexed;
  readonly seq: number;
  readonly score: number;
}

/** Where the walk over a table stands: below `floor` and above `top` nothing was read yet. */
interface Walk {
  readonly newer: Statement;
  readonly older: Statement;
  top: number;
  floor: number;
  readonly take: (row: CapturedRow) => void;
}

export class RecordIndex {
  readonly #core: InnerCore;
  readonly #texts = new TextIndex();
  /** Name → where it occurs, as [table, seq, …], in order of reading. */
  readonly #places = new Map<string, Record<Indexed, number[]>>();
  readonly #walks: readonly Walk[];
  #records = 0;
  #turn = 0;

  constructor(core: InnerCore) {
    this.#core = core;
    const walk = (table: CapturedTable, take: Walk['take']): Walk => {
      const newest = core.db.prepare(`SELECT max(seq) FROM ${table.name}`).pluck().get() as number | null;
      const rows = (where: string) => core.db.prepare(`SELECT * FROM ${table.name} WHERE ${where} LIMIT ${SLICE_ROWS}`);
      const [newer, older] = [rows('seq > ? ORDER BY seq'), rows('seq < ? ORDER BY seq DESC')];
      return { newer, older, top: newest ?? 0, floor: (newest ?? 0) + 1, take };
    };
    this.#walks = [
      walk(core.notes, (row) => this.#takeNote(row as NoteRow)),
      walk(core.artifacts, (row) =>
        this.#takeName('artifacts', row, core.artifacts.open<ArtifactHeader>(row).fromName),
      ),
      walk(core.calls, (row) => this.#takeName('calls', row, core.calls.open<Cdr>(row).fromName)),
    ];
  }

  get isComplete(): boolean {
    return this.#walks.every(({ floor }) => floor <= 1);
  }

  /** Calls, messages, recordings and notes that can be found. */
  get size(): number {
    return this.#records + this.#texts.size - this.#places.size;
  }

  /** Rows that were read, of all there are. */
  get progress(): { done: number; all: number } {
    const read = this.#walks.map(({ top, floor }) => Math.max(0, top - Math.max(0, floor - 1)));
    return { done: sum(read), all: sum(this.#walks.map(({ top }) => top)) };
  }

  /** Reads a slice of what is new, else of what is older; answers whether there may be more. */
  slice(): boolean {
    for (const walk of this.#walks) if (this.#forward(walk)) return true;
    for (let tried = 0; tried < this.#walks.length; tried++) {
      const walk = this.#walks[this.#turn++ % this.#walks.length];
      if (walk !== undefined && walk.floor > 1) {
        this.#backward(walk);
        return true;
      }
    }
    return false;
  }

  /** Records that fit best, best first; one whose name and note both fit comes before those of which one does. */
  search(query: string, fields?: readonly TextField[]): Candidate[] {
    const scores = new Map<string, number>();
    const add = (table: Indexed, seq: number, score: number) => {
      const key = `${table} ${seq}`;
      scores.set(key, (scores.get(key) ?? 0) + score);
    };
    for (const { id, score } of this.#texts.search(query, MAX_TEXTS, fields)) {
      if (id.startsWith('note ')) this.#addSubject(id.slice(5), score, add);
      else this.#addPlaces(id.slice(5), score, add);
    }
    const found = [...scores].map(([key, score]) => {
      const [table, seq] = key.split(' ');
      return { table: table as Indexed, seq: Number(seq), score };
    });
    return found.sort((a, b) => b.score - a.score || b.seq - a.seq);
  }

  #addPlaces(name: string, score: number, add: (table: Indexed, seq: number, score: number) => void): void {
    const places = this.#places.get(name);
    for (const table of ['calls', 'artifacts'] as const) {
      const newest = [...(places?.[table] ?? [])].sort((a, b) => b - a).slice(0, MAX_OF_NAME);
      for (const seq of newest) add(table, seq, score);
    }
  }

  #addSubject(noteId: string, score: number, add: (table: Indexed, seq: number, score: number) => void): void {
    const note = this.#core.notes.get(noteId) as NoteRow | undefined;
    if (note === undefined) {
      this.#texts.remove(`note ${noteId}`);
      return;
    }
    const call = this.#core.calls.get(note.subject);
    const artifact = this.#core.artifacts.get(note.subject);
    if (call !== undefined) add('calls', call.seq, score);
    if (artifact !== undefined) add('artifacts', artifact.seq, score);
  }

  #forward(walk: Walk): boolean {
    const rows = walk.newer.all(walk.top) as CapturedRow[];
    for (const row of rows) this.#take(walk, row);
    walk.top = rows.at(-1)?.seq ?? walk.top;
    return rows.length > 0;
  }

  #backward(walk: Walk): void {
    const rows = walk.older.all(walk.floor) as CapturedRow[];
    for (const row of rows) this.#take(walk, row);
    walk.floor = rows.at(-1)?.seq ?? 0;
  }

  /** A row that does not open is not found; lists and checks name it. */
  #take({ take }: Walk, row: CapturedRow): void {
    try {
      take(row);
    } catch {
      // fenced where it is shown
    }
  }

  #takeName(table: Indexed, { seq }: CapturedRow, name: string): void {
    if (name === '' || this.#records >= MAX_RECORDS) return;
    let places = this.#places.get(name);
    if (places === undefined) {
      if (this.#places.size >= MAX_NAMES) return;
      places = { calls: [], artifacts: [] };
      this.#places.set(name, places);
      this.#texts.add(`name ${name}`, 'name', name);
    }
    places[table].push(seq);
    this.#records++;
  }

  #takeNote(row: NoteRow): void {
    if (this.#texts.size - this.#places.size >= MAX_NOTES || this.#texts.has(`note ${row.row}`)) return;
    const { kind, text } = this.#core.notes.open<NoteRecord>(row);
    this.#texts.add(`note ${row.row}`, kind, text);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
