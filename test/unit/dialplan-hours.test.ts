// Opening hours on the clock on the wall: around summer time, at midnight, on closed days; and times as they are said.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DateTime } from 'luxon';
import t from 'tap';
import type { UtcMs } from '../../src/kernel/clock.ts';
import type { LocalDate, LocalTime, Schedule, Slug } from '../../src/model/clinic.ts';
import { isOpen, localMoment } from '../../src/pbx/dialplan/hours.ts';
import { sayDigits, sayNumber, sayTime, sayWhen } from '../../src/pbx/dialplan/say.ts';
import { seeded } from '../support/seeded.ts';

const NEW_YORK = 'America/New_York';
const at = (iso: string) => Date.parse(iso) as UtcMs;
const schedule = (hours: Record<number, string[]>, closures: string[] = []): Schedule => ({
  id: 'office' as Slug,
  name: 'Office',
  open: Object.entries(hours).flatMap(([weekday, ranges]) =>
    ranges.map((range) => {
      const [from, until] = range.split('-') as [LocalTime, LocalTime];
      return { weekday: Number(weekday) as 1, from, until };
    }),
  ),
  closures: closures.map((date) => ({ date: date as LocalDate, name: 'Closed' })),
});

t.test('open from the first minute on and until just before the last', async (t) => {
  const office = schedule({ 1: ['08:00-12:00', '13:00-17:00'] });
  const monday = (time: string) => isOpen(office, NEW_YORK, at(`2026-01-05T${time}-05:00`));
  t.same(['07:59:59', '08:00:00', '11:59:59', '12:00:00', '12:59:59', '13:00:00', '16:59:59', '17:00:00'].map(monday), [
    false,
    true,
    true,
    false,
    false,
    true,
    true,
    false,
  ]);
  t.notOk(isOpen(office, NEW_YORK, at('2026-01-06T10:00:00-05:00')), 'Tuesday is not Monday');
});

t.test('eight in the morning stays eight when the clocks change', async (t) => {
  const office = schedule({ 5: ['08:00-17:00'], 1: ['08:00-17:00'] });
  t.same(
    ['12:59', '13:00'].map((time) => isOpen(office, NEW_YORK, at(`2026-03-06T${time}:00Z`))),
    [false, true],
    'the Friday before',
  );
  t.same(
    ['11:59', '12:00'].map((time) => isOpen(office, NEW_YORK, at(`2026-03-09T${time}:00Z`))),
    [false, true],
    'the Monday after',
  );
});

t.test('the hour that is skipped never comes, and the hour that comes twice is open twice', async (t) => {
  const night = schedule({ 7: ['01:00-02:30'] });
  t.same(
    ['05:59', '06:00', '06:59', '07:00'].map((time) => isOpen(night, NEW_YORK, at(`2026-03-08T${time}:00Z`))),
    [false, true, true, false],
    'spring: 01:59 is followed by 03:00',
  );
  t.same(
    ['04:59', '05:30', '06:30', '07:29', '07:30'].map((time) => isOpen(night, NEW_YORK, at(`2026-11-01T${time}:00Z`))),
    [false, true, true, true, false],
    'autumn: 01:30 comes twice',
  );
});

t.test('24:00 is the end of the day, and 00:00 the beginning of the next', async (t) => {
  const late = schedule({ 5: ['20:00-24:00'], 6: ['00:00-02:00'] });
  const probes = [
    '2026-01-09T23:59:59-05:00',
    '2026-01-10T00:00:00-05:00',
    '2026-01-10T01:59:59-05:00',
    '2026-01-10T02:00:00-05:00',
    '2026-01-11T00:00:00-05:00',
  ];
  t.same(
    probes.map((probe) => isOpen(late, NEW_YORK, at(probe))),
    [true, true, true, false, false],
  );
});

t.test('a closure shuts its local day, and no minute of its neighbours', async (t) => {
  const always = schedule(Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((day) => [day, ['00:00-24:00']])), [
    '2026-12-25',
  ]);
  const probes = [
    '2026-12-24T23:59:59-05:00',
    '2026-12-25T00:00:00-05:00',
    '2026-12-25T23:59:59-05:00',
    '2026-12-26T00:00:00-05:00',
  ];
  t.same(
    probes.map((probe) => isOpen(always, NEW_YORK, at(probe))),
    [true, false, false, true],
  );
});

t.test('at any moment in any zone the wall clock is what luxon says it is', async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  const zones = [
    NEW_YORK,
    'America/Phoenix',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Pacific/Apia',
    'Europe/Dublin',
    'America/St_Johns',
    'UTC',
  ];
  for (let i = 0; i < 2_000; i++) {
    const timeZone = zones[random.below(zones.length)]!;
    const now = (random.below(2 ** 31) * 1000 + random.below(1000)) as UtcMs;
    const moment = DateTime.fromMillis(now, { zone: timeZone });
    const expected = { date: moment.toFormat('yyyy-MM-dd'), time: moment.toFormat('HH:mm'), weekday: moment.weekday };
    const seen = localMoment(now, timeZone);
    if (seen.date !== expected.date || seen.time !== expected.time || seen.weekday !== expected.weekday)
      t.same(seen, expected, `${timeZone} ${now}`);
  }
  t.pass('2000 moments');
});

t.test('numbers are said as people say them', async (t) => {
  const said = (value: number) =>
    sayNumber(value)
      .map((name) => name.replace('digits/', ''))
      .join(' ');
  t.equal(said(0), '0');
  t.equal(said(20), '20');
  t.equal(said(21), '20 1');
  t.equal(said(100), '1 hundred');
  t.equal(said(342), '3 hundred 40 2');
  t.equal(said(1_250), '1 thousand 2 hundred 50');
  t.equal(said(999_999_999), '9 hundred 90 9 thousand 9 hundred 90 9');
  t.equal(said(-1), '0');
  t.equal(said(Number.NaN), '0');
  t.same(sayDigits('10-02x'), ['digits/1', 'digits/0', 'digits/0', 'digits/2']);
});

t.test('times are said from where the clinic stands', async (t) => {
  const now = at('2026-03-09T01:00:00Z'); // Sunday, 21:00 in New York, the day the clocks changed
  const said = (iso: string) =>
    sayWhen(at(iso), NEW_YORK, now)
      .map((name) => name.replace(/.*\//, ''))
      .join(' ');
  t.equal(said('2026-03-08T19:15:00Z'), 'today at 3 15 pm');
  t.equal(said('2026-03-08T04:59:00Z'), 'yesterday at 11 50 9 pm', 'before midnight, before the change');
  t.equal(said('2026-03-03T05:05:00Z'), 'tuesday march 3rd at 12 oh 5 am');
  t.equal(said('2026-02-22T17:00:00Z'), 'sunday february 22nd at 12 oclock pm');
  t.same(sayTime('00:00'), ['digits/12', 'time/oclock', 'time/am']);
});

t.test('everything that can be said is there to be played', async (t) => {
  const prompts = join(import.meta.dirname, '../../config/prompts/en');
  const names = new Set<string>();
  for (let day = 0; day < 400; day++)
    for (const name of sayWhen((day * 86_400_000 + day * 61_000) as UtcMs, 'UTC', at('2026-01-01T00:00:00Z')))
      names.add(name);
  for (let value = 0; value < 3_000; value++) for (const name of sayNumber(value)) names.add(name);
  for (let minute = 0; minute < 1440; minute++)
    for (const name of sayTime(`${Math.floor(minute / 60)}:${minute % 60}`)) names.add(name);
  t.same(
    [...names].filter((name) => !existsSync(join(prompts, `${name}.wav`))),
    [],
  );
});
