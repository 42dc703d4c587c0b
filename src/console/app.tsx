// The frame of the console: the login or enrolment page, or the menu with the page that is open.
import { useEffect } from 'preact/hooks';
import type { SessionView, UserView } from '../api/schemas.ts';
import { AccountPage } from './pages/account.tsx';
import { AccountsPage } from './pages/accounts.tsx';
import { ArtifactPage } from './pages/artifact.tsx';
import { AuditPage } from './pages/audit.tsx';
import { CallPage } from './pages/call.tsx';
import { CallsPage } from './pages/calls.tsx';
import { EnrolPage } from './pages/enrol.tsx';
import { LoginPage } from './pages/login.tsx';
import { RecordingsPage } from './pages/recordings.tsx';
import { SearchPage } from './pages/search.tsx';
import { VaultPage } from './pages/vault.tsx';
import { VoicemailsPage } from './pages/voicemails.tsx';
import type { IconName } from './parts/icon.tsx';
import { Icon, Mark } from './parts/icon.tsx';
import { IdleNotice } from './parts/idle-notice.tsx';
import { Link } from './parts/link.tsx';
import { Empty } from './parts/states.tsx';
import type { Page } from './store.ts';
import { go, itemId, logOut, page, path, pathOf, resume, session, unread } from './store.ts';

const menu: Readonly<Partial<Record<string, { label: string; icon: IconName }>>> = {
  calls: { label: 'Calls', icon: 'calls' },
  voicemails: { label: 'Voicemail', icon: 'voicemail' },
  recordings: { label: 'Recordings', icon: 'recording' },
  accounts: { label: 'Accounts', icon: 'accounts' },
  vault: { label: 'Vault', icon: 'vault' },
  audit: { label: 'Audit trail', icon: 'audit' },
};
const titles: Readonly<Partial<Record<string, string>>> = { search: 'Search', account: 'Your account' };

export function App() {
  if (page.value === 'enrol') return <EnrolPage />;
  const current = session.value;
  if (current === 'loading') return <div class="centre" aria-busy="true" />;
  if (current === 'none') return <LoginPage />;
  if (current === 'unreachable') return <Unreachable />;
  return <Frame session={current} />;
}

function Frame({ session: { user, clinicName, pages } }: { session: SessionView }) {
  const open = page.value;
  useEffect(() => {
    const title = menu[open ?? '']?.label ?? titles[open ?? ''] ?? 'Wardline';
    document.title = `${title} · ${clinicName}`;
  }, [open, clinicName]);
  useEffect(() => {
    // The link that was followed went with its page: reading goes on where the new one begins.
    if (document.activeElement === document.body) document.getElementById('content')?.focus({ preventScroll: true });
  }, [path.value]);
  const maySearch = pages.includes('search');
  useEffect(() => {
    if (!maySearch) return;
    document.addEventListener('keydown', openSearch);
    return () => document.removeEventListener('keydown', openSearch);
  }, [maySearch]);
  return (
    <div class="frame">
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="top">
        <div class="brand">
          <Mark />
          <span class="clinic">{clinicName}</span>
        </div>
        <nav class="menu" aria-label="Pages">
          {pages.map((name) => (
            <MenuLink key={name} name={name} isOpen={name === open} />
          ))}
        </nav>
        <div class="person">
          {maySearch && (
            <Link to="/search" class="top-link" label="Search" isCurrent={open === 'search'}>
              <Icon name="search" /> <kbd class="bar-word">/</kbd>
            </Link>
          )}
          <Link to="/account" class="top-link" label={`Your account, ${user.name}`} isCurrent={open === 'account'}>
            <Icon name="person" /> <span class="person-name">{user.name}</span>
          </Link>
          <button type="button" class="quiet" onClick={logOut} aria-label="Log out">
            <Icon name="logout" /> <span class="bar-word">Log out</span>
          </button>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        <OpenPage name={open} id={itemId.value} user={user} />
        {open === undefined && (
          <Empty icon="calls" title="Nothing to see yet">
            Your account has no page yet. Ask an administrator to give it a role.
          </Empty>
        )}
      </main>
      <IdleNotice />
    </div>
  );
}

interface OpenPageProps {
  readonly name: Page | undefined;
  /** Of the call, message or recording that is open. */
  readonly id: string | undefined;
  readonly user: UserView;
}

function OpenPage({ name, id, user }: OpenPageProps) {
  switch (name) {
    case 'calls':
      return id === undefined ? <CallsPage /> : <CallPage id={id} user={user} />;
    case 'voicemails':
      return id === undefined ? <VoicemailsPage user={user} /> : <ArtifactPage id={id} user={user} list="/voicemail" />;
    case 'recordings':
      return id === undefined ? <RecordingsPage /> : <ArtifactPage id={id} user={user} list="/recordings" />;
    case 'search':
      return <SearchPage />;
    case 'accounts':
      return <AccountsPage ownId={user.id} />;
    case 'vault':
      return <VaultPage />;
    case 'audit':
      return <AuditPage />;
    case 'account':
      return <AccountPage user={user} />;
    default:
      return null;
  }
}

/** `/` goes to the search box from everywhere but a field. */
function openSearch(event: KeyboardEvent): void {
  const isTyping = event.target instanceof Element && event.target.closest('input, textarea, select, dialog') !== null;
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
  event.preventDefault();
  if (page.value !== 'search') go('/search');
  document.getElementById('search-box')?.focus();
}

function MenuLink({ name, isOpen }: { name: string; isOpen: boolean }) {
  const item = menu[name];
  if (item === undefined) return null;
  const count = name === 'voicemails' ? unread.value : 0;
  return (
    <Link to={pathOf(name as Page)} isCurrent={isOpen}>
      <Icon name={item.icon} />
      <span>{item.label}</span>
      {count > 0 && (
        <span class="count" role="img" aria-label={`${count} unread`}>
          {count}
        </span>
      )}
    </Link>
  );
}

function Unreachable() {
  return (
    <main class="centre">
      <Empty icon="warning" title="The appliance does not answer">
        Calls may well go on. Check this computer's network, then{' '}
        <button type="button" class="link" onClick={() => void resume()}>
          try again
        </button>
        .
      </Empty>
    </main>
  );
}
