// A person's own account: where they are logged in, ending that elsewhere, and a new password.
import { useState } from 'preact/hooks';
import type { UserView } from '../../api/schemas.ts';
import { api, sentenceOf } from '../api.ts';
import { momentText, plural } from '../format.ts';
import { codeInput, Field, FormError } from '../parts/field.tsx';
import { Facts, Panel } from '../parts/panel.tsx';
import { Failed } from '../parts/states.tsx';
import { useLoad } from '../parts/use-load.ts';
import { passwordRules } from '../password-rules.ts';
import { Rules } from './enrol.tsx';

export function AccountPage({ user }: { user: UserView }) {
  return (
    <>
      <div class="page-head">
        <h1>Your account</h1>
      </div>
      <Panel title={user.name}>
        <Facts
          facts={[
            ['Login', user.login],
            ['Roles', user.roles.join(', ')],
            ['Mailboxes', user.mailboxes.join(', ') || 'none'],
          ]}
        />
      </Panel>
      <Sessions />
      <NewPassword user={user} />
    </>
  );
}

function Sessions() {
  const { value, error, reload } = useLoad('sessions', api.sessions);
  const [said, setSaid] = useState('');
  const sessions = value?.sessions ?? [];
  const endOthers = async () => {
    try {
      const { ended } = await api.endOtherSessions();
      setSaid(`${plural(ended, 'session')} ended.`);
      await reload();
    } catch (thrown) {
      setSaid(sentenceOf(thrown));
    }
  };
  const action = sessions.length > 1 && (
    <button type="button" onClick={() => void endOthers()}>
      End all but this one
    </button>
  );
  return (
    <Panel title="Where you are logged in" action={action}>
      {error && <Failed error={error} retry={() => void reload()} />}
      <ul class="plain">
        {sessions.map(({ startedAt, seenAt, address, isThis }) => (
          <li key={`${startedAt}${address}${isThis}`} class="spread">
            <span>
              {address === '' ? 'Somewhere' : address}
              <span class="muted small"> since {momentText(startedAt)}</span>
            </span>
            {isThis ? (
              <span class="badge good">This one</span>
            ) : (
              <span class="muted small">last seen {momentText(seenAt)}</span>
            )}
          </li>
        ))}
      </ul>
      <p role="status" class="muted">
        {said}
      </p>
    </Panel>
  );
}

function NewPassword({ user }: { user: UserView }) {
  const [password, setPassword] = useState('');
  const [newPassword, setNewPassword] = useState('');
  const [code, setCode] = useState('');
  const [error, setError] = useState('');
  const [isDone, setDone] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const rules = passwordRules(newPassword, user);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setError('');
    setDone(false);
    try {
      await api.changePassword({ password, newPassword, code: code.replace(/\s/g, '') });
      for (const clear of [setPassword, setNewPassword, setCode]) clear('');
      setDone(true);
    } catch (thrown) {
      setError(sentenceOf(thrown));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Panel title="New password">
      <form class="narrow" onSubmit={(event) => void submit(event)}>
        <Field
          id="old-password"
          label="Password of now"
          value={password}
          onValue={setPassword}
          input={{ type: 'password', autocomplete: 'current-password', required: true }}
        />
        <Field
          id="new-password"
          label="New password"
          value={newPassword}
          onValue={setNewPassword}
          input={{ type: 'password', autocomplete: 'new-password', required: true }}
          hint={<Rules rules={rules} />}
        />
        <Field
          id="password-code"
          label="Code"
          value={code}
          onValue={setCode}
          input={codeInput}
          hint="Six digits from your authenticator app, not the ones you logged in with."
        />
        {error !== '' && <FormError message={error} />}
        {isDone && (
          <p class="note" role="status">
            Your password is changed. You were logged out everywhere else.
          </p>
        )}
        <button type="submit" class="primary after" disabled={isBusy}>
          {isBusy ? 'One moment…' : 'Change password'}
        </button>
      </form>
    </Panel>
  );
}
