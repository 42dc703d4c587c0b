// What is read is what the trail says was written: rows that somebody put in with keys of their own are not served as genuine.
import { join } from 'node:path';
import SqliteDatabase, { type Database } from 'better-sqlite3';
import t from 'tap';
import { newId } from '../../src/kernel/id.ts';
import { sodium } from '../../src/seal/sodium.ts';
import { sealRecord } from '../../src/vault/keys/format.ts';
import { CALLER, makeVault, newFolders, openVault, sampleCdr } from '../support/vault-bench.ts';

t.test('a call that somebody made up, sealed to the public key of the month, is not listed as genuine', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  {
    await using vault = await openVault(folders);
    await vault.ask('cdr.put', { cdr: sampleCdr() });
  }
  const db: Database = new SqliteDatabase(join(folders.dataFolder, 'vault.db'));
  const vaultId = JSON.parse(db.prepare('SELECT value FROM meta').pluck().get() as string).vaultId as string;
  const epoch = db.prepare("SELECT id, public FROM epochs WHERE class = 'cdr'").get() as { id: string; public: Buffer };
  const row = newId<'call'>();
  const key = sodium.randombytes_buf(32);
  const place = { vault: vaultId, table: 'calls', row, kind: 'cdr', schema: 1, version: 1, epoch: epoch.id };
  const body = Buffer.from(sealRecord(key, sampleCdr({ callId: row, fromName: 'Made Up' }), place));
  db.prepare("INSERT INTO record_keys VALUES ('calls', ?, ?, 'boxed', ?)").run(
    row,
    epoch.id,
    sodium.crypto_box_seal(key, epoch.public),
  );
  db.prepare(
    'INSERT INTO calls (row, epoch, schema, body, entry) SELECT ?, epoch, schema, ?, entry FROM calls LIMIT 1',
  ).run(row, body);
  db.close();
  await using vault = await openVault(folders);
  const { rows } = await vault.ask('calls.page', { caller: CALLER, page: { limit: 10 } });
  t.notOk(rows.some(({ fromName }) => fromName === 'Made Up'));
});

t.test("a month's secret that somebody else made is refused", async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  {
    await using vault = await openVault(folders);
    await vault.ask('cdr.put', { cdr: sampleCdr() });
  }
  const db: Database = new SqliteDatabase(join(folders.dataFolder, 'vault.db'));
  const { vaultId, recordsPublicKey } = JSON.parse(db.prepare('SELECT value FROM meta').pluck().get() as string);
  const epoch = db.prepare("SELECT * FROM epochs WHERE class = 'cdr'").get() as {
    id: string;
    month: string;
    public: Buffer;
  };
  const { canonicalBytes } = await import('../../src/kernel/canonical.ts');
  const { blake2b } = await import('../../src/seal/sodium.ts');
  const binding = {
    purpose: 'wardline-epoch-1',
    vault: vaultId,
    epoch: epoch.id,
    class: 'cdr',
    month: epoch.month,
    publicKey: epoch.public.toString('base64'),
  };
  const plain = Buffer.concat([sodium.randombytes_buf(64), blake2b(canonicalBytes(binding))]);
  db.prepare('UPDATE epochs SET secret = ? WHERE id = ?').run(
    sodium.crypto_box_seal(plain, Buffer.from(recordsPublicKey, 'base64')),
    epoch.id,
  );
  db.close();
  await using vault = await openVault(folders);
  await t.rejects(vault.ask('calls.page', { caller: CALLER, page: { limit: 10 } }), { code: 'epoch-damaged' });
  t.match((await vault.ask('status', {})).problems, [/^The row epochs\/cdr-\d{4}-\d\d-1 is altered/]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const forms = new SqliteDatabase(join(folders.dataFolder, 'vault.db'), { readonly: true })
    .prepare('SELECT form, count(*) n FROM record_keys GROUP BY form')
    .all();
  t.same(forms.map((x) => (x as { form: string }).form).includes('unopenable'), false, 'keys given up for good');
});
