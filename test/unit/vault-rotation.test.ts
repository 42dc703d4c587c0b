// A new root while the vault runs: what was there stays readable, what the old secrets open elsewhere today's do not, and the reverse.
import { copyFileSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { systemClock } from '../../src/kernel/clock.ts';
import type { ArtifactId } from '../../src/kernel/id.ts';
import { restoreVault } from '../../src/vault/backup/restore.ts';
import { newKeyFileText } from '../../src/vault/keys/slots.ts';
import { rotateLive } from '../support/live-rotation.ts';
import { type BenchVault, CALLER, CANARY_NUMBER, captureAll, type Folders, LOCAL, makeVault, newFolders, openVault, sampleCdr, tone, voicemailHeader } from '../support/vault-bench.ts'; // biome-ignore format: one import

const page = { limit: 50 };

async function leaveMessage(vault: BenchVault, seed: number): Promise<ArtifactId> {
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(1_000, seed));
  await vault.ask('artifact.close', { artifactId, keep: true });
  return artifactId;
}

async function isHeard(vault: BenchVault, artifactId: ArtifactId, seed: number): Promise<boolean> {
  const ask = { caller: CALLER, artifactId, fromSample: 0, samples: 1_000_000, play: false };
  return Buffer.from((await vault.askForBytes('artifact.audio', ask)).body).equals(tone(1_000, seed));
}

function restore(bare: Folders, from: string, slot: 'recovery' | 'key-file', secret: string) {
  const { dataFolder, keyFile, headsFile } = bare;
  return restoreVault({
    from,
    dataFolder,
    keyFile,
    headsFile,
    unlock: { slot, secret },
    clock: systemClock,
    caller: CALLER,
  });
}

t.test('rotate --all: all goes on, old secrets open nothing new, new ones open no old backup', async (t) => {
  using folders = newFolders();
  const { recoveryCode: oldCode } = await makeVault(folders);
  const oldKey = readFileSync(folders.keyFile, 'utf8');
  const target = join(folders.root, 'backup');
  const carriedOff = join(folders.root, 'carried-off');
  let newCode = '';
  let first: ArtifactId;
  let second: ArtifactId;
  {
    await using vault = await openVault(folders);
    const users = { caller: LOCAL, login: 'pat', name: 'Pat Made-Up', roles: ['staff' as const], mailboxes: [] };
    await vault.ask('users.invite', users);
    first = await leaveMessage(vault, 1);
    await vault.ask('cdr.put', { cdr: sampleCdr() });
    await vault.ask('backup.create', { caller: CALLER, target });
    cpSync(target, carriedOff, { recursive: true });
    const using_ = { slot: 'recovery' as const, secret: oldCode };
    await t.rejects(vault.ask('root.rotate', { caller: CALLER, using: { slot: 'key-file', secret: oldCode } }));
    t.equal(readFileSync(folders.keyFile, 'utf8'), oldKey, 'a refused rotation changes nothing');
    newCode = (await vault.ask('root.rotate', { caller: CALLER, using: using_ })).recoveryCode;
    second = await leaveMessage(vault, 2);
    await vault.ask('cdr.put', { cdr: sampleCdr() });
    t.ok((await isHeard(vault, first, 1)) && (await isHeard(vault, second, 2)), 'old and new are heard while it runs');
    t.equal((await vault.ask('audit.verify', { caller: CALLER })).ok, true);
    await vault.ask('backup.create', { caller: CALLER, target });
  }
  t.not(readFileSync(folders.keyFile, 'utf8'), oldKey);
  {
    await using vault = await openVault(folders);
    t.match(await vault.ask('status', {}), { problems: [], records: 'unlocked' });
    t.ok((await isHeard(vault, first, 1)) && (await isHeard(vault, second, 2)), 'and after a restart');
    t.equal((await vault.ask('calls.page', { caller: CALLER, page, number: CANARY_NUMBER })).rows.length, 2);
    t.same(await vault.ask('mailbox.counts', { mailbox: '1001' }), { unread: 2, read: 0 });
    t.equal((await vault.ask('users.list', { caller: LOCAL })).users.length, 1);
    t.equal((await vault.ask('audit.verify', { caller: CALLER })).ok, true);
    const actions = (await vault.ask('audit.page', { caller: CALLER, page })).rows.map(({ action }) => action);
    t.ok(actions.includes('root-rotated') && actions.includes('vault-created'), 'entries of both roots are read');
    const unlock = (secret: string) => vault.ask('unlock', { caller: CALLER, slot: 'recovery', secret });
    await t.rejects(unlock(oldCode), { code: 'wrong-secret' });
    await t.resolves(unlock(newCode));
    const again = await vault.ask('root.rotate', { caller: CALLER, using: { slot: 'recovery', secret: newCode } });
    newCode = again.recoveryCode;
    t.equal((await vault.ask('audit.verify', { caller: CALLER })).ok, true, 'and once more');
    await vault.ask('backup.create', { caller: CALLER, target });
  }
  const newKey = readFileSync(folders.keyFile, 'utf8');
  const attempts = [
    ['the carried-off backup', carriedOff, 'recovery', newCode],
    ['the carried-off backup', carriedOff, 'key-file', newKey],
    ["today's backup", target, 'recovery', oldCode],
    ["today's backup", target, 'key-file', oldKey],
  ] as const;
  for (const [title, from, slot, secret] of attempts) {
    using bare = newFolders();
    await t.rejects(restore(bare, from, slot, secret), { code: 'wrong-secret' }, `${slot} does not open ${title}`);
  }
  using old = newFolders();
  await t.resolves(
    restore(old, carriedOff, 'recovery', oldCode),
    'with the code of its day it does open: FORMAT.md says so',
  );
  using bare = newFolders();
  await restore(bare, target, 'recovery', newCode);
  await using vault = await openVault(bare);
  t.match(await vault.ask('status', {}), { problems: [] });
  t.ok((await isHeard(vault, first, 1)) && (await isHeard(vault, second, 2)));
  t.equal((await vault.ask('audit.verify', { caller: CALLER })).ok, true);
});

t.test('a rotation cut off just before or after its commit leaves a vault that opens by itself', async (t) => {
  using folders = newFolders();
  const { recoveryCode } = await makeVault(folders);
  const next = `${folders.keyFile}.new`;
  const oldKey = join(folders.root, 'old-key');
  copyFileSync(folders.keyFile, oldKey);
  writeFileSync(next, 'wardline-key-1:never came into use');
  {
    await using vault = await openVault(folders);
    t.notOk(existsSync(next), 'one that never came into use is removed');
    await vault.ask('root.rotate', { caller: CALLER, using: { slot: 'recovery', secret: recoveryCode } });
  }
  copyFileSync(folders.keyFile, next);
  rmSync(folders.keyFile);
  copyFileSync(oldKey, folders.keyFile);
  await using vault = await openVault(folders);
  t.notOk(existsSync(next), 'one that is in use gets its name');
  t.match(await vault.ask('status', {}), { problems: [], records: 'unlocked' });
});

t.test('what is captured after a rotation has keys of epochs that the old root never knew', async (t) => {
  using folders = newFolders();
  const { recoveryCode } = await makeVault(folders);
  await using vault = await openVault(folders);
  await leaveMessage(vault, 1);
  await vault.ask('root.rotate', { caller: CALLER, using: { slot: 'recovery', secret: recoveryCode } });
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  t.match(vault.inner.intake.begin(artifactId).epoch, /^voicemail-\d{4}-\d\d-2$/);
});

t.test('twenty calls, lists and playback go on while every slot comes, goes and is replaced', async (t) => {
  using folders = newFolders('/dev/shm');
  const found = await rotateLive(folders, { calls: 20, rounds: 1 });
  t.same(found.faults, [], 'nothing is lost, no recording has a gap, no read fails, the trail holds');
  t.ok(found.reads > 8, `${found.reads} reads and ticks of four kinds`);
  for (const action of ['slot-added', 'slot-replaced', 'slot-removed', 'root-rotated', 'epoch-created'])
    t.ok(found.actions.includes(`${action} ok`), `the trail says ${action}`);
  await using vault = await openVault(folders, { startLocked: true });
  for (const { slot, secret } of found.dead)
    await t.rejects(vault.ask('unlock', { caller: CALLER, slot, secret }), { code: 'wrong-secret' }, `old ${slot}`);
  await t.resolves(vault.ask('unlock', { caller: CALLER, slot: 'recovery', secret: found.recoveryCode }));
});

t.test(
  'the key file is renewed where it lies; cut off at any step, the vault opens by itself and the next try finishes',
  async (t) => {
    using folders = newFolders('/dev/shm');
    const { recoveryCode } = await makeVault(folders);
    const [old, next] = [join(folders.root, 'old-key'), `${folders.keyFile}.new`];
    copyFileSync(folders.keyFile, old);
    const using_ = { slot: 'recovery', secret: recoveryCode } as const;
    const slotOf = async (vault: BenchVault) =>
      (await vault.ask('status', {})).slots.find(({ kind }) => kind === 'key-file')?.id ?? '';
    const renew = async (vault: BenchVault) =>
      vault.ask('slot.replace', { caller: LOCAL, using: using_, slotId: await slotOf(vault) });
    const opens = async () => {
      await using vault = await openVault(folders);
      t.match(await vault.ask('status', {}), { problems: [], records: 'unlocked' });
      t.notOk(existsSync(next), 'one key file is left');
      return slotOf(vault);
    };
    const before = await opens();
    {
      await using vault = await openVault(folders);
      await t.rejects(vault.ask('slot.replace', { caller: LOCAL, using: { ...using_, secret: '' }, slotId: before }));
      t.ok(readFileSync(old).equals(readFileSync(folders.keyFile)), 'a refused one changes nothing');
    }
    writeFileSync(next, 'wardline-key-1:'); // the power went while it was written
    t.equal(await opens(), before);
    writeFileSync(next, newKeyFileText()); // it was written, and the commit was not
    t.equal(await opens(), before);
    {
      await using vault = await openVault(folders);
      await renew(vault);
    }
    copyFileSync(folders.keyFile, next); // committed, and it had not got its name
    rmSync(folders.keyFile);
    copyFileSync(old, folders.keyFile);
    t.not(await opens(), before);
    t.notOk(readFileSync(old).equals(readFileSync(folders.keyFile)));
    {
      await using vault = await openVault(folders, { startLocked: true });
      const secret = readFileSync(old, 'utf8');
      await t.rejects(vault.ask('unlock', { caller: LOCAL, slot: 'key-file', secret }), { code: 'wrong-secret' });
    }
    rmSync(folders.keyFile);
    await t.rejects(openVault(folders), { code: 'key-file-missing' });
  },
);

t.test(
  'a key file whose place is not ours: both keys open until the new one is there, then the old one goes',
  async (t) => {
    using folders = newFolders('/dev/shm');
    const { recoveryCode } = await makeVault(folders);
    const using_ = { slot: 'recovery', secret: recoveryCode } as const;
    const secret = newKeyFileText();
    await using vault = await openVault(folders);
    const slots = async () => (await vault.ask('status', {})).slots.filter(({ kind }) => kind === 'key-file');
    const [old] = await slots();
    const replace = () => vault.ask('slot.replace', { caller: LOCAL, using: using_, slotId: old?.id ?? '', secret });
    const { slotId, waitsFor } = await replace();
    t.equal(waitsFor, folders.keyFile, 'it says what the new key waits for');
    t.same(await replace(), { slotId, waitsFor }, 'asked again, nothing is added');
    t.equal((await slots()).length, 2);
    rmSync(folders.keyFile);
    writeFileSync(folders.keyFile, secret, { mode: 0o400 });
    t.same(await replace(), { slotId }, 'now it is done');
    t.match(await slots(), [{ id: slotId }]);
    await t.rejects(replace(), { code: 'slot-unknown' });
    const { rows } = await vault.ask('audit.page', { caller: CALLER, page: { limit: 3 } });
    t.same(
      rows.map(({ action }) => action).filter((action) => action.startsWith('slot-')),
      ['slot-removed', 'slot-added'],
    );
  },
);
