// A bit flipped in any field of the database is noticed and named.
import t from 'tap';
import { seeded } from '../support/seeded.ts';
import { newFolders } from '../support/vault-bench.ts';
import { fieldsOf, fillEveryTable, flaw, UNCOVERED } from '../support/vault-fields.ts';

t.test('every field of every table but those that FORMAT.md excepts', async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  using folders = newFolders();
  await fillEveryTable(folders);
  const covered = fieldsOf(folders).filter(({ table, column }) => !UNCOVERED.has(`${table}.${column}`));
  t.ok(covered.length > 70, 'every table has a row');
  for (const field of covered) {
    const said = await flaw(folders, field, random);
    t.not(said.length, 0, `${field.table}.${field.column}: ${said[0]}`);
  }
});
