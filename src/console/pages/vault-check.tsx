// The check of everything: begun here, seen while it runs, and what it found.
import { useState } from 'preact/hooks';
import type { CheckView, VaultView } from '../../api/schemas-vault.ts';
import { api, sentenceOf } from '../api.ts';
import { momentText, plural } from '../format.ts';
import { FormError } from '../parts/field.tsx';
import { Panel } from '../parts/panel.tsx';
import { WithLinks } from '../parts/with-links.tsx';

export function Check({ vault: { check, records }, changed }: { vault: VaultView; changed: () => void }) {
  const [error, setError] = useState('');
  const begin = async () => {
    try {
      await api.checkVault();
      setError('');
    } catch (thrown) {
      setError(sentenceOf(thrown));
    }
    changed();
  };
  const isRunning = check.state === 'running';
  const action = (
    <button type="button" onClick={() => void begin()} disabled={isRunning || records === 'locked'}>
      Check everything
    </button>
  );
  return (
    <Panel title="Check" action={action}>
      <p class="muted">
        The audit trail, every record and all audio are opened and compared. It also happens by itself every day; with
        much audio it takes hours, and calls come first.
      </p>
      {error !== '' && <FormError message={error} />}
      <div role="status">
        <CheckState check={check} />
      </div>
    </Panel>
  );
}

function CheckState({ check: { state, phase, done, all, at = 0, problems, reason } }: { check: CheckView }) {
  if (state === 'running')
    return (
      <label class="progress">
        {phase}
        <progress value={all === 0 ? undefined : done} max={Math.max(1, all)} />
      </label>
    );
  if (state === 'ended') return <p class="note">It ended before it was done: {reason}.</p>;
  if (state === 'none') return null;
  if (problems.length === 0) return <p class="note">All of it holds, {momentText(at)}.</p>;
  return (
    <div class="form-error">
      <strong>
        {plural(problems.length, 'finding')}, {momentText(at)}
      </strong>
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
