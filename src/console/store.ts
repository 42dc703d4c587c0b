// What the whole console knows: who is logged in, which page is open, how long the session lasts.
import { computed, signal } from '@preact/signals';
import type { SessionView } from '../api/schemas.ts';
import { ApiError, api, listenToApi } from './api.ts';
import { IdleWatch } from './idle.ts';

export type Page =
  | 'calls'
  | 'voicemails'
  | 'recordings'
  | 'search'
  | 'accounts'
  | 'vault'
  | 'audit'
  | 'account'
  | 'enrol';

const paths: Readonly<Record<string, Page>> = {
  '/calls': 'calls',
  '/voicemail': 'voicemails',
  '/recordings': 'recordings',
  '/search': 'search',
  '/accounts': 'accounts',
  '/vault': 'vault',
  '/audit': 'audit',
  '/account': 'account',
  '/enrol': 'enrol',
};

/** Behind a page's own address. */
const ITEM = /(?<=^\/(?:calls|voicemail|recordings))\/([a-z2-7]{26})$/;

/** `loading` until the appliance said whether there is a session. */
export const session = signal<SessionView | 'loading' | 'none' | 'unreachable'>('loading');
/** Why the login page is shown, when the person did not ask for it. */
export const farewell = signal('');
export const path = signal(location.pathname);
export const unread = signal(0);
/** Another one means that lists may have changed. */
export const revision = signal('');
/** Seconds until the session ends, once the notice is due. */
export const endingIn = signal<number | undefined>(undefined);

/** The page of the address; the first one that the person may open when it names none. */
export const page = computed<Page | undefined>(() => {
  const named = paths[path.value.replace(ITEM, '')];
  if (named === 'enrol') return named;
  if (typeof session.value === 'string') return undefined;
  if (named === 'account') return named; // everybody has one
  const { pages } = session.value;
  return named !== undefined && pages.includes(named) ? named : asPage(pages[0]);
});

/** The call, message or recording that the address names. */
export const itemId = computed(() => {
  const isOpen = paths[path.value.replace(ITEM, '')] === page.value;
  return isOpen ? ITEM.exec(path.value)?.[1] : undefined;
});

export function pathOf(wanted: Page): string {
  return Object.keys(paths).find((one) => paths[one] === wanted) ?? '/';
}

export function go(to: string): void {
  history.pushState(null, '', to);
  path.value = location.pathname;
  scrollTo(0, 0);
}

function asPage(name: string | undefined): Page | undefined {
  return Object.values(paths).find((one) => one === name);
}

const POLL_MS = 15_000;

const idle = new IdleWatch();

/** Asks the appliance whether there is a session, and begins to watch over it. */
export async function start(): Promise<void> {
  listenToApi({
    sessionEndsIn: (ms) => {
      idle.endsIn(ms, Date.now());
      tick();
    },
    sessionEnded: () => end('Your session has ended. Log in to go on.'),
  });
  addEventListener('popstate', () => {
    path.value = location.pathname;
  });
  for (const type of ['pointerdown', 'keydown', 'wheel', 'touchmove'])
    addEventListener(type, noteActivity, { passive: true });
  setInterval(tick, 1_000);
  setInterval(poll, POLL_MS);
  document.addEventListener('visibilitychange', () => void poll());
  if (path.value === '/enrol') session.value = 'none';
  else await resume();
}

/** Takes up the session behind the cookie, if there is one. */
export async function resume(): Promise<void> {
  try {
    welcome(await api.session());
  } catch (thrown) {
    farewell.value = '';
    session.value = thrown instanceof ApiError && thrown.status === 401 ? 'none' : 'unreachable';
  }
}

/** A person logged in, or finished enrolment. */
export function welcome(view: SessionView): void {
  farewell.value = '';
  idle.endsIn(view.endsInMs, Date.now());
  idle.activity(Date.now());
  learn(view);
  if (path.value === '/enrol') go('/');
}

function learn(view: SessionView): void {
  session.value = view;
  unread.value = view.unread;
  revision.value = view.revision;
}

/** Asks whether anything is new. It is not an act of the person: the session does not last longer by it. */
async function poll(): Promise<void> {
  if (document.hidden) return;
  if (session.value === 'unreachable') await resume();
  if (typeof session.value === 'string') return;
  await api.session(true).then(learn, () => undefined);
}

export function noteActivity(): void {
  if (idle.activity(Date.now())) void stay();
}

/** Renews the session. */
export async function stay(): Promise<void> {
  await api.session().then(learn, () => undefined);
}

export async function logOut(): Promise<void> {
  await api.logout().catch(() => undefined);
  end('You are logged out.');
}

function end(reason: string): void {
  if (session.value === 'none') return;
  const wasIn = typeof session.value === 'object';
  session.value = 'none';
  endingIn.value = undefined;
  farewell.value = wasIn ? reason : '';
}

function tick(): void {
  if (typeof session.value === 'string') return;
  const now = Date.now();
  const state = idle.state(now);
  endingIn.value = state === 'active' ? undefined : idle.secondsLeft(now);
  // The appliance ends the session by itself; this asks it, so that the page shows the truth.
  if (state === 'ended')
    void api.session(true).catch(() => end('You were logged out after 15 minutes without activity.'));
}
