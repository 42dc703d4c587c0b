// The vault's two halves: the settings, open while the appliance runs, and the records, locked and unlocked here.
import { useState } from 'preact/hooks';
import type { VaultView } from '../../api/schemas-vault.ts';
import { api, sentenceOf } from '../api.ts';
import { dayText, plural } from '../format.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Field, FormError } from '../parts/field.tsx';
import { Facts, Panel } from '../parts/panel.tsx';

interface HalvesProps {
  readonly vault: VaultView;
  readonly changed: () => void;
}

export function Halves({ vault, changed }: HalvesProps) {
  const [asks, setAsks] = useState(false);
  const { records, counts, createdAt, formatVersion, auditSequence } = vault;
  const isOpen = records === 'unlocked';
  const lock = isOpen && (
    <button type="button" onClick={() => setAsks(true)}>
      Lock the records
    </button>
  );
  const close = () => {
    setAsks(false);
    changed();
  };
  return (
    <Panel title="State" action={lock}>
      <Facts
        facts={[
          ['Settings', <span class="badge good">Open</span>],
          ['Records', <span class={`badge ${isOpen ? 'good' : 'missed'}`}>{isOpen ? 'Open' : 'Locked'}</span>],
          [
            'Contents',
            [
              plural(counts.calls, 'call'),
              plural(counts.voicemails, 'message'),
              plural(counts.recordings, 'recording'),
            ].join(', '),
          ],
          ['Audit trail', plural(auditSequence, 'entry', 'entries')],
          ['Made', `${dayText(createdAt)}, format ${formatVersion}`],
        ]}
      />
      {!isOpen && <Unlock changed={changed} />}
      {asks && (
        <Confirm title="Lock the records?" yes="Lock" act={api.lockVault} done={close}>
          <p>
            Lists, search and playback answer “locked” to everybody until somebody unlocks them. Calls, recording and
            voicemail go on.
          </p>
        </Confirm>
      )}
    </Panel>
  );
}

function Unlock({ changed }: { changed: () => void }) {
  const [slot, setSlot] = useState('recovery');
  const [secret, setSecret] = useState('');
  const [error, setError] = useState('');
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setError('');
    try {
      await api.unlockVault({ slot, secret });
      changed();
    } catch (thrown) {
      setError(sentenceOf(thrown));
    } finally {
      setSecret('');
      setBusy(false);
    }
  };
  return (
    <form class="narrow" onSubmit={(event) => void submit(event)}>
      <div class="field">
        <label for="unlock-slot">Unlock the records with</label>
        <select id="unlock-slot" value={slot} onChange={(event) => setSlot(event.currentTarget.value)}>
          <option value="recovery">the recovery code</option>
          <option value="passphrase">a passphrase</option>
        </select>
      </div>
      <Field
        id="unlock-secret"
        label={slot === 'recovery' ? 'Recovery code' : 'Passphrase'}
        value={secret}
        onValue={setSecret}
        input={{ type: 'password', required: true, autocomplete: 'off', spellcheck: false, maxLength: 1_000 }}
      />
      {error !== '' && <FormError message={error} />}
      <button type="submit" class="primary after" disabled={isBusy}>
        {isBusy ? 'Unlocking…' : 'Unlock'}
      </button>
    </form>
  );
}
