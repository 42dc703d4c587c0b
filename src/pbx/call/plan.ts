// What a dialled string means for a phone and for a carrier, in call control's words.
import type { Clinic, Destination, Did, E164 } from '../../model/clinic.ts';
import { parseE164 } from '../../model/phone-number.ts';
import type { Refusal } from '../leg/faults.ts';

export type PhonePlan =
  | { readonly kind: 'emergency'; readonly number: string }
  | { readonly kind: 'outbound'; readonly number: E164 }
  | { readonly kind: 'own-mailbox' }
  | { readonly kind: 'destination'; readonly destination: Destination }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Emergency numbers are looked at before anything else. */
export function planForPhone(dialled: string, clinic: Clinic): PhonePlan {
  const emergency = Object.hasOwn(clinic.emergency.numbers, dialled) ? clinic.emergency.numbers[dialled] : undefined;
  if (emergency !== undefined) return { kind: 'emergency', number: emergency };
  if (dialled === clinic.voicemailNumber) return { kind: 'own-mailbox' };
  const extension = clinic.extensions.find(({ number }) => number === dialled);
  if (extension !== undefined) {
    return { kind: 'destination', destination: { to: 'extension', number: extension.number } };
  }
  const group = clinic.huntGroups.find(({ number }) => number === dialled);
  if (group !== undefined) return { kind: 'destination', destination: { to: 'hunt-group', id: group.id } };
  const number = parseE164(dialled.replace(/^9(?=\d{10,})/, ''), clinic.countryCode);
  return number === undefined ? { kind: 'refused', refusal: 'not-found' } : { kind: 'outbound', number };
}

export function planForCarrier(dialled: string, clinic: Clinic): Did | undefined {
  const number = parseE164(dialled, clinic.countryCode);
  return clinic.dids.find((did) => did.number === number);
}

export function isOpen(clinic: Clinic, schedule: string, now: number): boolean {
  const found = clinic.schedules.find(({ id }) => id === schedule);
  if (found === undefined) return false;
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: clinic.timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  }).formatToParts(now);
  const part = (type: string) => parts.find((candidate) => candidate.type === type)?.value ?? '';
  const date = `${part('year')}-${part('month')}-${part('day')}`;
  const time = `${part('hour')}:${part('minute')}`;
  if (found.closures.some((closure) => closure.date === date)) return false;
  const weekday = new Date(`${date}T12:00:00Z`).getUTCDay() || 7;
  return found.open.some((hours) => hours.weekday === weekday && hours.from <= time && time < hours.until);
}
