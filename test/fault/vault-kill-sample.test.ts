// A seeded sample of kill -9 at any moment of a load; `npm run prove:vault` does a thousand.
import t from 'tap';
import { killOnce } from '../support/kill-load.ts';
import { RAM } from '../support/power-cut.ts';
import { seeded } from '../support/seeded.ts';

t.test('six kills at moments of chance: nothing acknowledged is missing', { timeout: 60_000 }, async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  for (let kill = 1; kill <= 6; kill++) t.same(await killOnce(random, RAM), [], `kill ${kill}`);
});
