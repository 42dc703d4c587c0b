// The login page: login, password and code in one form, and one sentence when they do not fit.
import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import { codeInput, Field, FormError } from '../parts/field.tsx';
import { Mark } from '../parts/icon.tsx';
import { farewell, welcome } from '../store.ts';

export function LoginPage() {
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [error, setError] = useState('');
  const [isBusy, setBusy] = useState(false);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setError('');
    try {
      welcome(await api.login({ login: login.trim(), password, code: code.replace(/\s/g, '') }));
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown.message : 'That did not work. Try again.');
      setCode('');
    } finally {
      setBusy(false);
    }
  };

  return (
    <main class="centre">
      <form class="card" onSubmit={submit}>
        <div class="card-head">
          <Mark />
          <h1>Log in</h1>
        </div>
        {farewell.value !== '' && error === '' && (
          <p class="note" role="status">
            {farewell.value}
          </p>
        )}
        {error !== '' && <FormError message={error} />}
        <Field
          id="login"
          label="Login"
          value={login}
          onValue={setLogin}
          input={{
            autocomplete: 'username',
            autocapitalize: 'none',
            spellcheck: false,
            required: true,
            autofocus: true,
          }}
        />
        <Field
          id="password"
          label="Password"
          value={password}
          onValue={setPassword}
          input={{ type: 'password', autocomplete: 'current-password', required: true }}
        />
        <Field
          id="code"
          label="Code"
          value={code}
          onValue={setCode}
          hint="Six digits from your authenticator app."
          input={codeInput}
        />
        <button type="submit" class="primary big" disabled={isBusy}>
          {isBusy ? 'Logging in…' : 'Log in'}
        </button>
      </form>
      <p class="under">Forgot your password or lost your phone? An administrator gives you a new link.</p>
    </main>
  );
}
