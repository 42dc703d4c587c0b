// The whole appliance as a newcomer starts it: `src/main.ts` in a process of its own, on loopback and on ports of its own.

import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { enrolPerson } from '../../scripts/demo/person.ts';
import { type CliContext, openVault } from '../../src/cli/context.ts';
import { loadBootstrap } from '../../src/config/bootstrap.ts';
import { readEnvironment } from '../../src/config/env.ts';
import { openRuntimeFolder } from '../../src/config/runtime-folder.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { ContactBinding } from '../../src/model/binding.ts';
import type { Cdr } from '../../src/model/cdr.ts';
import type { Vault } from '../../src/vault/contract.ts';
import type { Caller } from '../../src/vault/shapes.ts';
import { until } from './patience.ts';

export { until } from './patience.ts';

export const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface Appliance extends AsyncDisposable {
  readonly varFolder: string;
  readonly dataFolder: string;
  readonly logFolder: string;
  /** The folder on RAM with the processes' sockets and the spool. */
  readonly runtimeFolder: string;
  readonly phonesPort: number;
  readonly carrierUdpPort: number;
  readonly carrierTcpPort: number;
  readonly consoleUrl: string;
  /** Everything printed so far. */
  output(): string;
  /** The link for the first administrator. */
  readonly enrolmentToken: string;
  readonly recoveryCode: string;
  readonly process: ChildProcess;
  /** Runs `wardline` against it. */
  cli(args: readonly string[], input?: string): { status: number | null; stdout: string; stderr: string };
  /** Gives the phone a new password and answers its settings. */
  phone(username: string): Promise<{ username: string; password: string; port: number }>;
  /** Where phones are registered from. */
  bindings(): Promise<readonly ContactBinding[]>;
  /** Asks its vault as somebody at the command line, as `scripts/wardline` does. */
  withVault<T>(ask: (vault: Vault, caller: Caller) => Promise<T>): Promise<T>;
  /** The same as a person with every role, who may be shown what people said and did. */
  withPerson<T>(ask: (vault: Vault, caller: Caller) => Promise<T>): Promise<T>;
  /** The newest calls first, 100 at most. */
  calls(): Promise<readonly Cdr[]>;
  /** SIGINT, and its exit code. */
  stop(): Promise<number | null>;
  /** `kill -9` of every process of it. */
  killAll(): Promise<void>;
  /** Starts it again on the same folder. */
  restart(): Promise<Appliance>;
}

export interface ApplianceOptions {
  /** An existing folder, to start again on; a new one in the temporary folder when absent. */
  readonly varFolder?: string;
  /** Lines put into the bootstrap file instead of its defaults. */
  readonly bootstrap?: string;
}

const READY_MS = 90_000;

/** Ports are chosen by the kernel; audio ports are spread by process so that two appliances do not meet. */
export function defaultBootstrap(): string {
  const first = 21_000 + (process.pid % 200) * 100;
  return `host-name: localhost
address: 127.0.0.1
phones: { tls: 0 }
carriers: { udp: 0, tcp: 0 }
audio: { first-port: ${first}, last-port: ${first + 99} }
console: { host: 127.0.0.1, port: 0 }
roles: { edge: embedded, media: embedded }
folders: { data: data, keys: keys, logs: logs }
log-level: info
`;
}

/** Starts the appliance and resolves when its start screen is there; rejects with what it printed when it does not come. */
export async function startAppliance({ varFolder, bootstrap }: ApplianceOptions = {}): Promise<Appliance> {
  const folder = varFolder ?? mkdtempSync(join(tmpdir(), 'wardline-'));
  if (varFolder === undefined) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'wardline.yaml'), bootstrap ?? defaultBootstrap());
  }
  const env = { ...process.env, WARDLINE_VAR: folder };
  const child = spawn(process.execPath, [join(checkout, 'src', 'main.ts')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk));
  await until(() => output.includes('Ctrl-C again') || child.exitCode !== null, READY_MS);
  if (!output.includes('Ctrl-C again')) {
    child.kill('SIGKILL');
    if (varFolder === undefined) rmSync(folder, { recursive: true, force: true });
    throw new Error(`The appliance did not start; it printed:\n${output}`);
  }
  return running(folder, child, () => output, env);
}

function running(folder: string, child: ChildProcess, output: () => string, env: NodeJS.ProcessEnv): Appliance {
  const find = (pattern: RegExp) => pattern.exec(output())?.[1] ?? '';
  const secrets = () => readFileSync(join(folder, 'keys', 'FIRST-START-SECRETS.txt'), 'utf8');
  const cli: Appliance['cli'] = (args, input) =>
    spawnSync(join(checkout, 'scripts', 'wardline'), args, {
      env,
      encoding: 'utf8',
      input: input ?? '',
      timeout: 120_000,
    });
  const self: Appliance = {
    varFolder: folder,
    dataFolder: join(folder, 'data'),
    logFolder: join(folder, 'logs'),
    get runtimeFolder() {
      return (JSON.parse(cli(['paths', '--json']).stdout) as { runtime: string }).runtime;
    },
    phonesPort: Number(find(/Phones .*?:(\d+) /)),
    carrierUdpPort: Number(find(/UDP \S+?:(\d+)/)),
    carrierTcpPort: Number(find(/TCP \S+?:(\d+)/)),
    consoleUrl: find(/Console\s+(https:\S+)/),
    output,
    get enrolmentToken() {
      return /enrol#(\S+)/.exec(secrets())?.[1] ?? '';
    },
    get recoveryCode() {
      return /Recovery code\s+(\S+)/.exec(secrets())?.[1] ?? '';
    },
    process: child,
    cli,
    phone: async (username) => {
      const password = randomBytes(12).toString('hex');
      await withVault(env, (vault, caller) => vault.ask('credentials.set', { caller, username, password }));
      return { username, password, port: self.phonesPort };
    },
    bindings: async () => (await withVault(env, (vault) => vault.ask('bindings.list', {}))).bindings,
    withVault: (ask) => withVault(env, ask),
    withPerson: (ask) => withPerson(env, ask),
    calls: async () => {
      const ask = (vault: Vault, caller: Caller) => vault.ask('calls.page', { caller, page: { limit: 100 } });
      return (await withPerson(env, ask)).rows;
    },
    stop: () => stop(child, 'SIGINT'),
    killAll: async () => {
      const pids = [child.pid ?? 0, ...childrenOf(child.pid ?? 0)];
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
    restart: () => startAppliance({ varFolder: folder }),
    async [Symbol.asyncDispose]() {
      await stop(child, 'SIGTERM');
      const runtimeFolder = openRuntimeFolder(readEnvironment(env, checkout));
      for (const each of [runtimeFolder, folder]) rmSync(each, { recursive: true, force: true });
    },
  };
  return self;
}

async function withVault<T>(env: NodeJS.ProcessEnv, ask: (vault: Vault, caller: Caller) => Promise<T>): Promise<T> {
  const environment = readEnvironment(env, checkout);
  const context: CliContext = {
    checkout,
    bootstrap: loadBootstrap(environment),
    runtimeFolder: openRuntimeFolder(environment),
    clock: systemClock,
    caller: { actor: { kind: 'local', user: 'test' }, address: '' },
  };
  await using vault = await openVault(context);
  return await ask(vault, context.caller);
}

/** Enrolled once for each appliance; later links show the session. */
const persons = new Map<string, { caller: Caller; sessionToken: string }>();

function withPerson<T>(env: NodeJS.ProcessEnv, ask: (vault: Vault, caller: Caller) => Promise<T>): Promise<T> {
  return withVault(env, async (vault, local) => {
    const folder = env.WARDLINE_VAR ?? '';
    const known = persons.get(folder) ?? (await enrolPerson(vault, local));
    persons.set(folder, { caller: known.caller, sessionToken: known.sessionToken });
    await vault.ask('session.check', { sessionToken: known.sessionToken, address: '' });
    return ask(vault, known.caller);
  });
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
  return child.exitCode;
}

function childrenOf(pid: number): number[] {
  const text = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' }).stdout;
  return text
    .split('\n')
    .map(Number)
    .filter((each) => each > 0);
}
