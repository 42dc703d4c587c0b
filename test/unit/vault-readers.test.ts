// Reads on threads of their own: others are answered while they run, they end when the records are locked, and what they find is known.

import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import { backgroundTurn, giveWayTo } from '../../src/vault/reading/turn.ts';
import { CALLER, captureAll, LOCAL, makeVault, newFolders, openVault, sampleCdr, tone, voicemailHeader } from '../support/vault-bench.ts'; // biome-ignore format: one import

const page = { limit: 100 };

/** How nice each thread of this process is, its own first; nothing where there is no /proc. */
function priorities(): number[] {
  if (!existsSync('/proc/self/task')) return [];
  const fields = (task: string) => readFileSync(`/proc/self/task/${task}/stat`, 'utf8').split(') ')[1]?.split(' ');
  const tasks = readdirSync('/proc/self/task').sort((a, b) => Number(a) - Number(b));
  return tasks.map((task) => Number(fields(task)?.[16]));
}

t.test('while the trail is verified and a list is read, captures and questions go on', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  await using vault = await openVault(folders, { hasReaders: true });
  for (let call = 0; call < 300; call++) await vault.ask('cdr.put', { cdr: sampleCdr() });
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(1_000, 3));
  await vault.ask('artifact.close', { artifactId, keep: true });
  const order: string[] = [];
  const reads = [
    vault.ask('audit.verify', { caller: CALLER }).then(({ ok }) => order.push(`verified ${ok}`)),
    vault.ask('calls.page', { caller: CALLER, page }).then(({ rows }) => order.push(`listed ${rows.length}`)),
  ];
  for (let call = 0; call < 20; call++) await vault.ask('cdr.put', { cdr: sampleCdr() });
  order.push('captured');
  await Promise.all(reads);
  t.equal(order[0], 'captured');
  const [own, ...others] = priorities();
  if (own !== undefined && own < 5) t.ok(others.includes(5), 'what takes long gives way to calls');
  t.same(order.slice(1).sort(), ['listed 100', 'verified true']);
  const range = { caller: CALLER, artifactId, fromSample: 0, samples: 8_000, play: true };
  t.ok(Buffer.from((await vault.askForBytes('artifact.audio', range)).body).equals(Buffer.from(tone(1_000, 3))));
  const { path, durationMs } = await vault.ask('playout.open', { caller: CALLER, artifactId });
  t.equal(durationMs, 1_000);
  t.ok(readFileSync(path).equals(Buffer.from(tone(1_000, 3))));
});

t.test(
  'the background rests while somebody waits, wakes when he is answered, and comes to its end when he never is',
  async (t) => {
    const waiting = new Int32Array(new SharedArrayBuffer(4));
    giveWayTo(waiting);
    Atomics.store(waiting, 0, 1);
    const answerer = new Worker(
      `const { workerData: count } = require('node:worker_threads');
     while (Atomics.notify(count, 0) === 0 && Atomics.load(count, 0) === 1);
     Atomics.store(count, 0, 0);`,
      { eval: true, workerData: waiting },
    );
    while (Atomics.load(waiting, 0) === 1) await backgroundTurn();
    await once(answerer, 'exit');
    t.equal(Atomics.load(waiting, 0), 0, 'it did rest: somebody woke it');
    Atomics.store(waiting, 0, 1);
    for (let slice = 0; slice < 3; slice++) await backgroundTurn();
    t.pass('nobody was answered, and it went on');
    Atomics.store(waiting, 0, 0);
  },
);

t.test('a lock ends the readers; an unlock begins new ones; a new root is read with its keys', async (t) => {
  using folders = newFolders('/dev/shm');
  const { recoveryCode } = await makeVault(folders);
  await using vault = await openVault(folders, { hasReaders: true });
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  const list = () => vault.ask('calls.page', { caller: CALLER, page });
  t.equal((await list()).rows.length, 1);
  const running = list();
  await vault.ask('lock', { caller: CALLER });
  await t.rejects(running, { code: 'records-locked' }, 'what was being read when the records were locked is not shown');
  await t.rejects(list(), { code: 'records-locked' });
  await t.rejects(vault.ask('vault.verify', { caller: CALLER }), { code: 'records-locked' });
  await vault.ask('unlock', { caller: LOCAL, slot: 'key-file', secret: '' });
  t.equal((await list()).rows.length, 1);
  await vault.ask('root.rotate', { caller: CALLER, using: { slot: 'recovery', secret: recoveryCode } });
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  t.equal((await list()).rows.length, 2);
  t.match(await vault.ask('vault.verify', { caller: CALLER }), { problems: [], calls: 2 });
  t.equal((await vault.ask('audit.verify', { caller: CALLER })).ok, true);
});

t.test('a row that a reader finds damaged is named in the status, and audio stays refused', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  await using vault = await openVault(folders, { hasReaders: true });
  const cdrs = [sampleCdr(), sampleCdr()];
  for (const cdr of cdrs) await vault.ask('cdr.put', { cdr });
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(1_000));
  await vault.ask('artifact.close', { artifactId, keep: true });
  const db = new SqliteDatabase(join(folders.dataFolder, 'vault.db'));
  db.prepare('UPDATE calls SET body = zeroblob(length(body)) WHERE row = ?').run(cdrs[0]!.callId);
  db.prepare('UPDATE chunks SET body = zeroblob(length(body)) WHERE artifact = ? AND chunk = 1').run(artifactId);
  db.close();
  const verified = await vault.ask('vault.verify', { caller: CALLER });
  t.match(verified, { calls: 2, artifacts: 1 });
  t.same(
    verified.problems.map((text) => text.includes(cdrs[0]!.callId) || text.includes(artifactId)),
    [true, true],
  );
  const { rows, damaged } = await vault.ask('calls.page', { caller: CALLER, page });
  t.match([rows, damaged], [[{ callId: cdrs[1]!.callId }], [cdrs[0]!.callId]]);
  t.match((await vault.ask('status', {})).problems, [new RegExp(cdrs[0]!.callId)]);
  const range = { caller: CALLER, artifactId, fromSample: 0, samples: 800, play: true };
  await t.rejects(vault.ask('artifact.audio', range), { code: 'artifact-tampered' });
  const { rows: messages } = await vault.ask('artifacts.page', { caller: CALLER, kind: 'voicemail', page });
  t.match(messages, [{ id: artifactId, state: 'tampered' }]);
});

t.test('what a reader holds open keeps nothing that was destroyed in the journal', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  await using vault = await openVault(folders, { hasReaders: true });
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(5_000));
  await vault.ask('artifact.close', { artifactId, keep: true });
  const reads = Array.from({ length: 20 }, () => vault.ask('calls.page', { caller: CALLER, page }));
  await Promise.all([vault.ask('artifact.dispose', { caller: CALLER, artifactId }), ...reads]);
  const journal = readFileSync(join(folders.dataFolder, 'vault.db-wal'));
  t.notOk(journal.includes(Buffer.from(`${artifactId}/0`)), 'the key of its segment is gone from the journal');
});

t.test('a vault of an older version is copied before it is changed, until the new one has opened', async (t) => {
  using folders = newFolders('/dev/shm');
  const source = join(import.meta.dirname, '../fixtures/vault-v1');
  cpSync(join(source, 'data'), folders.dataFolder, { recursive: true });
  cpSync(join(source, 'keys'), join(folders.root, 'keys'), { recursive: true });
  const key = readFileSync(folders.keyFile, 'utf8');
  rmSync(folders.keyFile);
  writeFileSync(folders.keyFile, `wardline-key-1:${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o400 });
  await t.rejects(openVault(folders), { code: 'wrong-secret' });
  const copy = join(folders.dataFolder, 'vault.db.version-1');
  const versionOf = (path: string) => {
    const db = new SqliteDatabase(path, { readonly: true });
    const version = db.pragma('user_version', { simple: true });
    db.close();
    return version;
  };
  t.same([versionOf(copy), versionOf(join(folders.dataFolder, 'vault.db'))], [1, 2]);
  rmSync(folders.keyFile);
  writeFileSync(folders.keyFile, key, { mode: 0o400 });
  {
    await using vault = await openVault(folders);
    t.match(await vault.ask('status', {}), { problems: [] });
    t.notOk(existsSync(copy));
  }
  t.same(
    readdirSync(folders.dataFolder).filter((name) => name.includes('version')),
    [],
  );
});

t.test('a backup goes on while records are locked, restores, and keeps no capture waiting', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  await using vault = await openVault(folders, { hasReaders: true });
  for (let call = 0; call < 50; call++) await vault.ask('cdr.put', { cdr: sampleCdr() });
  const target = join(folders.root, 'backup');
  const order: string[] = [];
  const running = vault.ask('backup.create', { caller: CALLER, target }).then(() => order.push('backed up'));
  await vault.ask('lock', { caller: CALLER });
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  order.push('captured');
  await running;
  t.same(order, ['captured', 'backed up']);
  t.match(await vault.ask('backup.verify', { caller: CALLER, target }), { ok: true });
  const again = await vault.ask('backup.create', { caller: CALLER, target });
  t.ok(again.rows > 0);
  t.match(await vault.ask('backup.status', {}), { targets: [{ path: target, holdsDisposed: 0 }] });
});

t.test(
  'locks and unlocks in the middle of reads end readers, never the process, and every key is adopted after all',
  async (t) => {
    using folders = newFolders('/dev/shm');
    await makeVault(folders);
    await using vault = await openVault(folders, { hasReaders: true });
    for (let call = 0; call < 150; call++) await vault.ask('cdr.put', { cdr: sampleCdr() });
    const outcomes = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const reads = [
        ...Array.from({ length: 5 }, () => vault.ask('calls.page', { caller: CALLER, page })),
        vault.ask('audit.verify', { caller: CALLER }),
        vault.ask('search', { caller: CALLER, query: 'nobody', limit: 5 }),
      ];
      if (round % 2 === 0) await vault.ask('status', {});
      await vault.ask('lock', { caller: CALLER });
      for (const { status } of await Promise.allSettled(reads)) outcomes.add(status);
      await vault.ask('unlock', { caller: LOCAL, slot: 'key-file', secret: '' });
    }
    t.ok(outcomes.has('rejected'), 'what a lock interrupts says so');
    const db = new SqliteDatabase(join(folders.dataFolder, 'vault.db'), { readonly: true });
    const boxed = db.prepare("SELECT count(*) FROM record_keys WHERE form = 'boxed'").pluck();
    const deadline = performance.now() + 60_000;
    while (boxed.get() !== 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    t.equal(boxed.get(), 0);
    db.close();
    t.equal((await vault.ask('calls.page', { caller: CALLER, page })).rows.length, 100);
  },
);
