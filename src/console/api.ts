// The console's only way to the appliance: typed requests, errors as one sentence, and when the session ends.
import type {
  ArtifactDetailsView,
  ArtifactsPage,
  AuditPage,
  AuditVerdict,
  CallDetailsView,
  CallsPage,
  EnrolmentView,
  ErrorView,
  NoteView,
  SearchView,
  SessionView,
} from '../api/schemas.ts';
import type { AccountsView, SessionsView } from '../api/schemas-people.ts';
import type { RulesView, VaultView } from '../api/schemas-vault.ts';

/** An answer that was an error; `message` is a sentence for the person. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(status: number, { code, message }: ErrorView) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

type Done = { ok: true };
/** What an account may do. */
export interface Rights {
  readonly name: string;
  readonly roles: readonly string[];
  readonly mailboxes: readonly string[];
}
type Query = Readonly<Record<string, string | undefined>>;

interface Ask {
  readonly body?: object;
  readonly query?: Query;
  /** Not an act of the person: the session's idle time goes on. */
  readonly isBackground?: boolean;
}

export interface ApiEvents {
  /** Milliseconds until the session ends, told by each answer. */
  sessionEndsIn(ms: number): void;
  /** An answer said that there is no session any more. */
  sessionEnded(): void;
}

const OFFLINE: ErrorView = {
  code: 'offline',
  message: 'The appliance does not answer. Check the network, then try again.',
};
const silent: ApiEvents = { sessionEndsIn: () => undefined, sessionEnded: () => undefined };

let events = silent;

export function listenToApi(listener: ApiEvents): void {
  events = listener;
}

async function request<Answer>(method: string, path: string, { body, query, isBackground }: Ask = {}): Promise<Answer> {
  const answer = await fetch(`/api${path}${queryText(query)}`, {
    method,
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(isBackground && { 'wardline-background': '1' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new ApiError(0, OFFLINE);
  });
  const endsIn = answer.headers.get('wardline-session-ends-in');
  if (endsIn !== null) events.sessionEndsIn(Number(endsIn));
  const content = await answer.json().catch(() => OFFLINE);
  if (answer.ok) return content;
  const error = new ApiError(answer.status, content);
  if (error.code === 'no-session') events.sessionEnded();
  throw error;
}

/** `?a=1&b=2` of what is set, or nothing. */
export function queryText(query: Query = {}): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== '') pairs.set(name, value);
  const text = pairs.toString();
  return text === '' ? '' : `?${text}`;
}

export const api = {
  session: (isBackground = false) => request<SessionView>('GET', '/session', { isBackground }),
  login: (body: { login: string; password: string; code: string }) => request<SessionView>('POST', '/login', { body }),
  logout: () => request<{ ok: true }>('POST', '/logout'),
  beginEnrolment: (token: string) => request<EnrolmentView>('POST', '/enrolment/begin', { body: { token } }),
  finishEnrolment: (body: { token: string; password: string; code: string }) =>
    request<SessionView>('POST', '/enrolment/finish', { body }),
  calls: (query: Query, isBackground = false) => request<CallsPage>('GET', '/calls', { query, isBackground }),
  voicemails: (query: Query, isBackground = false) =>
    request<ArtifactsPage>('GET', '/voicemails', { query, isBackground }),
  call: (id: string) => request<CallDetailsView>('GET', `/calls/${id}`),
  recordings: (query: Query, isBackground = false) =>
    request<ArtifactsPage>('GET', '/recordings', { query, isBackground }),
  search: (query: Query) => request<SearchView>('GET', '/search', { query }),
  artifact: (id: string) => request<ArtifactDetailsView>('GET', `/artifacts/${id}`),
  notes: (subject: string) => request<{ notes: NoteView[] }>('GET', `/notes/${subject}`),
  addNote: (subject: string, body: { kind: 'note' | 'tag'; text: string }) =>
    request<{ id: string }>('POST', `/notes/${subject}`, { body }),
  removeNote: (subject: string, note: string) => request<Done>('DELETE', `/notes/${subject}/${note}`),
  placeHold: (body: { subject: string; reason: string }) => request<{ id: string }>('POST', '/holds', { body }),
  releaseHold: (id: string) => request<Done>('DELETE', `/holds/${id}`),
  markRead: (id: string) => request<{ ok: true }>('POST', `/artifacts/${id}/read`),
  remove: (id: string) => request<{ ok: true }>('DELETE', `/artifacts/${id}`),
  audit: (query: Query) => request<AuditPage>('GET', '/audit', { query }),
  verifyAudit: () => request<AuditVerdict>('POST', '/audit/verify'),
  vault: (isBackground = false) => request<VaultView>('GET', '/vault', { isBackground }),
  lockVault: () => request<Done>('POST', '/vault/lock'),
  unlockVault: (body: { slot: string; secret: string }) => request<Done>('POST', '/vault/unlock', { body }),
  checkVault: () => request<Done>('POST', '/vault/check'),
  setRetention: (body: RulesView) => request<Done>('POST', '/vault/retention', { body }),
  accounts: () => request<AccountsView>('GET', '/users'),
  invite: (body: Rights & { login: string }) => request<{ token: string }>('POST', '/users', { body }),
  changeAccount: (id: string, body: Rights) => request<Done>('POST', `/users/${id}`, { body }),
  lockAccount: (id: string, isLocked: boolean) => request<Done>('POST', `/users/${id}/lock`, { body: { isLocked } }),
  newLink: (id: string) => request<{ token: string }>('POST', `/users/${id}/link`),
  endSessionsOf: (id: string) => request<{ ended: number }>('DELETE', `/users/${id}/sessions`),
  removeAccount: (id: string) => request<Done>('DELETE', `/users/${id}`),
  sessions: () => request<SessionsView>('GET', '/account/sessions'),
  endOtherSessions: () => request<{ ended: number }>('DELETE', '/account/sessions'),
  changePassword: (body: { password: string; code: string; newPassword: string }) =>
    request<Done>('POST', '/account/password', { body }),
};

/** What an error says to the person. */
export function sentenceOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : 'That did not work. Try again.';
}

/** A copy to be saved: out of the vault's reach, and on record. */
export function exportUrl(id: string): string {
  return `/api/artifacts/${id}/export`;
}

export function audioUrl(id: string): string {
  return `/api/artifacts/${id}/audio`;
}
