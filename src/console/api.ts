// The console's only way to the appliance: typed requests, errors as one sentence, and when the session ends.
import type {
  ArtifactsPage,
  ArtifactView,
  AuditPage,
  CallsPage,
  EnrolmentView,
  ErrorView,
  SessionView,
} from '../api/schemas.ts';

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
  artifact: (id: string) => request<ArtifactView>('GET', `/artifacts/${id}`),
  markRead: (id: string) => request<{ ok: true }>('POST', `/artifacts/${id}/read`),
  remove: (id: string) => request<{ ok: true }>('DELETE', `/artifacts/${id}`),
  audit: (query: Query) => request<AuditPage>('GET', '/audit', { query }),
};

export function audioUrl(id: string): string {
  return `/api/artifacts/${id}/audio`;
}
