// Numbers, dates and times as lists of prompt names (`digits/3`), in the order in which they are played.
import { MONTHS, WEEKDAYS } from '../../kernel/calendar.ts';
import type { UtcMs } from '../../kernel/clock.ts';
import { localMoment } from './hours.ts';

const LARGEST = 999_999;
const DAY_MS = 86_400_000;

/** One by one, as extensions are said: `1001` is one, zero, zero, one. What is no digit is left out. */
export function sayDigits(digits: string): string[] {
  return [...digits].filter((digit) => /^[0-9]$/.test(digit)).map((digit) => `digits/${digit}`);
}

/** A quantity: `1250` is one, thousand, two, hundred, fifty. Below 0 is 0, above 999,999 is that. */
export function sayNumber(value: number): string[] {
  const whole = Number.isFinite(value) ? Math.min(LARGEST, Math.max(0, Math.floor(value))) : 0;
  if (whole < 21) return [`digits/${whole}`];
  if (whole < 100) return withRest([`digits/${whole - (whole % 10)}`], whole % 10);
  if (whole < 1000) return withRest([`digits/${Math.floor(whole / 100)}`, 'digits/hundred'], whole % 100);
  return withRest([...sayNumber(Math.floor(whole / 1000)), 'digits/thousand'], whole % 1000);
}

/** When something was, from where the clinic stands now: today at 3 15 pm; yesterday at 9 o'clock am; Monday, March 3rd, at noon's 12. */
export function sayWhen(then: UtcMs, timeZone: string, now: UtcMs): string[] {
  const { date, time } = localMoment(then, timeZone);
  return [...sayDate(date, localMoment(now, timeZone).date), 'time/at', ...sayTime(time)];
}

/** `HH:MM` on the 12-hour clock: 3 oh 5 pm, 12 o'clock am. */
export function sayTime(time: string): string[] {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  const half = hours % 24 < 12 ? 'time/am' : 'time/pm';
  return [`digits/${hours % 12 || 12}`, ...sayMinutes(minutes), half];
}

function sayMinutes(minutes: number): string[] {
  if (minutes === 0) return ['time/oclock'];
  return minutes < 10 ? ['time/oh', `digits/${minutes}`] : sayNumber(minutes);
}

/** Both are local dates, `YYYY-MM-DD`; days are counted on the calendar, for a day may have 23 hours. */
function sayDate(date: string, today: string): string[] {
  const day = Date.parse(`${date}T12:00:00Z`);
  const daysAgo = Math.round((Date.parse(`${today}T12:00:00Z`) - day) / DAY_MS);
  if (daysAgo === 0) return ['time/today'];
  if (daysAgo === 1) return ['time/yesterday'];
  const at = new Date(day);
  return [WEEKDAYS[at.getUTCDay()], MONTHS[at.getUTCMonth()], ordinal(at.getUTCDate())].map((name) => `time/${name}`);
}

/** `1st`, `2nd`, `11th`. */
function ordinal(day: number): string {
  const endings = ['th', 'st', 'nd', 'rd'];
  const isTeen = day > 10 && day < 14;
  return `${day}${isTeen ? 'th' : (endings[day % 10] ?? 'th')}`;
}

function withRest(head: readonly string[], rest: number): string[] {
  return rest === 0 ? [...head] : [...head, ...sayNumber(rest)];
}
