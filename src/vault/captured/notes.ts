// What people add to a call, message or recording: notes, tags, and transcripts; each a captured row of its own, inserted once, removable.
import type { Actor } from '../../audit/entry.ts';
import { actorName } from '../../audit/filter.ts';
import type { UtcMs } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/id.ts';
import type { Ask } from '../contract.ts';
import type { Handlers } from '../handlers.ts';
import { recordsLocked } from '../keys/keyring.ts';
import type { NoteKind } from '../shapes.ts';
import type { CapturedRow } from '../store/captured-table.ts';
import type { RetentionClass } from '../store/epochs.ts';
import type { InnerCore } from '../store/inner-core.ts';
import { artifactUnknown } from './artifact-reader.ts';
import { recordDisposal } from './disposals.ts';

export type NoteOperation = 'note.add' | 'note.remove';

/** As it is sealed. FORMAT.md §12.2. */
export interface NoteRecord {
  readonly subject: string;
  readonly kind: NoteKind;
  readonly text: string;
  readonly by: string;
  readonly at: UtcMs;
}

export interface NoteRow extends CapturedRow {
  readonly subject: string;
  readonly kind: NoteKind;
}

const MAX_CHARACTERS: Record<NoteKind, number> = { note: 4_000, tag: 40, transcript: 200_000 };
/** Of one call, message or recording. */
const MAX_NOTES = 200;
const KINDS: readonly string[] = Object.keys(MAX_CHARACTERS);

export function noteHandlers(core: InnerCore, mustBeFree: (subject: string) => void): Pick<Handlers, NoteOperation> {
  const count = core.db.prepare('SELECT count(*) FROM notes WHERE subject = ?').pluck();
  return {
    'note.add': (ask) => {
      const { caller, subject, kind } = ask;
      const text = parseText(ask);
      const epoch = core.epochs.current(classOf(core, subject));
      if ((count.get(subject) as number) >= MAX_NOTES)
        throw new WardlineError('too-many-notes', `There are ${MAX_NOTES} notes already; remove one first.`);
      const noteId = newId();
      const record: NoteRecord = { subject, kind, text, by: actorName(caller.actor), at: core.clock.now() };
      const entry = { action: 'note-added', ...caller, outcome: 'ok', subject, detail: `${kind} ${noteId}` } as const;
      core.transact(entry, (tx) => core.notes.insert(tx, noteId, epoch, record, { subject, kind }));
      return { noteId };
    },
    'note.remove': ({ caller, noteId, subject }) => {
      const row = core.notes.get(noteId) as NoteRow | undefined;
      if (row === undefined || (subject !== undefined && row.subject !== subject))
        throw new WardlineError('note-unknown', 'There is no such note any more.');
      mustBeTheirs(core, row, caller.actor);
      mustBeFree(row.subject);
      const detail = `${row.kind} ${noteId}`;
      core.transact({ action: 'note-removed', ...caller, outcome: 'ok', subject: row.subject, detail }, (tx) => {
        core.notes.dispose(tx, noteId);
        recordDisposal(core, tx, noteId, row.entry);
      });
      core.journal.scrub();
      return {};
    },
  };
}

/** What is added lives as long as what it is about. */
function classOf({ calls, artifacts }: InnerCore, subject: string): RetentionClass {
  if (calls.get(subject) !== undefined) return 'cdr';
  const artifact = artifacts.get(subject);
  if (artifact === undefined) throw artifactUnknown();
  return artifact.kind as RetentionClass;
}

/** Whoever wrote a note may take it away, and an administrator any; tags are everybody's. */
function mustBeTheirs(core: InnerCore, row: NoteRow, actor: Actor): void {
  if (row.kind === 'tag' || actor.kind !== 'user') return;
  if (core.records.get<{ roles: readonly string[] }>('users', actor.id)?.value.roles.includes('admin')) return;
  if (!core.keyring.isUnlocked) throw recordsLocked();
  if (core.notes.open<NoteRecord>(row).by === actorName(actor)) return;
  throw new WardlineError('not-allowed', 'Only who wrote a note, or an administrator, may remove it.');
}

function parseText({ kind, text, caller }: Ask<'note.add'>): string {
  if (!KINDS.includes(kind)) throw new WardlineError('bad-note', `A note is one of ${KINDS.join(', ')}.`);
  if (kind === 'transcript' && caller.actor.kind !== 'service')
    throw new WardlineError('bad-note', 'A transcript is made by the appliance; write a note.');
  const trimmed = text.trim();
  const most = MAX_CHARACTERS[kind];
  if (trimmed !== '' && trimmed.length <= most) return trimmed;
  throw new WardlineError('bad-note', `A ${kind} has 1 to ${most} characters.`);
}
