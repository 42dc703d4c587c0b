// The recorded calls, newest first; each opens on a page of its own.
import type { ArtifactView } from '../../api/schemas.ts';
import { api } from '../api.ts';
import { byDay, callerLabel, phoneNumber } from '../format.ts';
import { Icon } from '../parts/icon.tsx';
import { Link } from '../parts/link.tsx';
import { RowEnd } from '../parts/row-end.tsx';
import { Damaged, Empty, Failed, Loading } from '../parts/states.tsx';
import { useList } from '../parts/use-list.ts';

export function RecordingsPage() {
  const list = useList<ArtifactView>('recordings', (after, isBackground) => api.recordings({ after }, isBackground));
  return (
    <>
      <div class="page-head">
        <h1>Recordings</h1>
      </div>
      {list.error && <Failed error={list.error} retry={list.reload} />}
      {!list.error && list.rows === undefined && <Loading />}
      <Damaged rows={list.damaged} />
      {!list.error && list.rows?.length === 0 && (
        <Empty icon="recording" title="No recordings">
          Calls are recorded where the clinic's settings say so; each begins with a spoken notice.
        </Empty>
      )}
      {byDay(list.rows ?? [], Date.now()).map(({ heading, rows }) => (
        <section key={heading} class="day">
          <h2>{heading}</h2>
          <ul class="rows">
            {rows.map((recording) => (
              <RecordingRow key={recording.id} recording={recording} />
            ))}
          </ul>
        </section>
      ))}
      {list.hasMore && (
        <p class="centred">
          <button type="button" onClick={list.loadMore} disabled={list.isLoadingMore}>
            {list.isLoadingMore ? 'Loading…' : 'Show older recordings'}
          </button>
        </p>
      )}
    </>
  );
}

function RecordingRow({ recording }: { recording: ArtifactView }) {
  const { id, to, mailbox } = recording;
  return (
    <li class="row message">
      <Link to={`/recordings/${id}`} class="row-link">
        <span class="direction">
          <Icon name="recording" />
        </span>
        <span class="who">
          <span class="who-name">{callerLabel(recording)}</span>
          <span class="who-detail">
            to {phoneNumber(to)}
            {mailbox !== '' && ` · Queue ${mailbox}`}
          </span>
        </span>
        <RowEnd artifact={recording} />
      </Link>
    </li>
  );
}
