// Four short hours of calls in virtual time: none leaves anything behind, whatever their endings; `npm run prove:sip` runs 24 whole ones.
import t from 'tap';
import { seeded } from '../support/seeded.ts';
import { leftBehind, soakDay } from './sip-day.ts';
import { KINDS } from './sip-day-phone.ts';

const HOURS = 4;
const HOUR_MS = 10 * 60_000;

t.test('hours of registrations, calls, session timers and subscriptions leave nothing behind', async (t) => {
  const random = seeded();
  t.comment(`WARDLINE_SEED=${random.seed}`);
  await using day = await soakDay(random, HOUR_MS, () => {});
  for (let hour = 0; hour < HOURS; hour++) {
    if (hour === 1) await day.replaceApplication();
    t.equal(leftBehind(await day.hour(), day.phones), undefined, `hour ${hour}`);
  }
  t.strictSame(day.thrown, [], 'no handler threw');
  const { counters } = day.edge.status();
  t.ok(counters.serverTransactions > 500, `${counters.serverTransactions} requests were taken`);
  t.ok(counters.clientTransactions > 20, `${counters.clientTransactions} were sent`);
  t.ok(Object.keys(day.calls).length > KINDS.length / 2, 'calls of most kinds were made');
});
