// Retention destroys for good: neither a clock that jumped nor a column that somebody changed may make it destroy too much.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import { ManualClock } from '../support/manual-clock.ts';
import {
  type BenchVault,
  CALLER,
  type Folders,
  makeVault,
  newFolders,
  openVault,
  sampleCdr,
} from '../support/vault-bench.ts';

const DAY_MS = 24 * 3_600_000;
const callsOf = async (vault: BenchVault) => (await vault.ask('status', {})).counts.calls;

async function afterSweeps(folders: Folders, clock: ManualClock): Promise<number> {
  await using vault = await openVault(folders, { clock });
  for (let minute = 0; minute < 20; minute++) {
    clock.advance(60_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return callsOf(vault);
}

t.test('a start with a clock that jumped by decades destroys nothing by itself', async (t) => {
  using folders = newFolders();
  const clock = new ManualClock();
  await makeVault(folders, clock);
  {
    await using vault = await openVault(folders, { clock });
    await vault.ask('retention.set', { caller: CALLER, rules: { cdr: 2_555 } });
    for (let i = 0; i < 3; i++) await vault.ask('cdr.put', { cdr: sampleCdr() });
  }
  t.equal(await afterSweeps(folders, new ManualClock(Date.UTC(2099, 0, 1))), 3);
});

t.test('calls whose entry number was changed are not destroyed as if they were old', async (t) => {
  using folders = newFolders();
  const clock = new ManualClock();
  await makeVault(folders, clock);
  {
    await using vault = await openVault(folders, { clock });
    await vault.ask('retention.set', { caller: CALLER, rules: { cdr: 10 } });
    clock.advance(100 * DAY_MS);
    for (let i = 0; i < 3; i++) await vault.ask('cdr.put', { cdr: sampleCdr() });
  }
  const db = new SqliteDatabase(join(folders.dataFolder, 'vault.db'));
  db.exec('UPDATE calls SET entry = 1');
  db.close();
  t.equal(await afterSweeps(folders, clock), 3);
});

t.test('a rotation does not make good what the check of the start found', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const path = join(folders.dataFolder, 'vault.db');
  const select = "SELECT version, body FROM service_records WHERE row = 'clinic'";
  let db = new SqliteDatabase(path);
  const old = db.prepare(select).get() as { version: number; body: Buffer };
  db.close();
  {
    await using vault = await openVault(folders);
    const { clinic } = await vault.ask('clinic.get', {});
    await vault.ask('clinic.put', { caller: CALLER, clinic: { ...clinic, name: 'Another' }, summary: 'renamed' });
  }
  db = new SqliteDatabase(path);
  db.prepare("UPDATE service_records SET version = ?, body = ? WHERE row = 'clinic'").run(old.version, old.body);
  db.close();
  {
    await using vault = await openVault(folders);
    const using_ = { slot: 'key-file' as const, secret: readFileSync(folders.keyFile, 'utf8') };
    await vault.ask('root.rotate', { caller: CALLER, using: using_ }).catch(() => undefined);
  }
  await using vault = await openVault(folders);
  t.not((await vault.ask('status', {})).problems.length, 0);
});
