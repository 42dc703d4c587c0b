// Backups: incremental, consistent, verified before parsed; a bare folder and the recovery code are enough to restore; disposal reaches them.
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { systemClock } from '../../src/kernel/clock.ts';
import type { ArtifactId } from '../../src/kernel/id.ts';
import { runDrill } from '../../src/vault/backup/drill.ts';
import { restoreVault } from '../../src/vault/backup/restore.ts';
import { steal } from '../support/backup-thief.ts';
import { ManualClock } from '../support/manual-clock.ts';
import {
  type BenchVault, CALLER, CANARY_NAME, CANARY_NUMBER, captureAll, type Folders, filesBelow, makeVault, newFolders, openVault, sampleCdr, tone, voicemailHeader } from '../support/vault-bench.ts'; // biome-ignore format: one import

const page = { limit: 50 };

async function leaveMessage(vault: BenchVault, milliseconds: number, seed = 1): Promise<ArtifactId> {
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(milliseconds, seed));
  await vault.ask('artifact.close', { artifactId, keep: true });
  return artifactId;
}

async function heard(vault: BenchVault, artifactId: ArtifactId): Promise<Buffer> {
  const ask = { caller: CALLER, artifactId, fromSample: 0, samples: 1_000_000, play: false };
  return Buffer.from((await vault.askForBytes('artifact.audio', ask)).body);
}

function restoreTo(folders: Folders, from: string, recoveryCode: string) {
  const unlock = { slot: 'recovery', secret: recoveryCode } as const;
  const { dataFolder, keyFile, headsFile } = folders;
  return restoreVault({ from, dataFolder, keyFile, headsFile, unlock, clock: systemClock, caller: CALLER });
}

const bytesOf = (folder: string) => filesBelow(folder).reduce((sum, { bytes }) => sum + bytes.length, 0);

const messages = async (vault: BenchVault) =>
  (await vault.ask('artifacts.page', { caller: CALLER, kind: 'voicemail', page })).rows;

t.test('a bare folder and the recovery code: everything is back, and what came later is not', async (t) => {
  using folders = newFolders();
  using bare = newFolders();
  const { recoveryCode } = await makeVault(folders);
  const target = join(folders.root, 'backup');
  let kept: ArtifactId;
  let running: ArtifactId;
  {
    await using vault = await openVault(folders);
    kept = await leaveMessage(vault, 2_000);
    await vault.ask('artifact.markRead', { caller: CALLER, artifactId: kept });
    await vault.ask('cdr.put', { cdr: sampleCdr() });
    const first = await vault.ask('backup.create', { caller: CALLER, target });
    t.match(first, { files: 1, completed: 0 });
    await vault.ask('cdr.put', { cdr: sampleCdr() });
    running = (await vault.ask('artifact.open', { header: voicemailHeader() })).artifactId;
    await captureAll(vault, running, tone(1_000, 7));
    const second = await vault.ask('backup.create', { caller: CALLER, target });
    t.ok(second.bytes < first.bytes + 20_000, 'the second run writes what is new, and the keys');
    t.match(await vault.ask('backup.verify', { caller: CALLER, target }), { ok: true, problems: [] });
    await vault.ask('cdr.put', { cdr: sampleCdr() });
    const { targets } = await vault.ask('backup.status', {});
    t.match(targets, [{ path: target, isThere: true, holdsDisposed: 0 }]);
  }
  const restored = await restoreTo(bare, target, recoveryCode);
  t.match(restored, { problems: [], disposed: 0 });
  await using vault = await openVault(bare);
  t.same((await vault.ask('status', {})).problems, []);
  t.equal((await vault.ask('audit.verify', { caller: CALLER })).ok, true);
  t.equal((await vault.ask('calls.page', { caller: CALLER, page, number: CANARY_NUMBER })).rows.length, 2);
  const listed = await messages(vault);
  t.same(
    listed.map(({ id, state, isRead, durationMs }) => ({ id, state, isRead, durationMs })),
    [
      { id: running, state: 'complete', isRead: false, durationMs: 1_000 },
      { id: kept, state: 'complete', isRead: true, durationMs: 2_000 },
    ],
    'what was being captured is there too',
  );
  t.ok((await heard(vault, kept)).equals(tone(2_000)));
  t.ok((await heard(vault, running)).equals(tone(1_000, 7)));
  t.match((await vault.ask('clinic.get', {})).clinic, { name: 'Sample Clinic' });
  const later = await leaveMessage(vault, 500);
  t.ok((await heard(vault, later)).equals(tone(500)), 'and it goes on from there');
  await vault.ask('backup.create', { caller: CALLER, target });
});

t.test('nothing of a backup lies in clear, and a wrong code or another vault does not open it', async (t) => {
  using folders = newFolders();
  using other = newFolders();
  await makeVault(folders);
  const { recoveryCode: otherCode } = await makeVault(other);
  const target = join(folders.root, 'backup');
  await using vault = await openVault(folders);
  await leaveMessage(vault, 1_000);
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  await vault.ask('backup.create', { caller: CALLER, target });
  for (const { path, bytes } of filesBelow(target)) {
    for (const needle of [CANARY_NAME, CANARY_NUMBER, 'Sample Clinic', Buffer.from(tone(1_000).subarray(100, 130))])
      t.notOk(bytes.includes(needle), `nothing in ${path.slice(target.length)}`);
  }
  using bare = newFolders();
  await t.rejects(restoreTo(bare, target, otherCode), { code: 'wrong-secret' });
  await using foreign = await openVault(other);
  await t.rejects(foreign.ask('backup.create', { caller: CALLER, target }), { code: 'backup-damaged' });
  const inside = join(folders.dataFolder, 'backup');
  await t.rejects(vault.ask('backup.create', { caller: CALLER, target: inside }), { code: 'backup-target' });
});

t.test('a changed, missing or swapped file of a backup is named, and nothing of it is restored', async (t) => {
  using folders = newFolders();
  const { recoveryCode } = await makeVault(folders);
  const target = join(folders.root, 'backup');
  {
    await using vault = await openVault(folders);
    await leaveMessage(vault, 1_000);
    await vault.ask('backup.create', { caller: CALLER, target });
  }
  const flip = (name: string, at: number) => (folder: string) => {
    const path = join(folder, readdirSync(folder).find((file) => file.startsWith(name))!);
    const bytes = readFileSync(path);
    bytes[at < 0 ? bytes.length + at : at]! ^= 1;
    writeFileSync(path, bytes);
  };
  const flaws: Record<string, (folder: string) => void> = {
    'a bit of the data': flip('rows-', 4_000),
    'a bit of the keys': flip('bundle-', -10),
    'a bit of the manifest': flip('manifest', 60),
    'a bit of its MAC': flip('manifest', -130),
    'a bit of its signature': flip('manifest', -20),
    'a bit of the slots': flip('slots', 200),
    'something appended': (folder) =>
      appendFileSync(join(folder, readdirSync(folder).find((name) => name.startsWith('rows-'))!), 'x'),
  };
  for (const [title, flaw] of Object.entries(flaws)) {
    using bare = newFolders();
    const copy = join(bare.root, 'backup');
    cpSync(target, copy, { recursive: true });
    flaw(copy);
    await t.rejects(restoreTo(bare, copy, recoveryCode), { code: /backup-damaged|wrong-secret/ }, title);
    t.notOk(
      filesBelow(bare.root).some(({ path }) => path.endsWith('vault.db')),
      `${title}: no vault was made`,
    );
  }
});

t.test(
  'disposal is complete when no bundle holds the key; older data with the newest bundle do not open it',
  async (t) => {
    using folders = newFolders();
    using bare = newFolders();
    const { recoveryCode } = await makeVault(folders);
    const [near, far] = [join(folders.root, 'near'), join(folders.root, 'far')];
    let gone: ArtifactId;
    {
      await using vault = await openVault(folders);
      gone = await leaveMessage(vault, 1_500, 3);
      const kept = await leaveMessage(vault, 500, 4);
      for (const target of [near, far]) await vault.ask('backup.create', { caller: CALLER, target });
      await vault.ask('artifact.dispose', { caller: CALLER, artifactId: gone });
      const before = await vault.ask('backup.status', {});
      t.equal(before.disposalsWaiting, 1);
      t.same(before.targets.map(({ holdsDisposed }) => holdsDisposed), [1, 1]); // biome-ignore format: short
      t.equal((await vault.ask('backup.create', { caller: CALLER, target: near })).completed, 0);
      t.equal((await vault.ask('backup.create', { caller: CALLER, target: far })).completed, 1);
      t.equal((await vault.ask('backup.status', {})).disposalsWaiting, 0);
      const { rows } = await vault.ask('audit.page', { caller: CALLER, page });
      const completed = rows.find(({ action, rows }) => action === 'disposal-completed' && rows.some((row) => row.row === gone && row.hash === undefined)); // biome-ignore format: one look
      t.match(completed?.detail, /^1 are gone from every backup/, 'the trail says which');
      t.ok(await heard(vault, kept));
    }
    const ciphertext = filesBelow(far).filter(({ path }) => path.includes('rows-'));
    t.ok(ciphertext.some(({ bytes }) => bytes.includes(gone)), 'the old data file is still there'); // biome-ignore format: short
    t.notOk(filesBelow(far).some(({ path, bytes }) => path.includes('bundle-') && bytes.includes(`${gone}/0`)));
    t.match(await restoreTo(bare, far, recoveryCode), { problems: [] });
    await using vault = await openVault(bare);
    t.same((await vault.ask('status', {})).problems, []);
    t.equal((await messages(vault)).length, 1);
    await t.rejects(vault.ask('artifact.get', { caller: CALLER, artifactId: gone }), { code: 'artifact-unknown' });
  },
);

t.test(
  'every key of the newest bundle, by every slot, opens nothing of what was disposed of in any older data file',
  async (t) => {
    using folders = newFolders('/dev/shm');
    using bare = newFolders('/dev/shm');
    const { recoveryCode } = await makeVault(folders);
    const [target, others] = [
      join(folders.root, 'backup'),
      ['first', 'second'].map((name) => join(folders.root, name)),
    ];
    const passphrase = 'correct horse battery staple';
    const secrets = { 'key-file': readFileSync(folders.keyFile, 'utf8'), recovery: recoveryCode, passphrase };
    const gone: string[] = [];
    let kept: ArtifactId;
    {
      await using vault = await openVault(folders);
      const proof = { slot: 'recovery', secret: recoveryCode } as const;
      await vault.ask('slot.add', {
        caller: CALLER,
        using: proof,
        kind: 'passphrase',
        opens: 'both',
        secret: passphrase,
      });
      kept = await leaveMessage(vault, 600, 4);
      for (const [index, copy] of others.entries()) {
        const artifactId = await leaveMessage(vault, 1_500, index);
        const note = { caller: CALLER, subject: artifactId, kind: 'note', text: 'to be forgotten' } as const;
        const { noteId } = await vault.ask('note.add', note);
        gone.push(`artifacts/${artifactId}`, `segments/${artifactId}/0`, `notes/${noteId}`);
        await vault.ask('backup.create', { caller: CALLER, target });
        cpSync(target, copy, { recursive: true });
      }
      const before = await steal(target, [target], secrets);
      t.match(before, { slots: 3, opened: before.sealed }, 'the thief is good at it: he opens all that is there');
      for (const name of gone.filter((each) => each.startsWith('artifacts/')))
        await vault.ask('artifact.dispose', { caller: CALLER, artifactId: name.slice(10) as ArtifactId });
      await vault.ask('backup.create', { caller: CALLER, target });
      const { slots, sealed, opened } = await steal(target, [target, ...others], secrets);
      t.equal(slots, 3);
      t.same(gone.filter((name) => !sealed.has(name)), [], 'their ciphertext is still there'); // biome-ignore format: short
      t.same([...opened].sort(), [...sealed].filter((name) => !gone.includes(name)).sort(), 'and all else opens');
      t.ok(opened.has(`segments/${kept}/0`));
      await vault.ask('backup.create', { caller: CALLER, target, isAnew: true });
      const anew = await steal(target, [target], secrets);
      t.same([...anew.sealed].filter((name) => gone.includes(name)), [], 'begun anew, not even ciphertext is left'); // biome-ignore format: short
      t.same(anew.opened, anew.sealed);
      for (let seed = 0; seed < 3; seed++) gone.push(await leaveMessage(vault, 59_000, seed));
      await vault.ask('backup.create', { caller: CALLER, target });
      t.ok(bytesOf(target) > 1_400_000);
      for (const artifactId of gone.slice(-3)) await vault.ask('artifact.dispose', { caller: CALLER, artifactId: artifactId as ArtifactId }); // biome-ignore format: one line
      await vault.ask('backup.create', { caller: CALLER, target });
      t.ok(bytesOf(target) < 400_000, 'a backup that is mostly dead ciphertext is begun anew by itself');
    }
    t.match(await restoreTo(bare, target, recoveryCode), { problems: [] });
  },
);

t.test('calls go on while a backup runs, and disposing then scrubs the journal afterwards', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  for (let seed = 0; seed < 6; seed++) await leaveMessage(vault, 60_000, seed);
  const gone = await leaveMessage(vault, 2_000, 9);
  const target = join(folders.root, 'backup');
  const running = vault.ask('backup.create', { caller: CALLER, target });
  await t.rejects(vault.ask('backup.create', { caller: CALLER, target }), { code: 'backup-running' });
  const begun = performance.now();
  await vault.ask('artifact.dispose', { caller: CALLER, artifactId: gone });
  const during = await leaveMessage(vault, 1_000, 5);
  t.ok(performance.now() - begun < 1_900, `nobody waits for the snapshot: ${Math.round(performance.now() - begun)} ms`);
  await running;
  t.ok((await heard(vault, during)).equals(tone(1_000, 5)));
  t.equal(
    readFileSync(join(folders.dataFolder, 'vault.db-wal')).includes(`${gone}/0`),
    false,
    'its keys are not in the journal',
  );
  t.match(await vault.ask('backup.status', {}), { disposalsWaiting: 1 }, 'the bundle may hold its key');
  t.equal((await vault.ask('backup.create', { caller: CALLER, target })).completed, 1);
});

t.test('an interrupted run leaves the backup before it valid', async (t) => {
  using folders = newFolders();
  using bare = newFolders();
  const { recoveryCode } = await makeVault(folders);
  const target = join(folders.root, 'backup');
  await using vault = await openVault(folders);
  await leaveMessage(vault, 1_000);
  await vault.ask('backup.create', { caller: CALLER, target });
  const names = readdirSync(target).sort();
  const stray = names.find((name) => name.startsWith('bundle-'))!.replace(/-\w{26}-/, '-aaaaaaaaaaaaaaaaaaaaaaaaaa-');
  copyFileSync(join(target, 'slots'), join(target, stray));
  await t.resolves(restoreTo(bare, target, recoveryCode));
  await vault.ask('backup.create', { caller: CALLER, target });
  t.notOk(readdirSync(target).includes(stray), 'the next run clears it away');
  t.equal(readdirSync(target).filter((name) => name.startsWith('bundle-')).length, 1);
});

t.test('a target is written once a day by itself, and one that cannot be is named after three', async (t) => {
  using folders = newFolders();
  const clock = new ManualClock();
  await makeVault(folders, clock);
  const [good, bad] = [join(folders.root, 'good'), join(folders.root, 'bad')];
  {
    await using vault = await openVault(folders, { clock });
    for (const target of [good, bad]) await vault.ask('backup.create', { caller: CALLER, target });
  }
  rmSync(bad, { recursive: true });
  writeFileSync(bad, 'a file stands where the disk was');
  clock.advance(4 * 24 * 3_600_000);
  await using vault = await openVault(folders, { clock });
  t.equal((await vault.ask('status', {})).problems.length, 2, 'both are old');
  clock.advance(16 * 60_000);
  const isWritten = async () => {
    const { targets } = await vault.ask('backup.status', {});
    return targets.find(({ path }) => path === good)?.lastAt === clock.now();
  };
  for (let turn = 0; turn < 500 && !(await isWritten()); turn++) await new Promise((next) => setImmediate(next));
  t.match((await vault.ask('status', {})).problems, [/^The backup to .*bad is more than three days old/]);
});

t.test('a drill opens everything and finds what the vault did not know of', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const target = join(folders.root, 'backup');
  const scratch = join(folders.root, 'scratch');
  mkdirSync(scratch);
  await using vault = await openVault(folders);
  await leaveMessage(vault, 3_000);
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  await vault.ask('backup.create', { caller: CALLER, target });
  const unlock = { slot: 'key-file', secret: readFileSync(folders.keyFile, 'utf8') } as const;
  const drill = await runDrill({ from: target, scratch, unlock, clock: systemClock, caller: CALLER });
  t.match(drill, { problems: [], calls: 1, artifacts: 1, isLocked: false });
  t.same(readdirSync(scratch), [], 'the scratch folder is gone');
});
