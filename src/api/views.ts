// From the vault's words to the interface's: what a page of the console needs of a call, an artifact, an entry, a session.
import type { Actor, SealedEntryContent } from '../audit/entry.ts';
import type { Cdr } from '../model/cdr.ts';
import type { Vault } from '../vault/contract.ts';
import type { ArtifactSummary, Keeping, Page, PageRequest, SessionInfo, UserAccount } from '../vault/shapes.ts';
import type { ApiContext } from './context.ts';
import { pagesOf } from './permissions.ts';
import type { ArtifactView, AuditView, CallView, SessionView } from './schemas.ts';

export function pageRequest({ limit, after }: { limit: number; after?: string }): PageRequest {
  return { limit, ...(after !== undefined && { after }) };
}

export function callView(cdr: Cdr): CallView {
  const { callId, direction, from, fromName, to, startedAt, endedAt, answeredAt, outcome, steps, quality } = cdr;
  return {
    callId,
    direction,
    from,
    fromName,
    to,
    startedAt,
    endedAt,
    ...(answeredAt !== undefined && { answeredAt }),
    outcome: outcome.ended === 'unanswered' ? outcome.reason : outcome.ended,
    path: steps.map(({ kind, name }) => ({ kind, name })),
    ...(outcome.ended === 'failed' && { failure: failureView(outcome) }),
    hasVoicemail: cdr.artifacts.length > 0 && steps.some((step) => step.kind === 'mailbox'),
    ...(quality !== undefined && { quality: [...quality] }),
  };
}

export function artifactView(artifact: ArtifactSummary): ArtifactView {
  const { id, callId, kind, channels, mailbox, from, fromName, to, startedAt, durationMs, isRead, state } = artifact;
  const shape = { id, callId, kind, channels, mailbox, durationMs: Math.round(durationMs) };
  return { ...shape, from, fromName, to, startedAt, isRead, state };
}

function failureView({ fault, sipStatus }: { fault: string; sipStatus?: number }) {
  return { fault, ...(sipStatus !== undefined && { sipStatus }) };
}

/** A page of the vault's in the interface's words; what does not open is named. */
export function pageView<Row, View>({ rows, next, damaged = [] }: Page<Row>, view: (row: Row) => View) {
  return {
    rows: rows.map(view),
    ...(next !== undefined && { next }),
    ...(damaged.length > 0 && { damaged: [...damaged] }),
  };
}

/** Why something is held is for administrators. */
export function keepingView({ keptUntil, holds }: Keeping, user: UserAccount) {
  const told = user.roles.includes('admin') ? holds : [];
  return {
    ...(keptUntil !== undefined && { keptUntil }),
    isHeld: holds.length > 0,
    holds: told.map(({ id, reason, placedAt }) => ({ id, reason, placedAt })),
  };
}

/** The mailboxes whose messages alone somebody may know of; all when empty. */
export function scopeOf(user: UserAccount): { readonly within?: readonly string[] } {
  return user.roles.includes('admin') ? {} : { within: user.mailboxes };
}

export function auditView(entry: SealedEntryContent): AuditView {
  const { sequence, at, action, actor, address, outcome, subject = '', detail = '' } = entry;
  return { sequence, at, action, who: nameOf(actor), address, outcome, subject, detail };
}

function nameOf(actor: Actor): string {
  switch (actor.kind) {
    case 'user':
      return actor.login;
    case 'service':
      return actor.name;
    case 'phone':
      return `phone ${actor.username}`;
    case 'caller':
      return 'caller';
    case 'local':
      return `local:${actor.user}`;
  }
}

export async function sessionView(
  { user, expiresAt }: SessionInfo,
  { vault, clock }: ApiContext,
): Promise<SessionView> {
  const { id, login, name, roles } = user;
  const [{ clinic }, { counts }] = await Promise.all([vault.ask('clinic.get', {}), vault.ask('status', {})]);
  const all = clinic.mailboxes.map((mailbox): string => mailbox.number);
  const mailboxes = roles.includes('admin') ? [...new Set([...all, ...user.mailboxes])] : [...user.mailboxes];
  const pages = pagesOf(user);
  const unread = pages.includes('voicemails') ? await countUnread(vault, mailboxes) : 0;
  return {
    user: { id, login, name, roles: [...roles], mailboxes },
    clinicName: clinic.name,
    pages,
    unread,
    revision: `${counts.calls}.${counts.voicemails}`,
    endsInMs: Math.max(0, expiresAt - clock.now()),
  };
}

/** Needs neither the records half nor an entry: counts are what a phone's lamp shows to everybody. */
async function countUnread(vault: Vault, mailboxes: readonly string[]): Promise<number> {
  const counts = await Promise.all(mailboxes.map((mailbox) => vault.ask('mailbox.counts', { mailbox })));
  return counts.reduce((sum, { unread }) => sum + unread, 0);
}

export async function clinicName(vault: Vault): Promise<string> {
  return (await vault.ask('clinic.get', {})).clinic.name;
}
