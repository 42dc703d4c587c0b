// The power goes at any moment: nothing acknowledged is missing, a running recording loses a second at most, the trail holds.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { buildWriteLog, RAM, runLoggedLoad, takeOldVault } from '../support/power-cut.ts';
import { seeded } from '../support/seeded.ts';

const folder = mkdtempSync(join(RAM, 'wardline-write-log-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const library = buildWriteLog(folder);
const options = {
  timeout: 90_000,
  skip: library === undefined && 'no C compiler (cc) here: power cuts were NOT tried',
};

t.test('20 recordings, reads, settings and backups: 30 cuts lose nothing that was acknowledged', options, async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  using load = await runLoggedLoad(library!, { calls: 20, milliseconds: 3_500, backupTo: join(folder, 'backup') });
  t.ok(load.operations > 500, `${load.operations} operations were logged`);
  const found: string[] = [];
  await load.cut(30, random, (where, faults) => found.push(`${where}: ${faults.join('; ')}`));
  t.same(found, []);
});

t.test('a root that is rotated under the load: 20 cuts leave a vault that opens by itself', options, async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  using load = await runLoggedLoad(library!, { calls: 4, milliseconds: 1_500, rotates: true });
  const found: string[] = [];
  await load.cut(20, random, (where, faults) => found.push(`${where}: ${faults.join('; ')}`));
  t.same(found, []);
});

t.test(
  'a vault of the first release is brought up to date: 30 cuts leave one that opens with all it held',
  options,
  async (t) => {
    const random = seeded();
    t.comment(`seed ${random.seed}`);
    using load = await runLoggedLoad(library!, { calls: 1, milliseconds: 300 }, takeOldVault);
    const found: string[] = [];
    await load.cut(30, random, (where, faults) => found.push(`${where}: ${faults.join('; ')}`));
    t.same(found, []);
  },
);

t.test('with synchronous=NORMAL the same cuts do lose something: the proof would notice', options, async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  using load = await runLoggedLoad(library!, { calls: 4, milliseconds: 1_500, synchronous: 'NORMAL' });
  const lost: string[] = [];
  await load.cut(15, random, (_where, faults) => lost.push(...faults));
  t.ok(
    lost.some((fault) => /missing|older|lost/.test(fault)),
    `${lost.length} losses, such as: ${lost[0]}`,
  );
});
