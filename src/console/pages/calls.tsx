// The call list: newest first, by day, with a search for one number.
import { useState } from 'preact/hooks';
import type { CallView } from '../../api/schemas.ts';
import { api } from '../api.ts';
import {
  byDay,
  clockLength,
  directions,
  outcomeOf,
  phoneNumber,
  searchNumber,
  spokenLength,
  timeOfDay,
} from '../format.ts';
import { Icon } from '../parts/icon.tsx';
import { Link } from '../parts/link.tsx';
import { Damaged, Empty, Failed, Loading } from '../parts/states.tsx';
import { useList } from '../parts/use-list.ts';

export function CallsPage() {
  const [number, setNumber] = useState('');
  const list = useList<CallView>(number, (after, isBackground) => api.calls({ after, number }, isBackground));
  return (
    <>
      <div class="page-head">
        <h1>Calls</h1>
        <Search onSearch={setNumber} />
      </div>
      {list.error && <Failed error={list.error} retry={list.reload} />}
      {!list.error && list.rows === undefined && <Loading />}
      <Damaged rows={list.damaged} />
      {!list.error && list.rows?.length === 0 && <NoCalls isSearch={number !== ''} />}
      {byDay(list.rows ?? [], Date.now()).map(({ heading, rows }) => (
        <section key={heading} class="day">
          <h2>{heading}</h2>
          <ul class="rows">
            {rows.map((call) => (
              <CallRow key={call.callId} call={call} />
            ))}
          </ul>
        </section>
      ))}
      {list.hasMore && (
        <p class="centred">
          <button type="button" onClick={list.loadMore} disabled={list.isLoadingMore}>
            {list.isLoadingMore ? 'Loading…' : 'Show older calls'}
          </button>
        </p>
      )}
    </>
  );
}

function CallRow({ call }: { call: CallView }) {
  const outcome = outcomeOf(call);
  const isOut = call.direction === 'outbound' || call.direction === 'emergency';
  const talkMs = call.answeredAt === undefined ? 0 : call.endedAt - call.answeredAt;
  const who = isOut ? phoneNumber(call.to) : call.fromName || phoneNumber(call.from);
  const detail = isOut ? `from ${call.fromName || phoneNumber(call.from)}` : withName(call);
  return (
    <li class={`row call ${outcome.tone}`}>
      <Link to={`/calls/${call.callId}`} class="row-link">
        <span class={`direction ${call.direction}`} role="img" aria-label={directions[call.direction]}>
          <Icon name={call.direction} />
        </span>
        <span class="who">
          <span class="who-name">{who}</span>
          <span class="who-detail">
            {detail}
            {!isOut && <span class={detail === '' ? '' : 'wide-only'}> to {phoneNumber(call.to)}</span>}
          </span>
        </span>
        <span class={`badge ${outcome.tone}`}>{outcome.label}</span>
        <span class="length">
          {talkMs > 0 && (
            <>
              <span aria-hidden="true">{clockLength(talkMs)}</span>
              <span class="hidden">{spokenLength(talkMs)}</span>
            </>
          )}
        </span>
        <time class="when" dateTime={new Date(call.startedAt).toISOString()}>
          {timeOfDay(call.startedAt)}
        </time>
      </Link>
    </li>
  );
}

/** The caller's number where the name stands above it. */
function withName(call: CallView): string {
  return call.fromName === '' || call.from === '' ? '' : phoneNumber(call.from);
}

function NoCalls({ isSearch }: { isSearch: boolean }) {
  return isSearch ? (
    <Empty icon="search" title="No calls with this number">
      Enter the whole number with its area code, or an extension.
    </Empty>
  ) : (
    <Empty icon="calls" title="No calls yet">
      As soon as somebody calls the clinic, the call is listed here.
    </Empty>
  );
}

function Search({ onSearch }: { onSearch: (number: string) => void }) {
  const [typed, setTyped] = useState('');
  const clear = () => {
    setTyped('');
    onSearch('');
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    onSearch(searchNumber(typed));
  };
  return (
    <search>
      <form class="search" onSubmit={submit}>
        <Icon name="search" />
        <input
          type="text"
          inputMode="tel"
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
          onKeyDown={(event) => event.key === 'Escape' && clear()}
          placeholder="Find a number"
          aria-label="Find calls by number"
          autocomplete="off"
          maxLength={32}
        />
        {typed !== '' && (
          <button type="button" class="quiet" onClick={clear} aria-label="Clear the search">
            <Icon name="close" />
          </button>
        )}
      </form>
    </search>
  );
}
