// Searching everything that is on record, best first: names, notes, tags, transcripts, numbers; each search is an entry of the trail.
import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { SearchView } from '../../api/schemas.ts';
import { api } from '../api.ts';
import { dayBound } from '../describe.ts';
import { plural } from '../format.ts';
import { DayFields } from '../parts/days.tsx';
import { Icon } from '../parts/icon.tsx';
import { Empty, Failed } from '../parts/states.tsx';
import { session } from '../store.ts';
import { HitRow } from './search-hit.tsx';

interface Search {
  readonly query: string;
  readonly kind: string;
  readonly from: string;
  readonly until: string;
  readonly tag: string;
}

const empty: Search = { query: '', kind: '', from: '', until: '', tag: '' };
const KINDS = {
  '': 'Everything',
  call: 'Calls',
  voicemail: 'Voicemail',
  recording: 'Recordings',
  note: 'Notes and tags',
  transcript: 'Transcripts',
};
const MOST = '100';

/** What was found last, to come back to from a result without another search; forgotten with the session. */
const last = signal<{ readonly search: Search; readonly found?: SearchView; readonly error?: Error }>({
  search: empty,
});
session.subscribe((value) => {
  if (typeof value === 'string') last.value = { search: empty };
});

export function SearchPage() {
  const [search, setSearch] = useState(last.value.search);
  const [isBusy, setBusy] = useState(false);
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    box.current?.focus();
    document.addEventListener('keydown', walk);
    return () => document.removeEventListener('keydown', walk);
  }, []);

  const run = async () => {
    const q = search.query.trim() || search.tag.trim();
    if (q === '') return;
    setBusy(true);
    const { kind, tag, from, until } = search;
    const days = { since: dayBound(from, 'start'), until: dayBound(until, 'end') };
    try {
      last.value = { search, found: await api.search({ q, kind, tag: tag.trim(), ...days, limit: MOST }) };
    } catch (error) {
      if (error instanceof Error) last.value = { search, error };
    } finally {
      setBusy(false);
    }
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void run();
  };
  const change = (part: Partial<Search>) => setSearch({ ...search, ...part });
  const { found, error } = last.value;

  return (
    <>
      <div class="page-head">
        <h1>Search</h1>
      </div>
      <search>
        <form class="filters" onSubmit={submit}>
          <div class="search">
            <Icon name="search" />
            <input
              id="search-box"
              ref={box}
              type="search"
              value={search.query}
              onInput={(event) => change({ query: event.currentTarget.value })}
              placeholder="A name, a word of a note, a number"
              aria-label="Search"
              aria-describedby="search-hint"
              autocomplete="off"
              maxLength={200}
            />
          </div>
          <button type="submit" class="primary" disabled={isBusy}>
            {isBusy ? 'Searching…' : 'Search'}
          </button>
          <Filters search={search} change={change} />
          <p class="hint" id="search-hint">
            Press Enter to search, <kbd>↓</kbd> and <kbd>↑</kbd> to walk through what was found, <kbd>/</kbd> to come
            back here. Each search is on record.
          </p>
        </form>
      </search>
      {error && <Failed error={error} retry={() => void run()} />}
      {found && <Found found={found} query={last.value.search.query} />}
    </>
  );
}

function Filters({ search, change }: { search: Search; change: (part: Partial<Search>) => void }) {
  return (
    <div class="filter-row">
      <label>
        What
        <select value={search.kind} onChange={(event) => change({ kind: event.currentTarget.value })}>
          {Object.entries(KINDS).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <DayFields days={search} change={change} />
      <label>
        Tag
        <input
          value={search.tag}
          onInput={(event) => change({ tag: event.currentTarget.value })}
          maxLength={40}
          autocomplete="off"
        />
      </label>
    </div>
  );
}

function Found({ found, query }: { found: SearchView; query: string }) {
  const { hits, isComplete, progress } = found;
  return (
    <>
      <p class="muted found" role="status">
        {hits.length === Number(MOST) ? `The best ${MOST}` : `${plural(hits.length, 'record')} found`}
      </p>
      {!isComplete && (
        <p class="note" role="status">
          The index is still being built: {progress.done.toLocaleString()} of {progress.all.toLocaleString()} records.
          Older ones may be missing here; search again in a while.
        </p>
      )}
      {hits.length === 0 ? (
        <Empty icon="search" title="Nothing found">
          Try the beginning of a word, fewer words, or a whole number with its area code.
        </Empty>
      ) : (
        <ul class="rows hits">
          {hits.map((hit) => (
            <HitRow key={hit.call?.callId ?? hit.artifact?.id} hit={hit} query={query} />
          ))}
        </ul>
      )}
    </>
  );
}

/** Arrows go from the box to the first result, and from one to the next. */
function walk(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const at = document.activeElement;
  if (step === undefined || at instanceof HTMLSelectElement) return;
  if (at instanceof HTMLInputElement && at.type === 'date') return;
  const box = document.getElementById('search-box');
  const stops: (Element | null)[] = [box, ...document.querySelectorAll('.hits .row-link')];
  const index = stops.indexOf(at);
  const next = stops[index + step];
  if (index < 0 || !(next instanceof HTMLElement)) return;
  event.preventDefault();
  next.focus();
}
