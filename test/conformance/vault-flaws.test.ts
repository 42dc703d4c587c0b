// One flaw a file: each is done to a copy of a vault as it was released, and must be named by Wardline and by a reader in another language.
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import { codeOf } from '../../src/kernel/errors.ts';
import { openVault } from '../support/vault-bench.ts';

const FLAWS = join(import.meta.dirname, 'vault-flaws');
const FIXTURE = join(import.meta.dirname, '../fixtures/vault-v2');
const hasPython = spawnSync('/usr/bin/python3', ['-c', 'import nacl.bindings']).status === 0;

interface Flaw {
  /** What is done to the database. */
  readonly sql: readonly string[];
  /** The fixture's heads file that is beside it then. */
  readonly heads?: string;
  /** Part of what Wardline says, or the code that it refuses to start with. */
  readonly wardline: string;
  /** Part of what the other reader says; null for what concerns no reader. */
  readonly reader: string | null;
}

const names = readdirSync(FLAWS).map((file) => file.replace('.json', ''));
const flawOf = (name: string) => JSON.parse(readFileSync(join(FLAWS, `${name}.json`), 'utf8')) as Flaw;
const root = mkdtempSync('/dev/shm/wardline-flaws-');
t.teardown(() => rmSync(root, { recursive: true, force: true }));

for (const name of names) {
  const { sql, heads } = flawOf(name);
  for (const part of ['data', 'keys']) cpSync(join(FIXTURE, part), join(root, name, part), { recursive: true });
  if (heads !== undefined) copyFileSync(join(FIXTURE, heads), join(root, name, 'keys', 'heads'));
  const db = new SqliteDatabase(join(root, name, 'data', 'vault.db'));
  for (const statement of sql) db.exec(statement);
  db.close();
}

t.test('a reader in another language names each', { skip: !hasPython && 'no python3-nacl here' }, (t) => {
  const { recoveryCode } = JSON.parse(readFileSync(join(FIXTURE, 'expected.json'), 'utf8')) as { recoveryCode: string };
  const reader = join(import.meta.dirname, 'vault-opener.py');
  const folders = names.map((name) => join(root, name, 'data'));
  const { stdout, stderr } = spawnSync('/usr/bin/python3', [reader, recoveryCode, ...folders], { encoding: 'utf8' });
  t.equal(stderr, '');
  const lines = stdout.trim().split('\n');
  for (const [at, name] of names.entries()) {
    const { problems } = JSON.parse(lines[at] ?? '{"problems":[]}') as { problems: string[] };
    const { reader: named } = flawOf(name);
    if (named === null) t.same(problems, [], name);
    else t.ok(problems.some((problem) => problem.includes(named)), `${name}: ${problems.join(' | ')}`); // biome-ignore format: short
  }
  t.end();
});

for (const name of names) {
  t.test(`named: ${name}`, async (t) => {
    const folder = join(root, name);
    const { wardline } = flawOf(name);
    const folders = {
      ...{ root: folder, dataFolder: join(folder, 'data'), spoolFolder: join(folder, 'spool') },
      ...{ keyFile: join(folder, 'keys', 'key'), headsFile: join(folder, 'keys', 'heads') },
    };
    try {
      await using vault = await openVault(folders);
      const { problems } = await vault.inner.checkEverything();
      t.ok(problems.some((problem) => problem.includes(wardline)), problems.join(' | ')); // biome-ignore format: short
    } catch (thrown) {
      t.equal(codeOf(thrown), wardline);
    }
  });
}
