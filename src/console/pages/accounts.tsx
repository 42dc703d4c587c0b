// Accounts, for administrators: who may log in and as what; invited, changed, locked, given a new link, removed.
import { useState } from 'preact/hooks';
import type { AccountsView, AccountView } from '../../api/schemas-people.ts';
import { api, type Rights, sentenceOf } from '../api.ts';
import { plural } from '../format.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Field, FormError } from '../parts/field.tsx';
import { Panel } from '../parts/panel.tsx';
import { Failed, Loading } from '../parts/states.tsx';
import { useLoad } from '../parts/use-load.ts';
import { AccountActions, OneTimeLink } from './account-actions.tsx';
import { RightsFields } from './rights-fields.tsx';

const nobody: Rights = { name: '', roles: ['staff'], mailboxes: [] };
const STATES: Readonly<Record<AccountView['state'], [string, string]>> = {
  invited: ['Invited', 'quiet'],
  active: ['Active', 'good'],
  locked: ['Locked', 'bad'],
};

export function AccountsPage({ ownId }: { ownId: string }) {
  const { value, error, reload } = useLoad('accounts', api.accounts);
  const [isInviting, setInviting] = useState(false);
  const [openId, setOpenId] = useState('');
  return (
    <>
      <div class="page-head">
        <h1>Accounts</h1>
        <button type="button" class="primary" onClick={() => setInviting(!isInviting)} aria-expanded={isInviting}>
          Invite a person
        </button>
      </div>
      {isInviting && value && <Invite mailboxes={value.mailboxes} changed={reload} />}
      {error && <Failed error={error} retry={() => void reload()} />}
      {!error && value === undefined && <Loading />}
      {value && (
        <ul class="rows accounts">
          {value.accounts.map((account) => (
            <li key={account.id} class={`row ${account.id === openId ? 'open' : ''}`}>
              <button
                type="button"
                class="row-button"
                aria-expanded={account.id === openId}
                onClick={() => setOpenId(account.id === openId ? '' : account.id)}
              >
                <AccountSummary account={account} isOwn={account.id === ownId} />
              </button>
              {account.id === openId && (
                <Account account={account} isOwn={account.id === ownId} mailboxes={value.mailboxes} changed={reload} />
              )}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function AccountSummary({ account, isOwn }: { account: AccountView; isOwn: boolean }) {
  const { login, name, roles, state, sessions } = account;
  const [label, tone] = STATES[state];
  return (
    <>
      <span class="who">
        <span class="who-name">
          {name}
          {isOwn && <span class="muted"> (you)</span>}
        </span>
        <span class="who-detail">
          {login} · {roles.join(', ')}
        </span>
      </span>
      <span class={`badge ${tone}`}>{label}</span>
      <span class="when">{sessions > 0 ? plural(sessions, 'session') : ''}</span>
    </>
  );
}

interface AccountProps {
  readonly account: AccountView;
  readonly isOwn: boolean;
  readonly mailboxes: AccountsView['mailboxes'];
  readonly changed: () => Promise<void>;
}

function Account({ account, isOwn, mailboxes, changed }: AccountProps) {
  const [rights, setRights] = useState<Rights>(account);
  const [said, setSaid] = useState('');
  const [asks, setAsks] = useState(false);
  const save = async () => {
    const { name, roles, mailboxes: own } = rights;
    await api.changeAccount(account.id, { name, roles, mailboxes: own });
    setSaid('Saved; it holds from their next click on.');
    await changed();
  };
  return (
    <div class="account-body">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setAsks(true);
        }}
      >
        <RightsFields id={account.id} rights={rights} change={setRights} mailboxes={mailboxes} />
        <div class="actions">
          <button type="submit" class="primary">
            Save
          </button>
        </div>
      </form>
      <p role="status" class="muted">
        {said}
      </p>
      <AccountActions account={account} isOwn={isOwn} changed={changed} />
      {asks && (
        <Confirm title={`Change what ${account.login} may do?`} yes="Change" act={save} done={() => setAsks(false)}>
          <p>
            Roles: {rights.roles.join(', ') || 'none'}. Mailboxes: {rights.mailboxes.join(', ') || 'none'}.
          </p>
        </Confirm>
      )}
    </div>
  );
}

interface InviteProps {
  readonly mailboxes: AccountsView['mailboxes'];
  readonly changed: () => Promise<void>;
}

function Invite({ mailboxes, changed }: InviteProps) {
  const [login, setLogin] = useState('');
  const [rights, setRights] = useState(nobody);
  const [token, setToken] = useState('');
  const [error, setError] = useState('');
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      setToken((await api.invite({ login, ...rights })).token);
      setError('');
      setRights(nobody);
      setLogin('');
      await changed();
    } catch (thrown) {
      setError(sentenceOf(thrown));
    }
  };
  return (
    <Panel title="Invite a person">
      <form onSubmit={(event) => void submit(event)}>
        <Field
          id="invite-login"
          label="Login"
          value={login}
          onValue={setLogin}
          input={{ required: true, maxLength: 64, autocapitalize: 'none', autocomplete: 'off', spellcheck: false }}
        />
        <RightsFields id="invite" rights={rights} change={setRights} mailboxes={mailboxes} />
        {error !== '' && <FormError message={error} />}
        <div class="actions">
          <button type="submit" class="primary">
            Make the link
          </button>
        </div>
      </form>
      {token !== '' && <OneTimeLink token={token} />}
    </Panel>
  );
}
