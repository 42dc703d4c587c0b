// Notes, tags and the transcript of a call, message or recording: read, added and removed.
import { useState } from 'preact/hooks';
import type { NoteView } from '../../api/schemas.ts';
import { api, sentenceOf } from '../api.ts';
import { momentText } from '../format.ts';
import { FormError } from './field.tsx';
import { Icon } from './icon.tsx';
import { Panel } from './panel.tsx';
import { useLoad } from './use-load.ts';

/** `who` has written a note may remove it, and an administrator any. */
export function Notes({ subject, login, isAdmin }: { subject: string; login: string; isAdmin: boolean }) {
  const { value, error, reload } = useLoad(subject, () => api.notes(subject));
  const [failure, setFailure] = useState('');
  const notes = value?.notes ?? [];
  const act = async (work: () => Promise<unknown>) => {
    try {
      await work();
      setFailure('');
      await reload();
      return true;
    } catch (thrown) {
      setFailure(sentenceOf(thrown));
      return false;
    }
  };
  const remove = ({ id }: NoteView) => void act(() => api.removeNote(subject, id));
  const add = (kind: 'note' | 'tag', text: string) => act(() => api.addNote(subject, { kind, text }));
  return (
    <Panel title="Notes and tags">
      {error && <FormError message={error.message} />}
      <Tags tags={notes.filter(({ kind }) => kind === 'tag')} add={(text) => add('tag', text)} remove={remove} />
      <ul class="notes">
        {notes
          .filter(({ kind }) => kind !== 'tag')
          .map((note) => (
            <li key={note.id}>
              <p class="note-text">{note.text}</p>
              <p class="muted small">
                {note.kind === 'transcript' ? 'Transcript' : note.by} · {momentText(note.at)}
                {note.kind === 'note' && (isAdmin || note.by === login) && (
                  <button
                    type="button"
                    class="link"
                    onClick={() => remove(note)}
                    aria-label={`Remove note: ${note.text}`}
                  >
                    Remove
                  </button>
                )}
              </p>
            </li>
          ))}
      </ul>
      <AddNote add={(text) => add('note', text)} />
      {failure !== '' && <FormError message={failure} />}
    </Panel>
  );
}

interface TagsProps {
  readonly tags: readonly NoteView[];
  readonly add: (text: string) => Promise<boolean>;
  readonly remove: (tag: NoteView) => void;
}

function Tags({ tags, add, remove }: TagsProps) {
  const [text, setText] = useState('');
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (text.trim() !== '' && (await add(text))) setText('');
  };
  return (
    <form class="tags" onSubmit={(event) => void submit(event)}>
      {tags.map((tag) => (
        <span key={tag.id} class="tag">
          {tag.text}
          <button type="button" class="quiet" onClick={() => remove(tag)} aria-label={`Remove tag ${tag.text}`}>
            <Icon name="close" />
          </button>
        </span>
      ))}
      <input
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        placeholder="Add a tag"
        aria-label="Add a tag"
        maxLength={40}
        autocomplete="off"
      />
    </form>
  );
}

function AddNote({ add }: { add: (text: string) => Promise<boolean> }) {
  const [text, setText] = useState('');
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (text.trim() !== '' && (await add(text))) setText('');
  };
  return (
    <form class="add-note" onSubmit={(event) => void submit(event)}>
      <textarea
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        placeholder="Write a note"
        aria-label="Write a note"
        maxLength={4_000}
        rows={2}
      />
      <button type="submit" disabled={text.trim() === ''}>
        Add note
      </button>
    </form>
  );
}
