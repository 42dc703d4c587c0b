// The audit trail, newest first, for administrators and auditors; that they looked is itself an entry.
import type { AuditView } from '../../api/schemas.ts';
import { api } from '../api.ts';
import { actionLabel, byDay, timeOfDay } from '../format.ts';
import { Empty, Failed, Loading } from '../parts/states.tsx';
import { useList } from '../parts/use-list.ts';

export function AuditPage() {
  // No refresh in the background: each look is an entry of its own.
  const list = useList<AuditView>('audit', (after, isBackground) =>
    isBackground ? Promise.reject(new Error('not refreshed')) : api.audit({ after }),
  );
  const rows = (list.rows ?? []).map((entry) => ({ ...entry, startedAt: entry.at }));
  return (
    <>
      <div class="page-head">
        <h1>Audit trail</h1>
        <button type="button" onClick={list.reload}>
          Refresh
        </button>
      </div>
      {list.error && <Failed error={list.error} retry={list.reload} />}
      {!list.error && list.rows === undefined && <Loading />}
      {!list.error && list.rows?.length === 0 && (
        <Empty icon="audit" title="Nothing yet">
          Whatever is read, heard, changed or refused is listed here.
        </Empty>
      )}
      {byDay(rows, Date.now()).map(({ heading, rows: ofDay }) => (
        <section key={heading} class="day">
          <h2>{heading}</h2>
          <ul class="rows">
            {ofDay.map((entry) => (
              <EntryRow key={entry.sequence} entry={entry} />
            ))}
          </ul>
        </section>
      ))}
      {list.hasMore && (
        <p class="centred">
          <button type="button" onClick={list.loadMore} disabled={list.isLoadingMore}>
            {list.isLoadingMore ? 'Loading…' : 'Show older entries'}
          </button>
        </p>
      )}
    </>
  );
}

function EntryRow({ entry }: { entry: AuditView }) {
  const { sequence, at, action, who, address, outcome, detail } = entry;
  return (
    <li class="row entry">
      <span class="sequence">{sequence}</span>
      <span class="who">
        <span class="who-name">{actionLabel(action)}</span>
        <span class="who-detail">{[who, address, detail].filter(Boolean).join(' · ')}</span>
      </span>
      {outcome === 'ok' ? <span class="no-badge" /> : <span class="badge bad">{outcome}</span>}
      <time class="when" dateTime={new Date(at).toISOString()}>
        {timeOfDay(at)}
      </time>
    </li>
  );
}
