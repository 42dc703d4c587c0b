// The systemd-credential slot: a unit's credentials folder opens the vault with nobody there; slots come, go and are replaced while it runs.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLogger } from '../../src/kernel/logger.ts';
import { newKeyFileText } from '../../src/vault/keys/slots.ts';
import { OpenVault } from '../../src/vault/open-vault.ts';
import type { VaultStatus } from '../../src/vault/shapes.ts';
import { SoftwareTpm } from '../support/software-tpm.ts';
import { CALLER, type Folders, foldersIn, LOCAL, makeVault, newFolders, openVault } from '../support/vault-bench.ts';

t.setTimeout(600_000); // the software TPM and the commands are slow on a busy machine
const log = createLogger({ role: 'vault', level: 'silent' });

function openWith(folders: Folders, credentialsFolder: string): Promise<OpenVault> {
  return OpenVault.open({
    ...folders,
    credentialsFolder,
    clock: systemClock,
    log,
    startLocked: false,
    canResume: false,
  });
}

t.test(
  'a credential opens the vault without a key file, and is added, replaced and removed while it runs',
  async (t) => {
    using folders = newFolders('/dev/shm');
    const { recoveryCode } = await makeVault(folders);
    const credentials = join(folders.root, 'credentials');
    mkdirSync(credentials);
    const using_ = { slot: 'recovery', secret: recoveryCode } as const;
    const [first, second] = [newKeyFileText(), newKeyFileText()];
    const add = { caller: CALLER, using: using_, kind: 'systemd-credential', opens: 'both' } as const;
    {
      await using vault = await openWith(folders, credentials);
      const controller = { role: 'controller' };
      const nothing = new Uint8Array(0);
      await vault.answer('slot.add', { ...add, secret: first }, nothing, controller);
      const { slots } = (await vault.answer('status', {}, nothing, controller)).answer;
      const slotId = slots.find(({ kind }) => kind === 'key-file')?.id ?? '';
      const remove = () => vault.answer('slot.remove', { caller: CALLER, slotId }, nothing, controller);
      await t.rejects(remove(), { code: 'slot-untried' }, 'the credential is not in its place yet');
      writeFileSync(join(credentials, 'wardline-key-first'), first);
      await remove();
      rmSync(join(credentials, 'wardline-key-first'));
    }
    renameSync(folders.keyFile, `${folders.keyFile}.away`);
    await t.rejects(openVault(folders), { code: 'key-file-missing' }, 'without the credential nothing opens it');
    writeFileSync(join(credentials, 'wardline-key-first'), first);
    writeFileSync(join(credentials, 'wardline-key-broken'), 'no key at all');
    writeFileSync(join(credentials, 'another'), second);
    {
      await using vault = await openWith(folders, credentials);
      const cli = { role: 'cli', persons: new Map<string, string>() };
      const ask = async (name: 'status' | 'lock' | 'unlock', given: object) =>
        (await vault.answer(name, given as never, new Uint8Array(0), cli)).answer;
      t.match(await ask('status', {}), { records: 'unlocked', problems: [] });
      await ask('lock', { caller: LOCAL });
      t.match(await ask('unlock', { caller: LOCAL, slot: 'systemd-credential', secret: '' }), { records: 'unlocked' });
      const { slots } = (await ask('status', {})) as VaultStatus;
      const old = slots.find(({ kind }) => kind === 'systemd-credential')?.id ?? '';
      const controller = { role: 'controller' };
      const nothing = new Uint8Array(0);
      const remove = () => vault.answer('slot.remove', { caller: CALLER, slotId: old }, nothing, controller);
      await t.rejects(remove(), { code: 'last-slot' }, 'the last one to start with stays');
      await vault.answer('slot.add', { ...add, secret: second }, nothing, controller);
      await t.rejects(remove(), { code: 'slot-untried' });
      writeFileSync(join(credentials, 'wardline-key-second'), second);
      await remove();
      rmSync(join(credentials, 'wardline-key-second'));
    }
    await t.rejects(
      openWith(folders, credentials),
      { code: 'key-file-missing' },
      'the removed credential opens nothing',
    );
    writeFileSync(join(credentials, 'wardline-key-second'), second);
    const third = newKeyFileText();
    {
      await using vault = await openWith(folders, credentials);
      const rotate = (more: object) =>
        vault.answer('root.rotate', { caller: CALLER, using: using_, ...more }, new Uint8Array(0), {
          role: 'controller',
        });
      await t.rejects(rotate({}), { code: 'credential-needed' }, 'no key file is left where nobody wants one');
      const made = await rotate({ credential: third });
      t.match(made.answer, { credentialsRemoved: 1, passphrasesRemoved: 0 });
      t.notOk(existsSync(folders.keyFile));
    }
    writeFileSync(join(credentials, 'wardline-key-third'), third);
    await using vault = await openWith(folders, credentials);
    t.match((await vault.answer('status', {}, new Uint8Array(0), { role: 'main' })).answer, {
      problems: [],
      slots: [{ kind: 'systemd-credential' }, { kind: 'recovery' }],
    });
  },
);

t.test('the command line makes the slot, keeps its key on RAM alone, and prints the line that seals it', async (t) => {
  using folders = newFolders('/dev/shm');
  // an empty PATH: no systemd-creds can be run
  const env = { ...process.env, WARDLINE_VAR: join(folders.root, 'var'), XDG_RUNTIME_DIR: folders.root, PATH: '' };
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['src/cli/main.ts', ...args], { env, encoding: 'utf8', input: '' });
  const init = run('init', '--json');
  t.equal(init.status, 0, init.stderr);
  const added = run('vault', 'slot', 'add', 'systemd-credential', '--key-file', '--yes');
  t.equal(added.status, 0, added.stderr);
  const [, name = '', file = '', sealed = ''] =
    /systemd-creds encrypt --with-key=auto --name=(\S+) (\S+) (\S+)/.exec(added.stdout) ?? [];
  t.equal(name, 'wardline-key');
  t.equal(sealed, `/etc/credstore.encrypted/${name}`);
  t.match(added.stdout, `LoadCredentialEncrypted=${name}`);
  t.notMatch(added.stdout, /wardline-key-1:/, 'the key itself is not printed');
  t.match(readFileSync(file, 'utf8'), /^wardline-key-1:/);
  t.ok(file.startsWith('/dev/shm/'), 'it lies on RAM');

  const credentials = join(folders.root, 'credentials');
  mkdirSync(credentials);
  renameSync(file, join(credentials, name));
  rmSync(join(folders.root, 'var', 'keys', 'wardline.key'));
  t.equal(run('vault', 'status').status, 1);
  const opened = spawnSync(process.execPath, ['src/cli/main.ts', 'vault', 'status', '--json'], {
    env: { ...env, CREDENTIALS_DIRECTORY: credentials },
    encoding: 'utf8',
  });
  t.match(JSON.parse(opened.stdout), { records: 'unlocked', problems: [] });
});

t.test('sealed to a TPM2: added, a new root by it alone, and nothing of it opens elsewhere', async (t) => {
  using tpm = await SoftwareTpm.start();
  if (tpm === undefined) return void t.comment('no swtpm or systemd-creds here, or not root: not tried');
  using folders = newFolders('/dev/shm');
  const [store, credentials] = [join(folders.root, 'store'), join(folders.root, 'credentials')];
  const base = { WARDLINE_VAR: join(folders.root, 'var'), XDG_RUNTIME_DIR: folders.root };
  const keys = join(base.WARDLINE_VAR, 'keys');
  const [keyFile, headsFile] = [join(keys, 'wardline.key'), join(keys, 'audit-heads.jsonl')];
  const inside = { ...foldersIn(folders.root), dataFolder: join(base.WARDLINE_VAR, 'data'), keyFile, headsFile };
  let input = '';
  const run = (...args: string[]) => {
    const PATH = `${tpm.folder}:${process.env.PATH}`;
    const env = { ...process.env, ...base, CREDENTIALS_DIRECTORY: credentials, PATH };
    const done = spawnSync(process.execPath, ['src/cli/main.ts', ...args], { env, encoding: 'utf8', input });
    t.equal(done.status, 0, `${args.join(' ')}: ${done.stderr}`);
    return done.stdout;
  };
  run('init', '--json');
  const told = readFileSync(join(keys, 'FIRST-START-SECRETS.txt'), 'utf8');
  input = `${/Recovery code\s+(\S+)/.exec(told)?.[1]}\n`;
  const added = run('vault', 'slot', 'add', 'systemd-credential', '--key-file', '--credstore', store, '--yes');
  t.match(added, 'LoadCredentialEncrypted=wardline-key-next', 'the unit names both, for good');
  t.same(readdirSync(store), ['wardline-key']);
  const clear = readdirSync(folders.root).filter((name) => name.startsWith('wardline-key'));
  t.same(clear, [], 'no key lies in clear');
  tpm.boot(store, credentials);
  {
    await using vault = await openWith(inside, credentials);
    const context = { role: 'local', persons: new Map<string, string>() };
    const { slots } = (await vault.answer('status', {}, new Uint8Array(0), context)).answer;
    const slotId = slots.find(({ kind }) => kind === 'key-file')?.id ?? '';
    await vault.answer('slot.remove', { caller: LOCAL, slotId }, new Uint8Array(0), context);
  }
  rmSync(keyFile);
  run('vault', 'slot', 'rotate', '--all', '--credstore', store, '--yes');
  t.same(readdirSync(store), ['wardline-key-next'], 'the old credential is gone, the new one has the other name');
  t.notOk(existsSync(keyFile), 'no key file was left');
  tpm.boot(store, credentials);
  {
    await using vault = await openWith(inside, credentials);
    const { answer } = await vault.answer('status', {}, new Uint8Array(0), { role: 'main' });
    const slots = [{ kind: 'systemd-credential' }, { kind: 'recovery' }];
    t.match(answer, { records: 'unlocked', problems: [], slots });
  }
  using other = await SoftwareTpm.start();
  t.throws(() => other?.boot(store, credentials), 'another TPM opens none of it');
});

t.test('a recovery code goes to no pipe: the command line puts it into a file that doctor warns of', async (t) => {
  using folders = newFolders('/dev/shm');
  const env = { ...process.env, WARDLINE_VAR: join(folders.root, 'var'), XDG_RUNTIME_DIR: folders.root };
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['src/cli/main.ts', ...args], { env, encoding: 'utf8', input: '' });
  t.equal(run('init', '--json').status, 0);
  const secrets = join(folders.root, 'var', 'keys', 'FIRST-START-SECRETS.txt');
  rmSync(secrets);
  const codes = () =>
    [...readFileSync(secrets, 'utf8').matchAll(/Recovery code\s+(\S+)/g)].map(([, code = '']) => code);

  const added = run('vault', 'slot', 'add', 'recovery', '--key-file', '--yes');
  t.equal(added.status, 0, added.stderr);
  t.match(added.stdout, secrets);
  const rotated = run('vault', 'slot', 'rotate', '--all', '--key-file', '--yes', '--json');
  t.equal(rotated.status, 0, rotated.stderr);
  t.equal(JSON.parse(rotated.stdout).secrets, secrets);
  t.equal(codes().length, 2);
  for (const code of codes()) t.notMatch(`${added.stdout}${added.stderr}${rotated.stdout}${rotated.stderr}`, code);
  t.equal(statSync(secrets).mode & 0o777, 0o600);
});
