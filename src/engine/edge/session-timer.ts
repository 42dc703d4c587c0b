// What messages say of session timers (RFC 4028): the interval, who refreshes, and what is refused.
import type { AppHeader } from '../../protocol/drachtio-wire/app-message.ts';
import type { SipHeaders, SipRequest } from '../../protocol/sip/message.ts';
import { splitList } from '../../protocol/sip/uri.ts';
import type { Dialog } from './dialog.ts';

/** RFC 4028 §5: the shortest interval that is taken, in seconds. */
export const MIN_SE_SECONDS = 90;
/** Further than this no timer reaches; a session that asks for more is refreshed this often all the same. */
const MAX_SE_SECONDS = 86_400;

export interface SessionExpires {
  readonly seconds: number;
  readonly refresher: 'uac' | 'uas' | undefined;
}

export function parseSessionExpires(text: string | undefined): SessionExpires | undefined {
  const match = /^\s*(\d{1,9})\s*(;.*)?$/s.exec(text ?? '');
  if (match === null) return undefined;
  const refresher = /;\s*refresher\s*=\s*(ua[cs])\s*(?:;|$)/i.exec(match[2] ?? '')?.[1]?.toLowerCase();
  const seconds = Math.min(Number(match[1]), MAX_SE_SECONDS);
  return { seconds, refresher: refresher === 'uac' || refresher === 'uas' ? refresher : undefined };
}

export function mayRefresh(method: string): boolean {
  return method === 'INVITE' || method === 'UPDATE';
}

/** RFC 4028 §9: such a request is refused 422. */
export function isIntervalTooSmall({ method, headers }: SipRequest): boolean {
  const asked = mayRefresh(method) ? parseSessionExpires(headers.get('session-expires')) : undefined;
  return asked !== undefined && asked.seconds < MIN_SE_SECONDS;
}

/**
 * What a 2xx of ours says of the session. `given` is the application's own Session-Expires, which wins; an offer that names
 * no refresher gets no timer, as with drachtio-server. Empty when there is nothing to say.
 */
export function sessionHeaders({ headers }: SipRequest, given: string | undefined, dialog?: Dialog): AppHeader[] {
  const own = parseSessionExpires(given);
  const offer = parseSessionExpires(headers.get('session-expires'));
  const chosen = own ?? (offer?.refresher === undefined ? keptOn(headers, offer, dialog) : offer);
  if (chosen === undefined) return [];
  const refresher = chosen.refresher ?? offer?.refresher ?? 'uas';
  const value = `${Math.max(chosen.seconds, MIN_SE_SECONDS)};refresher=${refresher}`;
  return [['Session-Expires', value]];
}

/** A re-INVITE or UPDATE that does not speak of the session's timer does not end it, unless the peer could not go on with it. */
function keptOn(headers: SipHeaders, offer: SessionExpires | undefined, dialog: Dialog | undefined) {
  const session = dialog?.session;
  if (session === undefined) return undefined;
  if (!session.isRefresher && offer === undefined && !supportsTimer(headers)) return undefined;
  return { seconds: offer?.seconds ?? session.seconds, refresher: session.isRefresher ? 'uas' : 'uac' } as const;
}

/** What an application's own re-INVITE or UPDATE says of a session that has a timer (RFC 4028 §7.4). */
export function refreshHeaders({ session }: Dialog): AppHeader[] {
  if (session === undefined) return [];
  return [['Session-Expires', `${session.seconds};refresher=${session.isRefresher ? 'uac' : 'uas'}`]];
}

function supportsTimer(headers: SipHeaders): boolean {
  return headers.all('supported').some((line) => splitList(line).some((option) => option.toLowerCase() === 'timer'));
}
