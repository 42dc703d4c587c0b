// Dates and times of day as FreeSWITCH's English `say` puts them together: which parts are told, and in which order.
import type { Saying } from './english.ts';

export interface DateWords {
  readonly number: (value: number) => string[];
  readonly ordinal: (value: number) => string[];
  readonly year: (value: number) => string[];
}

interface LocalTime {
  readonly year: number;
  /** 0 to 11. */
  readonly month: number;
  readonly day: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  /** Days since 1970. */
  readonly dayNumber: number;
}

/** How far back a short date is told by its weekday alone. */
const WEEKDAY_DAYS = 5;

/** `text`: seconds since 1970, or a date such as `2026-03-05 14:30:00`; anything else is now. */
export function saidDate({ type, method, text, nowMs, timeZone }: Saying, words: DateWords): string[] {
  const at = localTime(momentOf(text, nowMs), timeZone);
  const isMilitary = method === 'iterated';
  if (type === 'CURRENT_TIME') return saidTime(at, isMilitary, words);
  const date =
    type === 'SHORT_DATE_TIME'
      ? shortDate(at, localTime(nowMs, timeZone), words)
      : [...monthAndDay(at, words), ...words.year(at.year)];
  return type === 'CURRENT_DATE' ? date : [...date, 'time/at', ...saidTime(at, isMilitary, words)];
}

function momentOf(text: string, nowMs: number): number {
  const written = /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2})?$/.test(text) ? Date.parse(text.replace(' ', 'T')) : 0;
  const seconds = /^\d{1,11}$/.test(text) ? Number(text) : 0;
  return written || seconds * 1000 || nowMs;
}

function monthAndDay({ weekday, month, day }: LocalTime, words: DateWords): string[] {
  return [`time/day-${weekday}`, `time/mon-${month}`, ...words.ordinal(day)];
}

function shortDate(at: LocalTime, now: LocalTime, words: DateWords): string[] {
  const daysAgo = now.dayNumber - at.dayNumber;
  if (daysAgo < 0 || at.year !== now.year) return [...monthAndDay(at, words), ...words.year(at.year)];
  if (daysAgo === 0) return ['time/today'];
  if (daysAgo === 1) return ['time/yesterday'];
  return daysAgo <= WEEKDAY_DAYS ? [`time/day-${at.weekday}`] : monthAndDay(at, words);
}

function saidTime({ hour, minute }: LocalTime, isMilitary: boolean, words: DateWords): string[] {
  if (isMilitary) return saidMilitary(hour === 0 && minute === 0 ? 24 : hour, minute, words);
  const minutes =
    minute === 0 ? ['time/oclock'] : minute > 9 ? words.number(minute) : ['time/oh', ...words.number(minute)];
  return [...words.number(hour % 12 || 12), ...minutes, hour < 12 ? 'time/a-m' : 'time/p-m'];
}

function saidMilitary(hour: number, minute: number, words: DateWords): string[] {
  const padded = (value: number) => (value < 10 ? [...words.number(0), ...words.number(value)] : words.number(value));
  return [...padded(hour), ...(minute === 0 ? ['digits/hundred'] : padded(minute)), 'time/hours'];
}

function localTime(ms: number, timeZone: string | undefined): LocalTime {
  const parts = Object.fromEntries(
    formatter(timeZone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0 } = parts;
  const midnight = Date.UTC(year, month - 1, day);
  return {
    year,
    month: month - 1,
    day,
    weekday: new Date(midnight).getUTCDay(),
    hour,
    minute,
    dayNumber: Math.round(midnight / 86_400_000),
  };
}

/** A zone that does not exist is the server's own. */
function formatter(timeZone: string | undefined): Intl.DateTimeFormat {
  const format = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
  const options = { ...format, hourCycle: 'h23', calendar: 'gregory', numberingSystem: 'latn' } as const;
  try {
    return new Intl.DateTimeFormat('en-US', timeZone === undefined ? options : { ...options, timeZone });
  } catch {
    return new Intl.DateTimeFormat('en-US', options);
  }
}
