// The vault, for administrators: both halves, what is wrong with it, its slots, backups, drill, heads, the check of everything, retention, holds.
import { useEffect } from 'preact/hooks';
import type { VaultView } from '../../api/schemas-vault.ts';
import { api } from '../api.ts';
import { sizeText } from '../describe.ts';
import { clockLength, momentText, plural } from '../format.ts';
import { Facts, Panel } from '../parts/panel.tsx';
import { Failed, Loading } from '../parts/states.tsx';
import { useLoad } from '../parts/use-load.ts';
import { WithLinks } from '../parts/with-links.tsx';
import { Check } from './vault-check.tsx';
import { Halves } from './vault-halves.tsx';
import { Holds, Retention } from './vault-rules.tsx';

const LOOK_MS = 1_000;
const SLOTS: Readonly<Record<string, string>> = {
  recovery: 'Recovery code',
  passphrase: 'Passphrase',
  'key-file': 'Key file on this machine',
  'systemd-credential': 'Credential of this machine (systemd)',
};

export function VaultPage() {
  const { value, error, reload } = useLoad('vault', api.vault);
  const isRunning = value?.check.state === 'running';
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(() => void reload(true), LOOK_MS);
    return () => clearInterval(timer);
  }, [isRunning]);
  const changed = () => void reload();
  return (
    <>
      <div class="page-head">
        <h1>Vault</h1>
        <button type="button" onClick={changed}>
          Refresh
        </button>
      </div>
      {error && <Failed error={error} retry={changed} />}
      {!error && value === undefined && <Loading />}
      {value && (
        <>
          <Problems problems={value.problems} />
          <Halves vault={value} changed={changed} />
          <Check vault={value} changed={changed} />
          <Backups vault={value} />
          <Slots slots={value.slots} />
          <Retention vault={value} changed={changed} />
          <Holds holds={value.holds} changed={changed} />
        </>
      )}
    </>
  );
}

function Problems({ problems }: Pick<VaultView, 'problems'>) {
  if (problems.length === 0) return null;
  return (
    <div class="form-error" role="alert">
      <strong>{plural(problems.length, 'problem')}</strong>
      <ul class="problems">
        {problems.map((problem) => (
          <li key={problem}>
            <WithLinks text={problem} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Backups({ vault: { backups, disposalsWaiting, drill, lastHead } }: { vault: VaultView }) {
  return (
    <Panel title="Backups">
      {backups.length === 0 && (
        <p class="note">
          There is no backup yet. Make one on another disk: <code>wardline backup create /path</code>
        </p>
      )}
      <ul class="plain">
        {backups.map(({ id, path, lastAt, bytes, isThere, holdsDisposed }) => (
          <li key={id} class="spread">
            <span>
              <strong>{path}</strong>
              <span class="muted small">
                {' '}
                {lastAt === 0 ? 'never finished' : `${momentText(lastAt)}, ${sizeText(bytes)}`}
              </span>
            </span>
            {!isThere && <span class="badge bad">Not there</span>}
            {holdsDisposed > 0 && <span class="badge missed">{plural(holdsDisposed, 'disposal')} behind</span>}
          </li>
        ))}
      </ul>
      <Facts
        facts={[
          ['Not gone from every backup', disposalsWaiting === 0 ? undefined : plural(disposalsWaiting, 'disposal')],
          ['Last drill', <DrillText drill={drill} />],
          ['Last signed head', lastHead && `entry ${lastHead.sequence.toLocaleString()}, ${momentText(lastHead.at)}`],
        ]}
      />
    </Panel>
  );
}

function DrillText({ drill: { last, everyDays } }: { drill: VaultView['drill'] }) {
  const rhythm = everyDays === null ? 'held by command alone' : `held every ${plural(everyDays, 'day')}`;
  if (last === undefined) return <>None yet; {rhythm}</>;
  const { at, from, problems, calls, artifacts, tookMs, isLocked } = last;
  const opened = isLocked ? 'the settings alone' : `${plural(calls, 'call')} and ${plural(artifacts, 'recording')}`;
  return (
    <>
      {momentText(at)}, {from}:{' '}
      {problems.length > 0 ? (
        <strong class="bad">FAILED. {problems.join(' ')}</strong>
      ) : (
        `opened ${opened} in ${clockLength(tookMs)}`
      )}
      ; {rhythm}
    </>
  );
}

function Slots({ slots }: Pick<VaultView, 'slots'>) {
  return (
    <Panel title="Ways to open it">
      <ul class="plain">
        {slots.map(({ id, kind, opens }) => (
          <li key={id} class="spread">
            <span>{SLOTS[kind] ?? kind}</span>
            <span class="muted small">{opens === 'both' ? 'settings and records' : 'settings alone'}</span>
          </li>
        ))}
      </ul>
      <p class="muted small">
        They are changed at the machine: <code>wardline vault slot</code>
      </p>
    </Panel>
  );
}
