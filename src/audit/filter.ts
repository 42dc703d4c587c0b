// Which entries of the trail a search is for: who, what, when, which artifact.
import type { Actor, SealedEntryContent } from './entry.ts';

/** What an entry must have; times are of when it was written, both ends included. */
export interface AuditFilter {
  /** Part of a login, a name, a phone's or an operating system's user. */
  readonly who?: string;
  readonly action?: string;
  readonly since?: number;
  readonly until?: number;
  /** An artifact, a call, an account. */
  readonly subject?: string;
  readonly outcome?: 'ok' | 'refused' | 'failed';
  readonly address?: string;
  /** Part of the detail. */
  readonly text?: string;
}

export function matches(entry: SealedEntryContent, filter: AuditFilter): boolean {
  const { who, action, since, until, subject, outcome, address, text } = filter;
  if (since !== undefined && entry.at < since) return false;
  if (until !== undefined && entry.at > until) return false;
  if (action !== undefined && entry.action !== action) return false;
  if (outcome !== undefined && entry.outcome !== outcome) return false;
  if (address !== undefined && entry.address !== address) return false;
  if (subject !== undefined && entry.subject !== subject && !isRow(entry, subject)) return false;
  if (who !== undefined && !holds(actorName(entry.actor), who)) return false;
  return text === undefined || holds(entry.detail ?? '', text);
}

/** The search in words, for its own entry in the trail. */
export function filterText(filter: AuditFilter): string {
  const parts = Object.entries(filter).filter(([, value]) => value !== undefined);
  return parts.map(([name, value]) => `${name} ${value}`).join(', ') || 'everything';
}

/** The actor as people know it. */
export function actorName(actor: Actor): string {
  switch (actor.kind) {
    case 'user':
      return actor.login;
    case 'service':
      return actor.name;
    case 'phone':
      return `phone ${actor.username}`;
    case 'caller':
      return `caller ${actor.callId}`;
    case 'local':
      return `local:${actor.user}`;
  }
}

function isRow({ rows }: SealedEntryContent, subject: string): boolean {
  return rows.some(({ row }) => row === subject);
}

function holds(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.toLowerCase());
}
