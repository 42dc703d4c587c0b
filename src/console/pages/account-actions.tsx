// What an administrator does with somebody's account: lock and unlock, a new link, end its sessions, remove it.
import { useState } from 'preact/hooks';
import type { AccountView } from '../../api/schemas-people.ts';
import { api } from '../api.ts';
import { Confirm } from '../parts/confirm.tsx';

interface ActionsProps {
  readonly account: AccountView;
  readonly isOwn: boolean;
  readonly changed: () => Promise<void>;
}

type Act = 'lock' | 'unlock' | 'link' | 'end' | 'remove';

export function AccountActions({ account, isOwn, changed }: ActionsProps) {
  const [asks, setAsks] = useState<Act>();
  const [token, setToken] = useState('');
  const { id, login, state, sessions } = account;
  const work: Readonly<Record<Act, () => Promise<unknown>>> = {
    lock: () => api.lockAccount(id, true),
    unlock: () => api.lockAccount(id, false),
    link: async () => setToken((await api.newLink(id)).token),
    end: () => api.endSessionsOf(id),
    remove: () => api.removeAccount(id),
  };
  const wording = asks && texts(login)[asks];
  return (
    <>
      <div class="actions spread-start">
        {state === 'locked' && <Ask act="unlock" label="Unlock" ask={setAsks} />}
        {state === 'active' && !isOwn && <Ask act="lock" label="Lock" ask={setAsks} />}
        {!isOwn && <Ask act="link" label="New link" ask={setAsks} />}
        {sessions > 0 && !isOwn && <Ask act="end" label="End sessions" ask={setAsks} />}
        <Ask act="remove" label="Remove" ask={setAsks} isDanger />
      </div>
      {token !== '' && <OneTimeLink token={token} />}
      {asks && wording && (
        <Confirm
          title={wording.title}
          yes={wording.yes}
          isDanger={asks !== 'unlock'}
          act={() => work[asks]().then(changed)}
          done={() => setAsks(undefined)}
        >
          <p>{wording.text}</p>
        </Confirm>
      )}
    </>
  );
}

interface AskProps {
  readonly act: Act;
  readonly label: string;
  readonly ask: (act: Act) => void;
  readonly isDanger?: boolean;
}

function Ask({ act, label, ask, isDanger }: AskProps) {
  return (
    <button type="button" class={isDanger ? 'quiet danger' : ''} onClick={() => ask(act)}>
      {label}
    </button>
  );
}

function texts(login: string): Readonly<Record<Act, { title: string; text: string; yes: string }>> {
  return {
    lock: {
      title: `Lock ${login}?`,
      text: 'They are logged out everywhere and cannot log in until an administrator unlocks the account.',
      yes: 'Lock',
    },
    unlock: { title: `Unlock ${login}?`, text: 'They can log in again; wrong guesses are forgotten.', yes: 'Unlock' },
    link: {
      title: `A new link for ${login}?`,
      text: 'Their password and authenticator app stop working now, and they are logged out. By the link they choose new ones.',
      yes: 'Make the link',
    },
    end: {
      title: `End the sessions of ${login}?`,
      text: 'They are logged out everywhere, and may log in again.',
      yes: 'End',
    },
    remove: {
      title: `Remove ${login}?`,
      text: 'The account is gone and its sessions end. What they did stays in the audit trail.',
      yes: 'Remove',
    },
  };
}

export function OneTimeLink({ token }: { token: string }) {
  return (
    <div class="note" role="status">
      <label>
        Give this link to that person alone; it is good once, for 24 hours:
        <input readOnly value={`${location.origin}/enrol#${token}`} onFocus={(event) => event.currentTarget.select()} />
      </label>
    </div>
  );
}
