// Two short hours of calls in virtual time: none leaves anything behind, whatever its ending; `npm run bench:media -- soak` runs eight whole ones.
import t from 'tap';
import { seeded } from '../support/seeded.ts';
import { KINDS_OF_CALLS, leftOfCalls, mediaDay } from './media-day.ts';

t.test('hours of calls by SIP and event socket leave nothing behind', async (t) => {
  const random = seeded();
  t.comment(`WARDLINE_SEED=${random.seed}`);
  await using day = await mediaDay(random, () => {});
  for (let hour = 0; hour < 2; hour++) {
    t.equal(leftOfCalls(await day.hour(40, KINDS_OF_CALLS)), undefined, `hour ${hour}`);
  }
  t.equal(Object.keys(day.made).length, KINDS_OF_CALLS, Object.keys(day.made).join(', '));
});
