// How the console writes times, numbers, lengths and outcomes; pure, so that it is tested without a browser.
import type { CallView } from '../api/schemas.ts';

/** Where a time is shown; the browser's own when empty. */
export interface Place {
  readonly locale?: string;
  readonly timeZone?: string;
}

/** `3:07 PM` */
export function timeOfDay(at: number, { locale, timeZone }: Place = {}): string {
  return new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit', timeZone }).format(at);
}

/** `Nov 16, 2026` */
export function dayText(at: number, { locale, timeZone }: Place = {}): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone }).format(at);
}

/** `Nov 16, 2026, 3:07 PM` */
export function momentText(at: number, { locale, timeZone }: Place = {}): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone }).format(at);
}

/** `Today`, `Yesterday`, `Monday, November 16`, with the year when it is another. */
export function dayHeading(at: number, now: number, place: Place = {}): string {
  const day = dayOf(at, place);
  if (day === dayOf(now, place)) return 'Today';
  if (day === dayBefore(dayOf(now, place))) return 'Yesterday';
  const isThisYear = day.slice(0, 4) === dayOf(now, place).slice(0, 4);
  return new Intl.DateTimeFormat(place.locale, {
    weekday: 'long',
    month: 'long',
    day: 'numeric',
    ...(!isThisYear && { year: 'numeric' }),
    timeZone: place.timeZone,
  }).format(at);
}

/** `2026-11-16` in the place's zone; equal for all times of one day. */
export function dayOf(at: number, { timeZone }: Place = {}): string {
  return new Intl.DateTimeFormat('en-CA', { year: 'numeric', month: '2-digit', day: '2-digit', timeZone }).format(at);
}

/** The calendar's day before `2026-03-01`, whatever the clocks did. */
function dayBefore(day: string): string {
  return new Date(Date.parse(`${day}T00:00Z`) - 86_400_000).toISOString().slice(0, 10);
}

/** `0:07`, `12:30`, `1:02:05` */
export function clockLength(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const tail = String(seconds % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** The same length in words, for a screen reader: `2 minutes 5 seconds`. */
export function spokenLength(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const parts = [
    minutes > 0 && plural(minutes, 'minute'),
    (seconds % 60 > 0 || minutes === 0) && plural(seconds % 60, 'second'),
  ];
  return parts.filter(Boolean).join(' ');
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** `+12125550123` as `(212) 555-0123`; other countries keep their `+`; extensions stay. */
export function phoneNumber(number: string): string {
  const national = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  if (national) return `(${national[1]}) ${national[2]}-${national[3]}`;
  return number === '' ? 'Number withheld' : number;
}

/** Who it was: the name where one is known, else the number. */
export function callerLabel({ from, fromName }: { from: string; fromName: string }): string {
  return fromName === '' ? phoneNumber(from) : fromName;
}

/** The number as a person typed it, as the call list finds it: digits alone. */
export function searchNumber(typed: string): string {
  return typed.replace(/[^\d*#]/g, '');
}

/** What became of a call, in the words of the person at the desk, and how it is coloured. */
export function outcomeOf(call: Pick<CallView, 'outcome' | 'direction' | 'hasVoicemail'>): {
  readonly label: string;
  readonly tone: 'good' | 'missed' | 'quiet' | 'bad';
} {
  if (call.hasVoicemail) return { label: 'Voicemail', tone: 'missed' };
  switch (call.outcome) {
    case 'answered':
      return { label: 'Answered', tone: 'good' };
    case 'busy':
      return { label: 'Busy', tone: 'quiet' };
    case 'rejected':
      return { label: 'Declined', tone: 'quiet' };
    case 'failed':
      return { label: 'Failed', tone: 'bad' };
    case 'cancelled':
    case 'no-answer':
      return call.direction === 'inbound' ? { label: 'Missed', tone: 'missed' } : { label: 'No answer', tone: 'quiet' };
  }
}

export const directions: Readonly<Record<CallView['direction'], string>> = {
  inbound: 'Incoming call',
  outbound: 'Outgoing call',
  internal: 'Internal call',
  emergency: 'Emergency call',
};

const actionLabels: Readonly<Record<string, string>> = {
  'artifact-opened': 'Audio capture begun',
  'artifact-closed': 'Audio kept',
  'artifact-recovered': 'Audio recovered after an interruption',
  'artifact-read': 'Audio looked up',
  'artifact-played': 'Audio played',
  'artifact-played-to-phone': 'Audio played to a phone',
  'artifact-exported': 'Audio copied out of the vault',
  'artifact-marked': 'Audio marked',
  'artifact-disposed': 'Audio deleted for good',
  'audit-searched': 'Audit trail read',
};

/** `Calls listed` as the trail has it: `calls-listed`. */
export function actionOf(label: string): string {
  const known = Object.entries(actionLabels).find(([, words]) => words.toLowerCase() === label.trim().toLowerCase());
  return known?.[0] ?? label.trim().toLowerCase().replaceAll(' ', '-');
}

/** What an entry of the audit trail says was done: `voicemails-listed` as `Voicemails listed`. */
export function actionLabel(action: string): string {
  const words = action.replaceAll('-', ' ');
  return actionLabels[action] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** Splits rows, newest first, into days. */
export function byDay<Row extends { readonly startedAt: number }>(
  rows: readonly Row[],
  now: number,
  place: Place = {},
): { readonly heading: string; readonly rows: readonly Row[] }[] {
  const days = new Map<string, Row[]>();
  for (const row of rows) {
    const day = dayOf(row.startedAt, place);
    days.set(day, [...(days.get(day) ?? []), row]);
  }
  return [...days.values()].map((ofDay) => ({
    heading: dayHeading(ofDay[0]?.startedAt ?? now, now, place),
    rows: ofDay,
  }));
}
