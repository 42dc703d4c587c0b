// One message or recording: heard from any moment, with its marks, the sound of its call, notes, tags, and how long it is kept.
import { useState } from 'preact/hooks';
import type { ArtifactDetailsView, UserView } from '../../api/schemas.ts';
import { ApiError, api, exportUrl } from '../api.ts';
import { spansOf, stateOf } from '../describe.ts';
import { callerLabel, clockLength, momentText, phoneNumber } from '../format.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Icon } from '../parts/icon.tsx';
import { Keeping } from '../parts/keeping.tsx';
import { Link } from '../parts/link.tsx';
import { Notes } from '../parts/notes.tsx';
import { Facts, Panel } from '../parts/panel.tsx';
import { Player } from '../parts/player.tsx';
import { Quality } from '../parts/quality.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { Failed, Loading } from '../parts/states.tsx';
import { useLoad } from '../parts/use-load.ts';
import { go } from '../store.ts';

interface ArtifactPageProps {
  readonly id: string;
  readonly user: UserView;
  readonly list: '/voicemail' | '/recordings';
}

export function ArtifactPage({ id, user, list }: ArtifactPageProps) {
  const { value, error, reload } = useLoad(id, () => load(id));
  const isAdmin = user.roles.includes('admin');
  return (
    <>
      <Link to={list} class="back">
        <Icon name="back" /> {list === '/voicemail' ? 'Voicemail' : 'Recordings'}
      </Link>
      {error && <Failed error={error} retry={() => void reload()} />}
      {!error && value === undefined && <Loading />}
      {value && (
        <>
          <Sound artifact={value.artifact} isAdmin={isAdmin} list={list} />
          <Quality quality={value.quality} />
          <Notes subject={id} login={user.login} isAdmin={isAdmin} />
          <Keeping subject={id} keeping={value.artifact} isAdmin={isAdmin} changed={() => void reload()} />
        </>
      )}
    </>
  );
}

/** With the sound of its call, whose record is there once the call is over. */
async function load(id: string) {
  const artifact = await api.artifact(id);
  const call = await api.call(artifact.callId).catch((thrown) => {
    if (thrown instanceof ApiError && thrown.status === 404) return undefined;
    throw thrown;
  });
  return { artifact, quality: call?.call.quality };
}

interface SoundProps {
  readonly artifact: ArtifactDetailsView;
  readonly isAdmin: boolean;
  readonly list: string;
}

function Sound({ artifact, isAdmin, list }: SoundProps) {
  const [asks, setAsks] = useState<'export' | 'delete'>();
  const { id, kind, durationMs, from, fromName, to, startedAt, mailbox, channels, callId, state } = artifact;
  const what = kind === 'voicemail' ? 'message' : 'recording';
  const trouble = stateOf(state, kind);
  const heard = () => void (kind === 'voicemail' && !artifact.isRead && api.markRead(id).catch(() => undefined));
  return (
    <>
      <div class="page-head">
        <h1>
          {kind === 'voicemail' ? 'Voicemail' : 'Recording'} of {callerLabel(artifact)}
        </h1>
        <StateBadge artifact={artifact} />
      </div>
      {trouble && (
        <p class={trouble.tone === 'bad' ? 'form-error' : 'note'} role="status">
          {trouble.sentence}
        </p>
      )}
      {state !== 'tampered' && (
        <Panel title="Listen">
          <Player
            {...{ id, durationMs, channels }}
            label={`the ${what} of ${callerLabel(artifact)}`}
            spans={spansOf(artifact)}
            onHeard={heard}
          />
          <div class="actions">
            {isAdmin && (
              <button type="button" class="quiet" onClick={() => setAsks('export')}>
                <Icon name="save" /> Save a copy
              </button>
            )}
            <button type="button" class="quiet danger" onClick={() => setAsks('delete')}>
              <Icon name="trash" /> Delete
            </button>
          </div>
        </Panel>
      )}
      <Panel title="About">
        <Facts
          facts={[
            ['From', [fromName, phoneNumber(from)].filter(Boolean).join(', ')],
            ['To', phoneNumber(to)],
            ['Began', momentText(startedAt)],
            ['Length', clockLength(durationMs)],
            [kind === 'voicemail' ? 'Mailbox' : 'Queue', mailbox],
            ['Channels', channels === 2 ? 'Both parties, one each' : 'One'],
            ['Call', <Link to={`/calls/${callId}`}>Show the call</Link>],
          ]}
        />
      </Panel>
      {asks === 'export' && <ConfirmExport id={id} what={what} done={() => setAsks(undefined)} />}
      {asks === 'delete' && (
        <Confirm
          title={`Delete this ${what}?`}
          yes="Delete"
          no="Keep it"
          isDanger
          act={() => api.remove(id).then(() => go(list))}
          done={() => setAsks(undefined)}
        >
          <p>It will be gone for everybody, for good. It cannot be brought back.</p>
        </Confirm>
      )}
    </>
  );
}

function ConfirmExport({ id, what, done }: { id: string; what: string; done: () => void }) {
  const act = async () => {
    const link = document.createElement('a');
    link.href = exportUrl(id);
    link.download = '';
    link.click();
  };
  return (
    <Confirm title={`Save a copy of this ${what}?`} yes="Save" act={act} done={done}>
      <p>
        The copy is not encrypted, and nothing here reaches it any more: no retention rule, no lock, no trail. That you
        took it is on record.
      </p>
    </Confirm>
  );
}
