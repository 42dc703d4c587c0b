// Backup disks as they are in a clinic: unplugged, swapped, prepared by somebody else, half empty; and a folder where a journal was left.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { systemClock } from '../../src/kernel/clock.ts';
import { runDrill } from '../../src/vault/backup/drill.ts';
import { restoreVault } from '../../src/vault/backup/restore.ts';
import { createVault } from '../../src/vault/create.ts';
import { ManualClock } from '../support/manual-clock.ts';
import {
  type BenchVault, CALLER, captureAll, type Folders, makeVault, newFolders, openVault, sampleCdr, sampleClinic, tone, voicemailHeader } from '../support/vault-bench.ts'; // biome-ignore format: one import

async function leaveMessage(vault: BenchVault, clock?: ManualClock) {
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(500), clock);
  await vault.ask('artifact.close', { artifactId, keep: true });
  return artifactId;
}

function restoreTo({ dataFolder, keyFile, headsFile }: Folders, from: string, secret: string) {
  const unlock = { slot: 'recovery', secret } as const;
  return restoreVault({ from, dataFolder, keyFile, headsFile, unlock, clock: systemClock, caller: CALLER });
}

const dataFile = (folder: string) => join(folder, readdirSync(folder).find((name) => /^rows-\w{26}-/.test(name))!);

t.test(
  'an empty mount point, or another disk in its place, is not the disk whose keys a disposal waits for',
  async (t) => {
    using folders = newFolders('/dev/shm');
    const clock = new ManualClock();
    await makeVault(folders, clock);
    await using vault = await openVault(folders, { clock });
    const [place, other] = [join(folders.root, 'usb'), join(folders.root, 'other')];
    const gone = await leaveMessage(vault, clock);
    for (const target of [other, place]) await vault.ask('backup.create', { caller: CALLER, target });
    await vault.ask('artifact.dispose', { caller: CALLER, artifactId: gone });
    await vault.ask('backup.create', { caller: CALLER, target: other });
    renameSync(place, `${place}-drawer`);
    mkdirSync(place);
    await t.rejects(vault.ask('backup.create', { caller: CALLER, target: place }), { code: 'backup-gone' });
    clock.advance(30 * 3_600_000); // by itself neither
    for (let turn = 0; turn < 200; turn++) await new Promise((next) => setImmediate(next));
    t.same(readdirSync(place), [], 'nothing is written to the disk below');
    const { targets, disposalsWaiting } = await vault.ask('backup.status', {});
    t.equal(disposalsWaiting, 1);
    t.match(targets.find(({ path }) => path === place), { isThere: false, holdsDisposed: 1 }); // biome-ignore format: short
    rmSync(place, { recursive: true });
    renameSync(other, place);
    await t.rejects(vault.ask('backup.create', { caller: CALLER, target: place }), { code: 'backup-gone' });
    renameSync(place, other);
    renameSync(`${place}-drawer`, place);
    t.equal((await vault.ask('backup.create', { caller: CALLER, target: place })).completed, 1, 'back again');
  },
);

t.test('a run that was cut off between its manifest and its entry is known as its own', async (t) => {
  using folders = newFolders('/dev/shm');
  using bare = newFolders('/dev/shm');
  const { recoveryCode } = await makeVault(folders);
  const target = join(folders.root, 'backup');
  {
    await using vault = await openVault(folders);
    for (let run = 0; run < 2; run++) await vault.ask('backup.create', { caller: CALLER, target });
  }
  // A restored vault stands where the run had begun: its manifest is there, and no entry that says so.
  await restoreTo(bare, target, recoveryCode);
  await using vault = await openVault(bare);
  t.match(await vault.ask('backup.create', { caller: CALLER, target }), { target });
});

t.test('a backup that lost a file, or has it cut, is written whole again', async (t) => {
  using folders = newFolders('/dev/shm');
  using bare = newFolders('/dev/shm');
  const { recoveryCode } = await makeVault(folders);
  const target = join(folders.root, 'backup');
  {
    await using vault = await openVault(folders);
    await leaveMessage(vault);
    for (const hurt of [rmSync, (path: string) => writeFileSync(path, 'cut')]) {
      await vault.ask('backup.create', { caller: CALLER, target });
      hurt(dataFile(target));
    }
    await vault.ask('backup.create', { caller: CALLER, target });
    t.match(await vault.ask('backup.verify', { caller: CALLER, target }), { ok: true });
  }
  t.match(await restoreTo(bare, target, recoveryCode), { problems: [] });
  await using vault = await openVault(bare);
  t.equal((await vault.ask('status', {})).counts.voicemails, 1);
});

t.test(
  'a run that is cut off at its last names leaves a backup that opens, and no files that nobody needs',
  async (t) => {
    using folders = newFolders('/dev/shm');
    const { recoveryCode } = await makeVault(folders);
    const target = join(folders.root, 'backup');
    const slots = join(target, 'slots');
    const opens = async (code: string, message: string) => {
      using bare = newFolders('/dev/shm');
      await t.resolves(restoreTo(bare, target, code), message);
    };
    await using vault = await openVault(folders);
    await leaveMessage(vault);
    await vault.ask('backup.create', { caller: CALLER, target });
    const before = { names: readdirSync(target), slots: readFileSync(slots) };
    const proof = { slot: 'recovery', secret: recoveryCode } as const;
    const added = await vault.ask('slot.add', { caller: CALLER, using: proof, kind: 'recovery', opens: 'both' });
    mkdirSync(join(target, 'manifest.new', 'of somebody'), { recursive: true });
    await t.rejects(vault.ask('backup.create', { caller: CALLER, target }), { code: 'backup-failed' });
    rmSync(join(target, 'manifest.new'), { recursive: true });
    t.same(readdirSync(target).filter((name) => name !== 'slots.new'), before.names, 'no data file is left'); // biome-ignore format: one look
    await opens(recoveryCode, 'cut off before the manifest had its name');
    await vault.ask('backup.create', { caller: CALLER, target });
    renameSync(slots, `${slots}.new`);
    writeFileSync(slots, before.slots);
    await opens(String(added.recoveryCode), 'cut off before the slots had theirs');
    t.match(await vault.ask('backup.verify', { caller: CALLER, target }), { ok: true });
    rmSync(`${slots}.new`);
    const { ok, problems } = await vault.ask('backup.verify', { caller: CALLER, target });
    t.match({ ok, problems }, { ok: false, problems: [/slots/] }, 'nobody could open this one');
  },
);

t.test('links and folders that somebody else put on the disk lead nowhere', async (t) => {
  using folders = newFolders('/dev/shm');
  using bare = newFolders('/dev/shm');
  const { recoveryCode } = await makeVault(folders);
  const [target, precious] = [join(folders.root, 'backup'), join(folders.root, 'precious')];
  writeFileSync(precious, 'kept');
  mkdirSync(join(target, 'rows-of-somebody'), { recursive: true });
  for (const name of ['slots.new', 'manifest.new']) symlinkSync(precious, join(target, name));
  {
    await using vault = await openVault(folders);
    await vault.ask('backup.create', { caller: CALLER, target });
  }
  t.equal(readFileSync(precious, 'utf8'), 'kept');
  for (const path of [dataFile(target), join(target, 'manifest'), join(target, 'slots')]) {
    renameSync(path, `${path}.aside`);
    symlinkSync('/dev/zero', path);
    await t.rejects(restoreTo(bare, target, recoveryCode), { code: 'backup-damaged' }, path.slice(target.length));
    rmSync(path);
    renameSync(`${path}.aside`, path);
  }
});

t.test(
  'a journal that was left in the folder is not played into the vault that is made or restored there',
  async (t) => {
    using folders = newFolders('/dev/shm');
    const { recoveryCode } = await makeVault(folders);
    const target = join(folders.root, 'backup');
    const path = join(folders.dataFolder, 'vault.db');
    await using vault = await openVault(folders);
    await vault.ask('backup.create', { caller: CALLER, target });
    for (let call = 0; call < 20; call++) await vault.ask('cdr.put', { cdr: sampleCdr() });
    using bare = newFolders('/dev/shm');
    mkdirSync(bare.dataFolder);
    writeFileSync(join(bare.dataFolder, 'vault.db-wal'), readFileSync(`${path}-wal`)); // as after a power cut
    await t.rejects(restoreTo(bare, target, recoveryCode), { code: 'vault-exists' });
    const made = { hostName: 'wardline.test', addresses: [], realm: 'clinic.test', clinic: sampleClinic() };
    await t.rejects(createVault({ ...bare, ...made, clock: systemClock }), { code: 'vault-exists' });
    rmSync(join(bare.dataFolder, 'vault.db-wal'));
    t.match(await restoreTo(bare, target, recoveryCode), { problems: [] });
  },
);

t.test('a place where no folder can be made is refused at once', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  await using vault = await openVault(folders);
  await t.rejects(vault.ask('backup.create', { caller: CALLER, target: '/proc/wardline/backup' }), {
    code: 'backup-failed',
  });
  const unlock = { slot: 'key-file', secret: readFileSync(folders.keyFile, 'utf8') } as const;
  const drill = { from: folders.root, scratch: '/proc/wardline', unlock, clock: systemClock, caller: CALLER };
  await t.rejects(runDrill(drill), { code: 'folder-unwritable' });
});
