// Enrolment by a one-time link, `/enrol#token`: the token stays in the fragment, which browsers send to nobody.
import { useEffect, useState } from 'preact/hooks';
import type { EnrolmentView } from '../../api/schemas.ts';
import { ApiError, api } from '../api.ts';
import { codeInput, Field, FormError } from '../parts/field.tsx';
import { Icon, Mark } from '../parts/icon.tsx';
import { Qr } from '../parts/qr.tsx';
import { Empty } from '../parts/states.tsx';
import { passwordRules } from '../password-rules.ts';
import { go, resume, welcome } from '../store.ts';

export function EnrolPage() {
  const [token] = useState(() => location.hash.slice(1));
  const [person, setPerson] = useState<EnrolmentView>();
  const [error, setError] = useState<Error>();

  useEffect(() => {
    document.title = 'Your account · Wardline';
    api.beginEnrolment(token).then(setPerson, setError);
  }, [token]);

  if (error) return <BadLink error={error} />;
  if (!person) return <div class="centre" aria-busy="true" />;
  return <EnrolForm token={token} person={person} />;
}

function EnrolForm({ token, person }: { token: string; person: EnrolmentView }) {
  const [password, setPassword] = useState('');
  const [isShown, setShown] = useState(false);
  const [code, setCode] = useState('');
  const [error, setError] = useState('');
  const [isBusy, setBusy] = useState(false);
  const rules = passwordRules(password, person);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const unmet = rules.find((rule) => !rule.isMet);
    if (unmet) {
      setError(`The password is not strong enough yet. It needs: ${unmet.text.toLowerCase()}.`);
      document.getElementById('password')?.focus();
      return;
    }
    setBusy(true);
    setError('');
    try {
      const view = await api.finishEnrolment({ token, password, code: code.replace(/\s/g, '') });
      history.replaceState(null, '', '/enrol');
      welcome(view);
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : 'That did not work. Try again.');
    } finally {
      setBusy(false);
    }
  };

  return (
    <main class="centre">
      <form class="card wide" onSubmit={submit}>
        <div class="card-head">
          <Mark />
          <div>
            <h1>Welcome, {person.name}</h1>
            <p class="muted">
              Your account at {person.clinicName}. Your login is <strong>{person.login}</strong>.
            </p>
          </div>
        </div>
        {/* Password managers file the new password under the login. */}
        <input
          class="hidden"
          type="text"
          autocomplete="username"
          value={person.login}
          readOnly
          tabIndex={-1}
          aria-hidden
        />
        <section class="step">
          <h2>
            <span class="step-number">1</span> Choose a password
          </h2>
          <Field
            id="password"
            label="Password"
            value={password}
            onValue={setPassword}
            input={isShown ? { type: 'text', ...newPassword } : { type: 'password', ...newPassword }}
            hint={<Rules rules={rules} />}
          />
          <label class="check">
            <input type="checkbox" checked={isShown} onChange={(event) => setShown(event.currentTarget.checked)} /> Show
            it
          </label>
        </section>
        <section class="step">
          <h2>
            <span class="step-number">2</span> Add it to your authenticator app
          </h2>
          <Secret person={person} />
        </section>
        <section class="step">
          <h2>
            <span class="step-number">3</span> Enter the code it shows
          </h2>
          <Field
            id="code"
            label="Code"
            value={code}
            onValue={setCode}
            hint="Six digits, new every 30 seconds."
            input={codeInput}
          />
        </section>
        {error !== '' && <FormError message={error} />}
        <button type="submit" class="primary big" disabled={isBusy}>
          {isBusy ? 'One moment…' : 'Finish and log in'}
        </button>
      </form>
    </main>
  );
}

const newPassword = { autocomplete: 'new-password', required: true, autofocus: true, spellcheck: false } as const;

export function Rules({ rules }: { rules: ReturnType<typeof passwordRules> }) {
  return (
    <ul class="rules">
      {rules.map(({ text, isMet }) => (
        <li key={text} class={isMet ? 'met' : ''}>
          <Icon name={isMet ? 'check' : 'dot'} /> {text}
          <span class="hidden">{isMet ? ' (met)' : ' (not met yet)'}</span>
        </li>
      ))}
      <li>
        <Icon name="dot" /> Not a common one: four unrelated words work well
      </li>
    </ul>
  );
}

function Secret({ person }: { person: EnrolmentView }) {
  const groups = person.totpSecret.match(/.{1,4}/g) ?? [];
  return (
    <div class="secret">
      <Qr text={person.totpUri} label="QR code for your authenticator app" />
      <div>
        <p>
          Scan it with any authenticator app on your phone: Google Authenticator, Microsoft Authenticator, 1Password,
          Aegis…
        </p>
        <p>
          Is the app on this device? <a href={person.totpUri}>Open it there</a>.
        </p>
        <p class="muted">No camera? Enter this key instead:</p>
        <p class="key">
          <code>
            {groups.map((group, index) => (
              <span key={`${index}${group}`}>{group} </span>
            ))}
          </code>
        </p>
      </div>
    </div>
  );
}

function BadLink({ error }: { error: Error }) {
  const isUsed = error instanceof ApiError && [400, 410].includes(error.status);
  const toLogin = () => {
    go('/');
    void resume();
  };
  return (
    <main class="centre">
      <Empty icon="warning" title={isUsed ? 'This link does not work any more' : 'That did not work'}>
        {isUsed
          ? 'It is good for one use within 24 hours. Ask an administrator for a new one. Already have an account? '
          : `${error.message} `}
        <button type="button" class="link" onClick={toLogin}>
          Go to the login page
        </button>
      </Empty>
    </main>
  );
}
