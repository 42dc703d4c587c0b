// The frame of the console: the login or enrolment page, or the menu with the page that is open.
import { useEffect } from 'preact/hooks';
import type { SessionView } from '../api/schemas.ts';
import { AuditPage } from './pages/audit.tsx';
import { CallsPage } from './pages/calls.tsx';
import { EnrolPage } from './pages/enrol.tsx';
import { LoginPage } from './pages/login.tsx';
import { VoicemailsPage } from './pages/voicemails.tsx';
import { Icon, Mark } from './parts/icon.tsx';
import { IdleNotice } from './parts/idle-notice.tsx';
import { Empty } from './parts/states.tsx';
import type { Page } from './store.ts';
import { go, logOut, page, pathOf, resume, session, unread } from './store.ts';

const menu: Readonly<Record<string, { label: string; icon: 'calls' | 'voicemail' | 'audit' }>> = {
  calls: { label: 'Calls', icon: 'calls' },
  voicemails: { label: 'Voicemail', icon: 'voicemail' },
  audit: { label: 'Audit trail', icon: 'audit' },
};

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
    document.title = `${menu[open ?? '']?.label ?? 'Wardline'} · ${clinicName}`;
  }, [open, clinicName]);
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
          <span class="person-name">{user.name}</span>
          <button type="button" class="quiet" onClick={logOut} aria-label="Log out">
            <Icon name="logout" /> <span class="wide-only">Log out</span>
          </button>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        {open === 'calls' && <CallsPage />}
        {open === 'voicemails' && <VoicemailsPage user={user} />}
        {open === 'audit' && <AuditPage />}
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

function MenuLink({ name, isOpen }: { name: string; isOpen: boolean }) {
  const item = menu[name];
  if (item === undefined) return null;
  const to = pathOf(name as Page);
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };
  const count = name === 'voicemails' ? unread.value : 0;
  return (
    <a href={to} onClick={follow} aria-current={isOpen ? 'page' : undefined}>
      <Icon name={item.icon} />
      <span>{item.label}</span>
      {count > 0 && (
        <span class="count" role="img" aria-label={`${count} unread`}>
          {count}
        </span>
      )}
    </a>
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
