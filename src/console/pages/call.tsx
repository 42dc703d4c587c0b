// One call: when, who, where it went, how it sounded, what was captured in it, and what people wrote about it.
import type { ArtifactView, CallView, UserView } from '../../api/schemas.ts';
import { api } from '../api.ts';
import { clockLength, directions, momentText, outcomeOf, phoneNumber } from '../format.ts';
import { Icon } from '../parts/icon.tsx';
import { Keeping } from '../parts/keeping.tsx';
import { Link } from '../parts/link.tsx';
import { Notes } from '../parts/notes.tsx';
import { Facts, Panel } from '../parts/panel.tsx';
import { Quality } from '../parts/quality.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { Failed, Loading } from '../parts/states.tsx';
import { useLoad } from '../parts/use-load.ts';

export function CallPage({ id, user }: { id: string; user: UserView }) {
  const { value, error, reload } = useLoad(id, () => api.call(id));
  const isAdmin = user.roles.includes('admin');
  return (
    <>
      <Link to="/calls" class="back">
        <Icon name="back" /> Calls
      </Link>
      {error && <Failed error={error} retry={() => void reload()} />}
      {!error && value === undefined && <Loading />}
      {value && (
        <>
          <CallFacts call={value.call} />
          <Captured artifacts={value.artifacts} />
          <Quality quality={value.call.quality} />
          <Notes subject={id} login={user.login} isAdmin={isAdmin} />
          <Keeping subject={id} keeping={value} isAdmin={isAdmin} changed={() => void reload()} />
        </>
      )}
    </>
  );
}

function CallFacts({ call }: { call: CallView }) {
  const outcome = outcomeOf(call);
  const { from, fromName, to, startedAt, answeredAt, endedAt, path, failure } = call;
  const steps = path.map(({ kind, name }) => `${kind.replaceAll('-', ' ')} ${name}`).join(' → ');
  const fault = failure && `${failure.fault}${failure.sipStatus === undefined ? '' : `, SIP ${failure.sipStatus}`}`;
  return (
    <>
      <div class="page-head">
        <h1>{directions[call.direction]}</h1>
        <span class={`badge ${outcome.tone}`}>{outcome.label}</span>
      </div>
      <Panel title="Call">
        <Facts
          facts={[
            ['From', [fromName, phoneNumber(from)].filter(Boolean).join(', ')],
            ['To', phoneNumber(to)],
            ['Began', momentText(startedAt)],
            ['Rang for', clockLength((answeredAt ?? endedAt) - startedAt)],
            ['Talked for', answeredAt === undefined ? undefined : clockLength(endedAt - answeredAt)],
            ['Went to', steps],
            ['Failed by', fault],
          ]}
        />
      </Panel>
    </>
  );
}

function Captured({ artifacts }: { artifacts: readonly ArtifactView[] }) {
  if (artifacts.length === 0) return null;
  return (
    <Panel title="Recorded">
      <ul class="plain">
        {artifacts.map((artifact) => (
          <li key={artifact.id}>
            <Link to={artifactPath(artifact)}>{artifact.kind === 'voicemail' ? 'Voicemail' : 'Recording'}</Link>,{' '}
            {clockLength(artifact.durationMs)} <StateBadge artifact={artifact} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

export function artifactPath({ id, kind }: Pick<ArtifactView, 'id' | 'kind'>): string {
  return `/${kind === 'voicemail' ? 'voicemail' : 'recordings'}/${id}`;
}
