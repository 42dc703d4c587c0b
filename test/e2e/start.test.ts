// What a newcomer sees: the first start, the second, every way in which starting can fail, and Ctrl-C.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { checkout, defaultBootstrap, startAppliance, until } from '../support/appliance.ts';
import { PATIENCE_MS } from '../support/patience.ts';

const main = join(checkout, 'src', 'main.ts');

/** Runs a start that is expected to fail, and gives what a person would see. */
function failingStart(varFolder: string): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main], {
    env: { ...process.env, WARDLINE_VAR: varFolder },
    encoding: 'utf8',
    timeout: 90_000,
  });
  return { status, text: stdout + stderr };
}

function temporary(t: { teardown(action: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-start-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What is wrong with a refusal, which must be one sentence that says what to do, exit code 1, and no stack trace. */
function faultsOf({ status, text }: ReturnType<typeof failingStart>, pattern: RegExp): string[] {
  const sentences = text.split('\n').filter((line) => line.startsWith('wardline:'));
  return [
    ...(status === 1 ? [] : [`exit code ${status}`]),
    ...(sentences.length === 1 && pattern.test(sentences[0] ?? '')
      ? []
      : [`not one sentence like ${pattern}:\n${text}`]),
    ...(/^\s+at /m.test(text) ? [`a stack trace:\n${text}`] : []),
  ];
}

t.setTimeout(300_000);
t.test(
  'the first start keeps its secrets in a file of mode 0600 when no terminal is there; the second prints none',
  async (t) => {
    const appliance = await startAppliance();
    t.teardown(() => appliance[Symbol.asyncDispose]());
    const file = join(appliance.varFolder, 'keys', 'FIRST-START-SECRETS.txt');
    t.equal(statSync(file).mode & 0o777, 0o600);
    t.match(appliance.output(), file, 'the start names the file');
    t.notMatch(appliance.output(), appliance.recoveryCode);
    t.notMatch(appliance.output(), appliance.enrolmentToken);
    t.ok(appliance.recoveryCode.replaceAll('-', '').length >= 26, '128 bits at 5 a letter need 26');
    t.equal(statSync(join(appliance.varFolder, 'keys', 'wardline.key')).mode & 0o777, 0o400);

    const doctor = appliance.cli(['doctor']);
    t.equal(doctor.status, 1);
    t.match(doctor.stdout, /PROBLEM first secrets/);
    t.match(doctor.stdout, /PROBLEM sample trunk/);

    const { recoveryCode, enrolmentToken } = appliance;
    t.equal(await appliance.stop(), 0, 'Ctrl-C ends it clean');
    rmSync(file);
    const second = await appliance.restart();
    t.equal(await second.stop(), 0);
    t.notMatch(second.output(), recoveryCode);
    t.notMatch(second.output(), enrolmentToken);
    t.notOk(existsSync(file));
  },
);

t.test('a terminal is shown the secrets once, and no file holds them', async (t) => {
  const folder = temporary(t);
  writeFileSync(join(folder, 'wardline.yaml'), defaultBootstrap());
  const terminal = spawn('script', ['-qec', `${process.execPath} ${main}`, '/dev/null'], {
    env: { ...process.env, WARDLINE_VAR: folder },
  });
  let stdout = '';
  terminal.stdout.on('data', (chunk: Buffer) => (stdout += chunk));
  t.ok(await until(() => stdout.includes('Ctrl-C again'), 2 * PATIENCE_MS), 'the start screen comes');
  terminal.stdin.write('\x03');
  t.ok(await until(() => terminal.exitCode !== null), 'Ctrl-C ends it');
  t.match(stdout, /Recovery code\s+\S{26,}/);
  t.match(stdout, /https:\/\/localhost:\d+\/enrol#\S{20,}/);
  t.match(stdout, /Wardline is running/);
  t.match(stdout, /Wardline has stopped/);
  t.notOk(existsSync(join(folder, 'keys', 'FIRST-START-SECRETS.txt')));
});

t.test('a second appliance on the same folder, or on a taken port, says so', async (t) => {
  const folder = temporary(t);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  writeFileSync(join(folder, 'wardline.yaml'), defaultBootstrap().replace('tls: 0', `tls: ${port}`));
  t.same(faultsOf(failingStart(folder), new RegExp(`127\\.0\\.0\\.1.*${port}.*(taken|another program has it)`)), []);

  writeFileSync(join(folder, 'wardline.yaml'), defaultBootstrap().replace('port: 0 }', `port: ${port} }`));
  t.same(faultsOf(failingStart(folder), new RegExp(`127\\.0\\.0\\.1.*${port}.*(taken|another program has it)`)), []);
});

t.test('two appliances on one folder: the second refuses, the first goes on', async (t) => {
  const appliance = await startAppliance();
  t.teardown(() => appliance[Symbol.asyncDispose]());
  t.same(faultsOf(failingStart(appliance.varFolder), /already runs/), []);
  t.equal(appliance.cli(['vault', 'status']).status, 0);
});

t.test('a folder that cannot be written, a broken bootstrap file: one sentence, exit code 1', async (t) => {
  const folder = temporary(t);
  const file = join(folder, 'a-file');
  writeFileSync(file, '');
  for (const place of [join(file, 'var'), '/proc/no-such-folder/var']) {
    t.same(faultsOf(failingStart(place), /cannot be written.*WARDLINE_VAR/), [], place);
  }

  const broken = join(folder, 'broken');
  mkdirSync(broken);
  writeFileSync(join(broken, 'wardline.yaml'), 'address: [');
  t.same(faultsOf(failingStart(broken), /wardline\.yaml is not valid YAML/), []);
  writeFileSync(join(broken, 'wardline.yaml'), defaultBootstrap().replace('address: 127.0.0.1', 'address: reception'));
  t.same(faultsOf(failingStart(broken), /'reception' is not an IP address/), []);
  writeFileSync(join(broken, 'wardline.yaml'), defaultBootstrap().replace('log-level: info', 'log-level: chatty'));
  t.same(faultsOf(failingStart(broken), /log-level/), []);
});

t.test('a wrong key, a missing key, a file that is no vault: one sentence, exit code 1', async (t) => {
  const appliance = await startAppliance();
  t.teardown(() => appliance[Symbol.asyncDispose]());
  await appliance.stop();
  const keyFile = join(appliance.varFolder, 'keys', 'wardline.key');
  const key = readFileSync(keyFile);

  rmSync(keyFile);
  t.same(faultsOf(failingStart(appliance.varFolder), /key file|key/i), []);
  writeFileSync(
    keyFile,
    key.map((byte, index) => (index === 10 ? byte ^ 1 : byte)),
    { mode: 0o400 },
  );
  t.same(faultsOf(failingStart(appliance.varFolder), /key/i), []);
  rmSync(keyFile);
  writeFileSync(keyFile, key, { mode: 0o400 });

  const database = join(appliance.dataFolder, 'vault.db');
  writeFileSync(database, 'this is no database, but it is long enough to look at'.repeat(200));
  t.same(faultsOf(failingStart(appliance.varFolder), /vault|database/i), []);
});
