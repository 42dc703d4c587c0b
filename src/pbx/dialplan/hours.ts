// Opening hours in the clinic's own zone: wall-clock comparisons, so that summer time and midnight come out as people mean them.
import type { UtcMs } from '../../kernel/clock.ts';
import type { LocalDate, LocalTime, Schedule, WeeklyHours } from '../../model/clinic.ts';

export interface LocalMoment {
  readonly date: LocalDate;
  readonly time: LocalTime;
  readonly weekday: WeeklyHours['weekday'];
}

/** From `from` on and until just before `until`; a closure shuts the whole local day. */
export function isOpen(schedule: Schedule, timeZone: string, now: UtcMs): boolean {
  const { date, time, weekday } = localMoment(now, timeZone);
  if (schedule.closures.some((closure) => closure.date === date)) return false;
  return schedule.open.some((hours) => hours.weekday === weekday && hours.from <= time && time < hours.until);
}

/** The date, time and weekday that the clinic's clock on the wall shows. */
export function localMoment(now: UtcMs, timeZone: string): LocalMoment {
  const parts = new Map(
    formatFor(timeZone)
      .formatToParts(now)
      .map(({ type, value }) => [type, value]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? '';
  const date = `${part('year')}-${part('month')}-${part('day')}`;
  // A date alone has a weekday of its own; noon keeps it clear of every zone.
  const weekday = new Date(`${date}T12:00:00Z`).getUTCDay() || 7;
  return {
    date: date as LocalDate,
    time: `${part('hour')}:${part('minute')}` as LocalTime,
    weekday: weekday as WeeklyHours['weekday'],
  };
}

/** Making one costs more than using it; a clinic has one zone. */
let last: { readonly timeZone: string; readonly format: Intl.DateTimeFormat } | undefined;

function formatFor(timeZone: string): Intl.DateTimeFormat {
  if (last?.timeZone !== timeZone) {
    const format = new Intl.DateTimeFormat('en-CA', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    });
    last = { timeZone, format };
  }
  return last.format;
}
