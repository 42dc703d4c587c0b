// Who may do what: one table of every route, and what staff may hear. A route that is not in the table does not start.
import type { ArtifactSummary, Role, UserAccount } from '../vault/shapes.ts';

/** `open` needs no session; `person` any session; a list names the roles of which one is needed. */
export type Access = 'open' | 'person' | readonly Role[];

export const access: Readonly<Record<string, Access>> = {
  'GET /api/health': 'open',
  'POST /api/login': 'open',
  'POST /api/enrolment/begin': 'open',
  'POST /api/enrolment/finish': 'open',
  'POST /api/logout': 'person',
  'GET /api/session': 'person',
  'GET /api/account/sessions': 'person',
  'DELETE /api/account/sessions': 'person',
  'POST /api/account/password': 'person',
  'GET /api/calls': ['admin', 'staff'],
  'GET /api/calls/:id': ['admin', 'staff'],
  'GET /api/voicemails': ['admin', 'staff'],
  'GET /api/recordings': ['admin'],
  'GET /api/search': ['admin', 'staff'],
  'GET /api/notes/:subject': ['admin', 'staff'],
  'POST /api/notes/:subject': ['admin', 'staff'],
  'DELETE /api/notes/:subject/:note': ['admin', 'staff'],
  'GET /api/artifacts/:id': ['admin', 'staff'],
  'GET /api/artifacts/:id/audio': ['admin', 'staff'],
  // A copy that leaves the vault is out of its reach.
  'GET /api/artifacts/:id/export': ['admin'],
  'POST /api/artifacts/:id/read': ['admin', 'staff'],
  'DELETE /api/artifacts/:id': ['admin', 'staff'],
  'POST /api/holds': ['admin'],
  'DELETE /api/holds/:id': ['admin'],
  'GET /api/users': ['admin'],
  'POST /api/users': ['admin'],
  'POST /api/users/:id': ['admin'],
  'POST /api/users/:id/lock': ['admin'],
  'POST /api/users/:id/link': ['admin'],
  'DELETE /api/users/:id/sessions': ['admin'],
  'DELETE /api/users/:id': ['admin'],
  'GET /api/vault': ['admin'],
  'POST /api/vault/lock': ['admin'],
  'POST /api/vault/unlock': ['admin'],
  'POST /api/vault/check': ['admin'],
  'POST /api/vault/retention': ['admin'],
  // An auditor sees who did what, and no call or message: the minimum that the work needs (45 CFR 164.502(b)).
  'GET /api/audit': ['admin', 'auditor'],
  'GET /api/audit/export': ['admin', 'auditor'],
  'POST /api/audit/verify': ['admin', 'auditor'],
};

export function isAllowed(rule: Access, user: UserAccount): boolean {
  return rule === 'open' || rule === 'person' || rule.some((role) => user.roles.includes(role));
}

/** Admins hear everything; staff hear the voicemail of their own mailboxes and nothing else. */
export function mayHear(user: UserAccount, artifact: Pick<ArtifactSummary, 'kind' | 'mailbox'>): boolean {
  if (user.roles.includes('admin')) return true;
  return user.roles.includes('staff') && artifact.kind === 'voicemail' && user.mailboxes.includes(artifact.mailbox);
}

/** The console's pages that `user` may open, in the order of its menu. */
export function pagesOf(user: UserAccount): string[] {
  const pages = {
    calls: 'GET /api/calls',
    voicemails: 'GET /api/voicemails',
    recordings: 'GET /api/recordings',
    search: 'GET /api/search',
    accounts: 'GET /api/users',
    vault: 'GET /api/vault',
    audit: 'GET /api/audit',
  };
  return Object.entries(pages)
    .filter(([, route]) => isAllowed(access[route] ?? [], user))
    .map(([page]) => page);
}
