// The systemd-credential slot: a unit's credentials folder opens the vault with nobody there; slots come, go and are replaced while it runs.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadBootstrap } from '../../src/config/bootstrap.ts';
import { readEnvironment } from '../../src/config/env.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLogger } from '../../src/kernel/logger.ts';
import { newKeyFileText } from '../../src/vault/keys/slots.ts';
import { OpenVault } from '../../src/vault/open-vault.ts';
import type { VaultStatus } from '../../src/vault/shapes.ts';
import { mayUseTpm, SoftwareTpm } from '../support/software-tpm.ts';
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

/** What the command line finds at `root`: an appliance that was made and never started. */
async function makeAppliance(root: string) {
  const variables = { WARDLINE_VAR: join(root, 'var'), XDG_RUNTIME_DIR: root };
  const { dataFolder, keyFile, headsFile, firstSecretsFile } = loadBootstrap(
    readEnvironment({ ...process.env, ...variables }, process.cwd()),
    'write',
  );
  const inside: Folders = { ...foldersIn(root), dataFolder, keyFile, headsFile };
  const { recoveryCode } = await makeVault(inside);
  const wardline = (args: readonly string[], env: NodeJS.ProcessEnv, input = '') =>
    spawnSync(process.execPath, ['src/cli/main.ts', ...args], {
      env: { ...process.env, ...variables, ...env },
      encoding: 'utf8',
      input,
    });
  return { inside, recoveryCode, firstSecretsFile, wardline };
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

t.test('the command line adds recovery codes and a credential, and lets no secret through a pipe', async (t) => {
  using folders = newFolders('/dev/shm');
  const { inside, firstSecretsFile, wardline } = await makeAppliance(folders.root);
  const run = (...args: string[]) => {
    const done = wardline(args, { PATH: '' }); // no systemd-creds can be run
    t.equal(done.status, 0, done.stderr);
    return done;
  };
  const coded = run('vault', 'slot', 'add', 'recovery', '--key-file', '--yes');
  t.match(coded.stdout, firstSecretsFile, 'it says which file holds the code; doctor warns of that one');
  const rotated = run('vault', 'slot', 'rotate', '--all', '--key-file', '--yes', '--json');
  t.equal(JSON.parse(rotated.stdout).secrets, firstSecretsFile);
  const secrets = readFileSync(firstSecretsFile, 'utf8');
  const codes = [...secrets.matchAll(/Recovery code\s+(\S+)/g)].map(([, code = '']) => code);
  t.equal(codes.length, 2);
  for (const code of codes) t.notMatch(`${coded.stdout}${coded.stderr}${rotated.stdout}${rotated.stderr}`, code);
  t.equal(statSync(firstSecretsFile).mode & 0o777, 0o600);

  const added = run('vault', 'slot', 'add', 'systemd-credential', '--key-file', '--yes');
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
  rmSync(inside.keyFile);
  await t.rejects(openVault(inside), { code: 'key-file-missing' });
  const opened = wardline(['vault', 'status', '--json'], { CREDENTIALS_DIRECTORY: credentials });
  t.match(JSON.parse(opened.stdout), { records: 'unlocked', problems: [] });
});

t.test('sealed to a TPM2: added, a new root by it alone, and nothing of it opens elsewhere', async (t) => {
  if (!mayUseTpm(t)) return;
  using tpm = await SoftwareTpm.start();
  using folders = newFolders('/dev/shm');
  const [store, credentials] = [join(folders.root, 'store'), join(folders.root, 'credentials')];
  const { inside, recoveryCode, wardline } = await makeAppliance(folders.root);
  const run = (...args: string[]) => {
    const env = { CREDENTIALS_DIRECTORY: credentials, PATH: `${tpm.folder}:${process.env.PATH}` };
    const done = wardline(args, env, `${recoveryCode}\n`);
    t.equal(done.status, 0, `${args.join(' ')}: ${done.stderr}`);
    return done.stdout;
  };
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
  rmSync(inside.keyFile);
  run('vault', 'slot', 'rotate', '--all', '--credstore', store, '--yes');
  t.same(readdirSync(store), ['wardline-key-next'], 'the old credential is gone, the new one has the other name');
  t.notOk(existsSync(inside.keyFile), 'no key file was left');
  tpm.boot(store, credentials);
  {
    await using vault = await openWith(inside, credentials);
    const { answer } = await vault.answer('status', {}, new Uint8Array(0), { role: 'main' });
    const slots = [{ kind: 'systemd-credential' }, { kind: 'recovery' }];
    t.match(answer, { records: 'unlocked', problems: [], slots });
  }
  using other = await SoftwareTpm.start();
  t.throws(() => other.boot(store, credentials), 'another TPM opens none of it');
});
