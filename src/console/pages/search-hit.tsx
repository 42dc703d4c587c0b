// One result of a search: what it is, who, when, and the notes, tags and words of a transcript that fit, with the hits marked.
import type { NoteView, SearchView } from '../../api/schemas.ts';
import { excerpt, hasHit, highlight, highlightNumber } from '../describe.ts';
import { dayText, phoneNumber } from '../format.ts';
import type { IconName } from '../parts/icon.tsx';
import { Icon } from '../parts/icon.tsx';
import { Link } from '../parts/link.tsx';
import { Marked } from '../parts/panel.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { artifactPath } from './call.tsx';

type Hit = SearchView['hits'][number];

const WORDS: Readonly<Record<string, { label: string; icon: IconName }>> = {
  call: { label: 'Call', icon: 'calls' },
  voicemail: { label: 'Voicemail', icon: 'voicemail' },
  recording: { label: 'Recording', icon: 'recording' },
  greeting: { label: 'Greeting', icon: 'voicemail' },
};
const NOTES: Readonly<Record<NoteView['kind'], string>> = { note: 'Note', tag: 'Tag', transcript: 'Transcript' };
const MOST_NOTES = 3;

export function HitRow({ hit, query }: { hit: Hit; query: string }) {
  const record = hit.call ?? hit.artifact;
  if (record === undefined) return null;
  const kind = hit.artifact?.kind ?? 'call';
  const { label = '', icon = 'calls' } = WORDS[kind] ?? {};
  const { from, fromName, to, startedAt } = record;
  const path = hit.artifact === undefined ? `/calls/${hit.call?.callId}` : artifactPath(hit.artifact);
  return (
    <li class="row hit">
      <Link to={path} class="row-link">
        <span class="direction">
          <Icon name={icon} />
        </span>
        <span class="who">
          <span class="who-name">
            {fromName === '' ? (
              <NumberText number={from} query={query} />
            ) : (
              <Marked parts={highlight(fromName, query)} />
            )}
          </span>
          <span class="who-detail">
            {fromName !== '' && from !== '' && (
              <>
                <NumberText number={from} query={query} />{' '}
              </>
            )}
            to <NumberText number={to} query={query} />
          </span>
          <NoteLines notes={hit.notes} query={query} />
        </span>
        <span class="badges">
          <span class="badge">{label}</span>
          {hit.artifact && <StateBadge artifact={hit.artifact} />}
        </span>
        <time class="when" dateTime={new Date(startedAt).toISOString()}>
          {dayText(startedAt)}
        </time>
      </Link>
    </li>
  );
}

function NumberText({ number, query }: { number: string; query: string }) {
  return <Marked parts={highlightNumber(phoneNumber(number), number, query)} />;
}

/** Those that fit; tags always, because people sort by them. */
function NoteLines({ notes, query }: { notes: readonly NoteView[]; query: string }) {
  const shown = notes.filter(({ kind, text }) => kind === 'tag' || hasHit(text, query)).slice(0, MOST_NOTES);
  return (
    <>
      {shown.map(({ id, kind, text }) => (
        <span key={id} class="note-line">
          <span class="note-kind">{NOTES[kind]}</span> <Marked parts={excerpt(text, query)} />
        </span>
      ))}
    </>
  );
}
