// The audit trail, newest first, for administrators and auditors: searched, verified, exported; that they looked is itself an entry.
import { useState } from 'preact/hooks';
import type { AuditView } from '../../api/schemas.ts';
import { api, sentenceOf } from '../api.ts';
import { actionLabel, byDay, timeOfDay } from '../format.ts';
import { Icon } from '../parts/icon.tsx';
import { Empty, Failed, Loading } from '../parts/states.tsx';
import { useList } from '../parts/use-list.ts';
import { AuditFilters, type AuditSearch, everything, queryOf } from './audit-filters.tsx';

export function AuditPage() {
  const [search, setSearch] = useState(everything);
  const query = queryOf(search);
  // No refresh in the background: each look is an entry of its own.
  const list = useList<AuditView>(JSON.stringify(query), (after, isBackground) =>
    isBackground ? Promise.reject(new Error('not refreshed')) : api.audit({ after, ...query }),
  );
  const rows = (list.rows ?? []).map((entry) => ({ ...entry, startedAt: entry.at }));
  return (
    <>
      <div class="page-head">
        <h1>Audit trail</h1>
        <div class="actions">
          <Verify />
          <a class="button" href="/api/audit/export" download>
            <Icon name="save" /> Export
          </a>
          <button type="button" onClick={list.reload}>
            Refresh
          </button>
        </div>
      </div>
      <AuditFilters search={search} choose={setSearch} seen={[...new Set(rows.map(({ action }) => action))]} />
      {list.error && <Failed error={list.error} retry={list.reload} />}
      {!list.error && list.rows === undefined && <Loading />}
      {!list.error && list.rows?.length === 0 && <Nothing search={search} hasMore={list.hasMore} />}
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

function Nothing({ search, hasMore }: { search: AuditSearch; hasMore: boolean }) {
  return search === everything ? (
    <Empty icon="audit" title="Nothing yet">
      Whatever is read, heard, changed or refused is listed here.
    </Empty>
  ) : (
    <Empty icon="search" title="No such entries">
      {hasMore ? 'None among the newest; look on among the older ones.' : 'Search for less.'}
    </Empty>
  );
}

/** Walks the whole trail, against the heads that left the vault. */
function Verify() {
  const [said, setSaid] = useState<{ text: string; isBad: boolean }>();
  const [isBusy, setBusy] = useState(false);
  const verify = async () => {
    setBusy(true);
    try {
      const { ok, entries, firstBad } = await api.verifyAudit();
      const text = ok
        ? `All ${entries.toLocaleString()} entries hold.`
        : `Entry ${firstBad?.sequence} does not hold: ${firstBad?.problem}.`;
      setSaid({ text, isBad: !ok });
    } catch (thrown) {
      setSaid({ text: sentenceOf(thrown), isBad: true });
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <span role="status" class={said?.isBad ? 'bad' : 'muted'}>
        {said?.text}
      </span>
      <button type="button" onClick={() => void verify()} disabled={isBusy}>
        {isBusy ? 'Verifying…' : 'Verify'}
      </button>
    </>
  );
}

function EntryRow({ entry }: { entry: AuditView }) {
  const { sequence, at, action, who, address, outcome, subject, detail } = entry;
  return (
    <li class="row entry">
      <span class="sequence">{sequence}</span>
      <span class="who">
        <span class="who-name">{actionLabel(action)}</span>
        <span class="who-detail" title={subject}>
          {[who, address, detail].filter(Boolean).join(' · ')}
        </span>
      </span>
      {outcome === 'ok' ? <span class="no-badge" /> : <span class="badge bad">{outcome}</span>}
      <time class="when" dateTime={new Date(at).toISOString()}>
        {timeOfDay(at)}
      </time>
    </li>
  );
}
