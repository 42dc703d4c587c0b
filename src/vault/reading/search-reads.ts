// Searching: what the index in memory finds, what a number's blind index finds, and the notes of one record.
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import type { Clinic } from '../../model/clinic.ts';
import { type ArtifactReader, artifactUnknown } from '../captured/artifact-reader.ts';
import { termsOf } from '../captured/calls.ts';
import type { NoteRecord, NoteRow } from '../captured/notes.ts';
import { SETTINGS } from '../clinic/settings.ts';
import type { AnswerTo } from '../contract.ts';
import { recordsLocked } from '../keys/keyring.ts';
import { type Candidate, RecordIndex } from '../search/record-index.ts';
import type { TextField } from '../search/text-index.ts';
import type { Note, SearchFilter, SearchHit } from '../shapes.ts';
import { mustBeGenuine } from '../store/genuine.ts';
import { fence, type InnerCore } from '../store/inner-core.ts';
import { type ArtifactReads, mayKnow } from './artifact-reads.ts';
import type { CallReads } from './call-reads.ts';
import type { ReadAsk, ReadResult } from './reads.ts';
import { backgroundTurn, turn } from './turn.ts';

const MAX_HITS = 100;
/** Candidates that are opened for one answer: some are another's, or gone. */
const MAX_OPENED = 1_000;
/** Slices that a search waits for, so that what was written a moment ago is found; a long way back is left to the background. */
const CATCH_UP_SLICES = 100;
/** A number's owner in the clinic is as good a find as a name. */
const OWNER_SCORE = 5;
const NUMBER_SCORE = 20;
const MAX_OWNED = 10;
/** What is looked at when only notes, or only transcripts, are wanted. */
const TEXTS: Partial<Record<NonNullable<SearchFilter['kind']>, readonly TextField[]>> = {
  note: ['note', 'tag'],
  transcript: ['transcript'],
};

export class SearchReads {
  readonly #core: InnerCore;
  readonly #artifacts: ArtifactReader;
  readonly #calls: CallReads;
  readonly #listed: ArtifactReads;
  #index: RecordIndex | undefined;

  constructor(core: InnerCore, artifacts: ArtifactReader, calls: CallReads, listed: ArtifactReads) {
    this.#core = core;
    this.#artifacts = artifacts;
    this.#calls = calls;
    this.#listed = listed;
  }

  /** A slice at a time; ends when all is read or the records are locked, and the index with them. */
  async buildAll(): Promise<void> {
    while (this.#core.keyring.isUnlocked && this.#open().slice()) await backgroundTurn();
  }

  async search({ query, limit, within, filter = {} }: ReadAsk<'search'>): Promise<ReadResult<AnswerTo<'search'>>> {
    if (!this.#core.keyring.isUnlocked) throw recordsLocked();
    const text = query.trim();
    if (text === '')
      throw new WardlineError('bad-query', 'Say what to search for: a name, a word of a note, a number.');
    const index = this.#open();
    for (let slices = 0; slices < CATCH_UP_SLICES && index.slice(); slices++) await turn();
    if (!this.#core.keyring.isUnlocked) throw recordsLocked();
    const most = Math.min(MAX_HITS, Math.max(1, limit));
    const fields = TEXTS[filter.kind ?? 'call'];
    const candidates = [...(fields === undefined ? this.#byNumber(text) : []), ...index.search(text, fields)];
    const hits = this.#hits(candidates, most, within, filter);
    const narrowed = Object.entries(filter).map(([name, value]) => `, ${name} ${value}`);
    const detail = `${hits.length} found for ${text}${narrowed.join('')}`;
    const said = { action: 'records-searched', outcome: 'ok', detail } as const;
    const { isComplete, progress } = index;
    return { answer: { hits, indexed: index.size, isComplete, progress }, said };
  }

  notes({ subject, within }: ReadAsk<'note.list'>): ReadResult<AnswerTo<'note.list'>> {
    if (!this.#core.keyring.isUnlocked) throw recordsLocked();
    const artifact = this.#artifacts.rows.find(subject);
    if (artifact === undefined && this.#core.calls.get(subject) === undefined) throw artifactUnknown();
    const isTheirs = artifact === undefined || mayKnow(this.#listed.summary(artifact), within);
    const outcome = isTheirs ? 'ok' : 'refused';
    const said = { action: 'notes-read', outcome, subject } as const;
    if (isTheirs) return { answer: { notes: this.#notesOf(subject) }, said };
    const { code, message: sentence } = artifactUnknown();
    return { answer: { notes: [] }, said, refusal: { code, sentence } };
  }

  /** Gone with the keys: after a lock and an unlock there is a new one. */
  #open(): RecordIndex {
    if (!this.#core.keyring.isUnlocked) this.#index = undefined;
    this.#index ??= new RecordIndex(this.#core);
    return this.#index;
  }

  /** Dropped when records are locked on this thread; a reader's thread ends then. */
  forget(): void {
    this.#index = undefined;
  }

  /** Calls of a number that was typed, and of the extensions whose name fits. */
  #byNumber(text: string): Candidate[] {
    const isNumber = /^[\d\s()+*#.-]{3,}$/.test(text) && termsOf(text).length > 0;
    const numbers = isNumber ? [text] : this.#ownedBy(text);
    return numbers.flatMap((number) =>
      this.#calls.ofNumber(number, Number.MAX_SAFE_INTEGER, MAX_HITS).map(({ seq }) => {
        return { table: 'calls' as const, seq, score: isNumber ? NUMBER_SCORE : OWNER_SCORE };
      }),
    );
  }

  #ownedBy(text: string): string[] {
    const clinic = this.#core.records.get<Clinic>(SETTINGS, 'clinic')?.value;
    const words = text.toLowerCase().split(/\s+/);
    const fits = (name: string) =>
      words.every((word) =>
        name
          .toLowerCase()
          .split(/\s+/)
          .some((part) => part.startsWith(word)),
      );
    const owners = [...(clinic?.extensions ?? []), ...(clinic?.mailboxes ?? [])].filter(({ name }) => fits(name));
    return [...new Set(owners.map(({ number }): string => number))].slice(0, MAX_OWNED);
  }

  #hits(
    candidates: readonly Candidate[],
    limit: number,
    within: readonly string[] | undefined,
    filter: SearchFilter,
  ): SearchHit[] {
    const best = new Map<string, Candidate>();
    for (const each of candidates) {
      const key = `${each.table} ${each.seq}`;
      const score = each.score + (best.get(key)?.score ?? 0);
      best.set(key, { ...each, score });
    }
    const ordered = [...best.values()].sort((a, b) => b.score - a.score || b.seq - a.seq).slice(0, MAX_OPENED);
    const hits: SearchHit[] = [];
    for (const candidate of ordered) {
      if (hits.length >= limit) break;
      const hit = this.#hit(candidate, within);
      if (hit !== undefined && isWanted(hit, filter)) hits.push(hit);
    }
    return hits.sort((a, b) => b.score - a.score || startOf(b) - startOf(a));
  }

  /** Undefined when it is gone, is not for this asker, or does not open. */
  #hit({ table, seq, score }: Candidate, within: readonly string[] | undefined): SearchHit | undefined {
    const row = table === 'calls' ? this.#calls.at(seq) : this.#listed.at(seq);
    if (row === undefined) return undefined;
    try {
      const notes = this.#notesOf(row.row);
      if (table === 'calls') return { score, notes, call: this.#calls.open(row) };
      const artifact = this.#listed.summary(row as NonNullable<ReturnType<ArtifactReads['at']>>);
      return mayKnow(artifact, within) ? { score, notes, artifact } : undefined;
    } catch (thrown) {
      if (codeOf(thrown) === 'records-locked') throw thrown;
      fence(this.#core, table, row.row);
      return undefined;
    }
  }

  #notesOf(subject: string): Note[] {
    const sql = this.#core.db.prepare('SELECT * FROM notes WHERE subject = ? ORDER BY seq DESC');
    return (sql.all(subject) as NoteRow[]).flatMap((row) => {
      try {
        mustBeGenuine(this.#core, 'notes', row.row, this.#core.notes.hashOf(row), row.entry);
        const { kind, text, by, at } = this.#core.notes.open<NoteRecord>(row);
        return [{ id: row.row, kind, text, by, at }];
      } catch (thrown) {
        if (codeOf(thrown) === 'records-locked') throw thrown;
        fence(this.#core, 'notes', row.row);
        return [];
      }
    });
  }
}

function isWanted(hit: SearchHit, { kind, since, until, tag }: SearchFilter): boolean {
  const isOfKind = kind === undefined || TEXTS[kind] !== undefined || kindOf(hit) === kind;
  const startedAt = startOf(hit);
  if (!isOfKind || startedAt < (since ?? 0) || startedAt > (until ?? Number.POSITIVE_INFINITY)) return false;
  if (tag === undefined) return true;
  return hit.notes.some((note) => note.kind === 'tag' && note.text.toLowerCase() === tag.trim().toLowerCase());
}

function kindOf(hit: SearchHit): string {
  return 'call' in hit ? 'call' : hit.artifact.kind;
}

function startOf(hit: SearchHit): number {
  return 'call' in hit ? hit.call.startedAt : hit.artifact.startedAt;
}
