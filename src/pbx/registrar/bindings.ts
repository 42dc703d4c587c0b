// What a REGISTER does to an address-of-record's bindings: parsing and rules, no state (RFC 3261 §10.3).
import type { UtcMs } from '../../kernel/clock.ts';
import type { ContactBinding } from '../../model/binding.ts';
import { parseNameAddr, parseUri, splitList, uriEquals } from '../../protocol/sip/uri.ts';

export const MIN_EXPIRES_SECONDS = 60;
export const MAX_EXPIRES_SECONDS = 3_600;
/** A phone that changes its contact at each restart pushes out its own oldest binding. */
export const MAX_BINDINGS_PER_AOR = 8;
const MAX_CONTACTS = 10;
const MAX_CONTACT_CHARS = 512;

export interface RequestedContact {
  readonly uri: string;
  readonly instance: string;
  readonly q: number;
  readonly expiresSeconds: number | undefined;
}

export interface Registration {
  readonly username: string;
  readonly contacts: readonly RequestedContact[] | '*';
  readonly expiresSeconds: number | undefined;
  readonly callId: string;
  readonly cseq: number;
  readonly userAgent: string;
  readonly source: ContactBinding['source'];
}

export type RegistrationRefusal = 'too-brief' | 'malformed' | 'out-of-order';

export interface RegistrationEffect {
  readonly bindings: readonly ContactBinding[];
  /** New, or at another contact or source address than before: durable before the answer. */
  readonly stored: readonly ContactBinding[];
  readonly refreshed: readonly ContactBinding[];
  readonly removed: readonly { readonly binding: ContactBinding; readonly reason: 'unregistered' | 'replaced' }[];
}

/** The Contact header's values, or undefined when it cannot be used. Absent means a query. */
export function parseContacts(header: string | undefined): Registration['contacts'] | undefined {
  if (header === undefined) return [];
  if (header.trim() === '*') return '*';
  const items = splitList(header);
  const contacts = items.map(parseContact);
  if (items.length === 0 || items.length > MAX_CONTACTS) return undefined;
  const usable = contacts.filter((contact) => contact !== undefined);
  return usable.length === items.length ? usable : undefined;
}

function parseContact(text: string): RequestedContact | undefined {
  const address = text.length > MAX_CONTACT_CHARS ? undefined : parseNameAddr(text);
  if (address === undefined || address.uri.scheme === 'tel') return undefined;
  const expires = address.params.get('expires');
  const q = Number(address.params.get('q') ?? '1');
  return {
    uri: address.uriText,
    instance: address.params.get('+sip.instance') ?? '',
    q: q >= 0 && q <= 1 ? q : 1,
    expiresSeconds: expires === undefined ? undefined : parseExpires(expires),
  };
}

/** RFC 3261 §20.19; a malformed value counts as 3600. */
export function parseExpires(text: string): number {
  return /^\d{1,10}$/.test(text.trim()) ? Number(text) : MAX_EXPIRES_SECONDS;
}

/** What `request` changes in `current`, which holds live bindings alone. */
export function applyRegistration(
  current: readonly ContactBinding[],
  request: Registration,
  now: UtcMs,
): RegistrationEffect | { readonly refused: RegistrationRefusal } {
  // RFC 3261 §10.3 step 6 and 7: an older request of the same Call-ID changes nothing.
  const isLate = current.some((binding) => binding.callId === request.callId && request.cseq <= binding.cseq);
  if (request.contacts === '*') {
    if (request.expiresSeconds !== 0) return { refused: 'malformed' };
    if (isLate) return { refused: 'out-of-order' };
    return effectOf([], [], [], current, 'unregistered');
  }
  if (request.contacts.length === 0) return effectOf(current, [], [], [], 'unregistered');
  const granted = request.contacts.map((contact) => ({ contact, seconds: grantedSeconds(contact, request) }));
  if (granted.some(({ seconds }) => seconds > 0 && seconds < MIN_EXPIRES_SECONDS)) return { refused: 'too-brief' };
  if (isLate) return { refused: 'out-of-order' };
  return applyContacts(current, request, granted, now);
}

function grantedSeconds(contact: RequestedContact, request: Registration): number {
  const asked = contact.expiresSeconds ?? request.expiresSeconds ?? MAX_EXPIRES_SECONDS;
  return Math.min(asked, MAX_EXPIRES_SECONDS);
}

function applyContacts(
  current: readonly ContactBinding[],
  request: Registration,
  granted: readonly { readonly contact: RequestedContact; readonly seconds: number }[],
  now: UtcMs,
): RegistrationEffect {
  let bindings = [...current];
  const stored: ContactBinding[] = [];
  const refreshed: ContactBinding[] = [];
  const removed: RegistrationEffect['removed'][number][] = [];
  for (const { contact, seconds } of granted) {
    const old = bindings.find((binding) => isSameBinding(binding, contact));
    bindings = bindings.filter((binding) => binding !== old);
    if (seconds === 0) {
      if (old !== undefined) removed.push({ binding: old, reason: 'unregistered' });
      continue;
    }
    const binding = newBinding(request, contact, seconds, now);
    if (old !== undefined && old.contact !== binding.contact) removed.push({ binding: old, reason: 'replaced' });
    if (old !== undefined && isRefresh(old, binding)) refreshed.push(binding);
    else stored.push(binding);
    bindings.push(binding);
  }
  const surplus = bindings.splice(0, Math.max(0, bindings.length - MAX_BINDINGS_PER_AOR));
  for (const binding of surplus) removed.push({ binding, reason: 'replaced' });
  return { bindings, stored, refreshed, removed };
}

function newBinding(request: Registration, contact: RequestedContact, seconds: number, now: UtcMs): ContactBinding {
  return {
    username: request.username,
    contact: contact.uri,
    instance: contact.instance,
    callId: request.callId,
    cseq: request.cseq,
    registeredAt: now,
    expiresAt: (now + seconds * 1000) as UtcMs,
    q: contact.q,
    userAgent: request.userAgent,
    source: request.source,
  };
}

/** RFC 5626 §6: an instance is one phone, whatever its contact; without one the URIs decide (RFC 3261 §19.1.4). */
function isSameBinding(binding: ContactBinding, contact: RequestedContact): boolean {
  if (contact.instance !== '' && binding.instance !== '') return binding.instance === contact.instance;
  const [a, b] = [parseUri(binding.contact), parseUri(contact.uri)];
  return a !== undefined && b !== undefined && uriEquals(a, b);
}

/** Another source port alone is a new connection of the same phone. */
function isRefresh(old: ContactBinding, next: ContactBinding): boolean {
  return (
    old.contact === next.contact &&
    old.instance === next.instance &&
    old.source.host === next.source.host &&
    old.source.transport === next.source.transport
  );
}

function effectOf(
  bindings: readonly ContactBinding[],
  stored: readonly ContactBinding[],
  refreshed: readonly ContactBinding[],
  gone: readonly ContactBinding[],
  reason: 'unregistered',
): RegistrationEffect {
  return { bindings, stored, refreshed, removed: gone.map((binding) => ({ binding, reason })) };
}
