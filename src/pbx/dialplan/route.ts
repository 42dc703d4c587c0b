// The dial plan: what a dialled string means for who dialled it. Pure; emergency numbers come before everything else (47 CFR 9.16).
import type { UtcMs } from '../../kernel/clock.ts';
import type { Clinic, Did, E164, Extension, ExtensionNumber, Slug } from '../../model/clinic.ts';
import { nationalDigits, parseE164 } from '../../model/phone-number.ts';
import { ALWAYS_EMERGENCY } from '../../model/read-places.ts';
import { type Resolved, resolveDestination } from './resolve.ts';

export interface DialledCall {
  readonly from: { readonly phone: string } | { readonly trunk: Slug };
  /** The user part of the Request-URI, or `urn:service:sos`. */
  readonly dialled: string;
}

export type RoutingDecision =
  | {
      readonly kind: 'emergency';
      /** Tried in this order; empty when the clinic has none. */
      readonly trunks: readonly Slug[];
      /** What the carrier is asked for: `911`. */
      readonly send: string;
      readonly callbackNumber: E164;
      readonly notify: readonly ExtensionNumber[];
    }
  | { readonly kind: 'voicemail-check'; readonly extension: Extension }
  | ({ readonly kind: 'internal' } & Resolved)
  | ({ readonly kind: 'did'; readonly did: Did } & Resolved)
  | {
      readonly kind: 'external';
      readonly trunks: readonly Slug[];
      readonly number: E164;
      /** As the clinic's country writes it: without country code there, with `+` and country code abroad. */
      readonly national: string;
      /** The trunk's own when absent. */
      readonly callerId?: E164;
    }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'not-allowed'; readonly reason: 'unknown-phone' | 'unknown-trunk' | 'premium-rate' | 'no-trunk' };

const LONGEST_DIALLED = 64;
/** The digit that some desks dial before an outside number. */
const OUTSIDE_PREFIX = '9';
/** North American 900 numbers bill the caller. */
const PREMIUM = /^\+1900/;

export function route(call: DialledCall, clinic: Clinic, now: UtcMs): RoutingDecision {
  if ('trunk' in call.from) return routeFromTrunk(call.from.trunk, call.dialled, clinic, now);
  const dialled = withoutSeparators(call.dialled);
  const send = emergencyNumber(dialled, clinic);
  if (send !== undefined) return emergency(send, clinic);
  const { phone: username } = call.from;
  const phone = clinic.phones.find((candidate) => candidate.username === username);
  const extension = clinic.extensions.find(({ number }) => number === phone?.extension);
  if (extension === undefined) return { kind: 'not-allowed', reason: 'unknown-phone' };
  if (dialled === clinic.voicemailNumber) return { kind: 'voicemail-check', extension };
  return routeInside(dialled, clinic, now) ?? routeOutside(dialled, extension, clinic);
}

/** What to send to the carrier when `dialled` is an emergency number; 911 and 9911 are one whatever the clinic says. */
export function emergencyNumber(dialled: string, clinic: Pick<Clinic, 'emergency'>): string | undefined {
  const plain = withoutSeparators(dialled);
  if (/^urn:service:sos(?:\.|$)/i.test(plain)) return '911';
  const numbers: Readonly<Record<string, string>> = { ...clinic.emergency.numbers, ...ALWAYS_EMERGENCY };
  return Object.hasOwn(numbers, plain) ? numbers[plain] : undefined;
}

function emergency(send: string, clinic: Clinic): RoutingDecision {
  const { callbackNumber, notify } = clinic.emergency;
  return { kind: 'emergency', trunks: trunkOrder(clinic), send, callbackNumber, notify };
}

/** A carrier may reach the clinic's numbers and nothing else: never another carrier, never an emergency number. */
function routeFromTrunk(trunk: Slug, dialled: string, clinic: Clinic, now: UtcMs): RoutingDecision {
  if (!clinic.trunks.some(({ id }) => id === trunk)) return { kind: 'not-allowed', reason: 'unknown-trunk' };
  const number = parseE164(dialled, clinic.countryCode);
  const did = clinic.dids.find((candidate) => candidate.number === number);
  return did === undefined
    ? { kind: 'not-found' }
    : { kind: 'did', did, ...resolveDestination(did.destination, clinic, now) };
}

function routeInside(dialled: string, clinic: Clinic, now: UtcMs): RoutingDecision | undefined {
  const internal = (destination: Parameters<typeof resolveDestination>[0]): RoutingDecision => ({
    kind: 'internal',
    ...resolveDestination(destination, clinic, now),
  });
  if (dialled === '0') return internal({ to: 'operator' });
  const extension = clinic.extensions.find(({ number }) => number === dialled);
  if (extension !== undefined) return internal({ to: 'extension', number: extension.number });
  const group = clinic.huntGroups.find(({ number }) => number === dialled);
  if (group !== undefined) return internal({ to: 'hunt-group', id: group.id });
  const mailbox = clinic.mailboxes.find(({ number }) => number === dialled);
  return mailbox && internal({ to: 'mailbox', number: mailbox.number });
}

function routeOutside(dialled: string, extension: Extension, clinic: Clinic): RoutingDecision {
  const number = outsideNumber(dialled, clinic.countryCode);
  if (number === undefined) return { kind: 'not-found' };
  if (PREMIUM.test(number)) return { kind: 'not-allowed', reason: 'premium-rate' };
  const trunks = trunkOrder(clinic);
  if (trunks.length === 0) return { kind: 'not-allowed', reason: 'no-trunk' };
  const national = nationalDigits(number, clinic.countryCode);
  const { callerId } = extension;
  return { kind: 'external', trunks, number, national, ...(callerId === undefined ? {} : { callerId }) };
}

/** As dialled when that is a number, else without the outside prefix: 917-555-0123 is New York, 9-212-555-0123 an outside call. */
function outsideNumber(dialled: string, countryCode: string): E164 | undefined {
  const asDialled = parseE164(dialled, countryCode);
  if (asDialled !== undefined || !dialled.startsWith(OUTSIDE_PREFIX)) return asDialled;
  return parseE164(dialled.slice(OUTSIDE_PREFIX.length), countryCode);
}

/** In the clinic's order; the sample carrier only when there is no real one. */
function trunkOrder({ trunks }: Clinic): Slug[] {
  const real = trunks.filter(({ isSample }) => !isSample);
  return (real.length > 0 ? real : trunks).map(({ id }) => id);
}

/** RFC 3966 §5.1.1 visual separators mean nothing. */
function withoutSeparators(dialled: string): string {
  if (dialled.length > LONGEST_DIALLED) return '';
  return /^urn:/i.test(dialled) ? dialled : dialled.replaceAll(/[-.() ]/g, '');
}
