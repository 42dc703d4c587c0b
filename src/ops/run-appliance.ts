// The appliance from start to end, as `npm start` and `wardline start` run it: load, first start, supervise, drain, stop.
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { loadBootstrap } from '../config/bootstrap.ts';
import { readEnvironment } from '../config/env.ts';
import { openRuntimeFolder } from '../config/runtime-folder.ts';
import { makeRunSecrets } from '../config/secrets.ts';
import { systemClock } from '../kernel/clock.ts';
import { sentenceOf } from '../kernel/errors.ts';
import { createLogger } from '../kernel/logger.ts';
import { startWarnings } from './doctor/checks.ts';
import { firstStart } from './first-start.ts';
import { firstStartNotice, startScreen } from './start-screen.ts';
import type { Running } from './supervisor.ts';
import { Supervisor } from './supervisor.ts';

export interface RunOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly checkout: string;
  readonly sourceFolder: string;
}

/** How long Ctrl-C waits for running calls. */
const DRAIN_MS = 10 * 60_000;
/** A terminal and npm may both deliver one Ctrl-C; what comes within this time is the same one. */
const SAME_SIGNAL_MS = 250;

/** Runs until a signal; resolves with the exit code. */
export async function runAppliance(options: RunOptions): Promise<number> {
  const signals = new Signals();
  // Where they go, a terminal that is gone or a full disk, is no reason to end calls.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  try {
    const environment = readEnvironment(options.env, options.checkout);
    const bootstrap = loadBootstrap(environment);
    const runtimeFolder = openRuntimeFolder(environment);
    const configFolder = join(options.checkout, 'config');
    const caller = { actor: { kind: 'local', user: userInfo().username }, address: '' } as const;
    const spoolFolder = join(runtimeFolder, 'spool');
    const secrets = await firstStart({ bootstrap, configFolder, spoolFolder, clock: systemClock, caller });
    const isTerminal = process.stdout.isTTY === true;
    if (secrets !== undefined) process.stdout.write(firstStartNotice(bootstrap, secrets, isTerminal));
    const first = secrets === undefined ? {} : { first: isTerminal ? ('above' as const) : ('in-file' as const) };
    const supervisor = new Supervisor({
      bootstrap,
      runtimeFolder,
      secrets: makeRunSecrets(),
      sourceFolder: options.sourceFolder,
      soundsFolder: join(configFolder, 'prompts', 'en'),
      clock: systemClock,
      logger: createLogger({ role: 'main', level: bootstrap.logLevel, file: join(bootstrap.logFolder, 'main.log') }),
      onFatal: (why) => signals.fatal(why),
    });
    return await supervise(supervisor, signals, (running) =>
      startScreen({ bootstrap, running, warnings: startWarnings(bootstrap), ...first }),
    );
  } catch (thrown) {
    process.stderr.write(`wardline: ${sentenceOf(thrown)}\n`);
    return 1;
  }
}

type Screen = (running: Running) => string;

async function supervise(supervisor: Supervisor, signals: Signals, screen: Screen): Promise<number> {
  try {
    const running = await Promise.race([supervisor.start(), signals.stopped.then(() => undefined)]);
    if (running !== undefined) process.stdout.write(screen(running));
    const reason = await signals.stopped;
    if (reason === 'signal') await drain(supervisor, signals);
    return reason === 'fatal' ? 1 : 0;
  } catch (thrown) {
    if (!signals.isFatal) process.stderr.write(`wardline: ${sentenceOf(thrown)}\n`);
    return 1;
  } finally {
    await supervisor.stop();
  }
}

async function drain(supervisor: Supervisor, signals: Signals): Promise<void> {
  const calls = await supervisor.activeCalls().catch(() => 0);
  if (calls > 0)
    process.stdout.write(
      `\nWaiting for ${calls} ${calls === 1 ? 'call' : 'calls'} to end; Ctrl-C again ends ${calls === 1 ? 'it' : 'them'} now.\n`,
    );
  await Promise.race([supervisor.drain(DRAIN_MS).catch(() => {}), signals.secondSignal]);
  process.stdout.write('Wardline has stopped.\n');
}

/** SIGINT and SIGTERM, and a process that can never start, as two promises. */
class Signals {
  readonly #stopped = Promise.withResolvers<'signal' | 'fatal'>();
  readonly #second = Promise.withResolvers<void>();
  #firstAt: number | undefined;
  isFatal = false;

  constructor() {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => this.#arrived());
  }

  get stopped(): Promise<'signal' | 'fatal'> {
    return this.#stopped.promise;
  }

  get secondSignal(): Promise<void> {
    return this.#second.promise;
  }

  fatal(why?: string): void {
    this.isFatal = true;
    if (why !== undefined) process.stderr.write(`wardline: ${why}\n`);
    this.#stopped.resolve('fatal');
  }

  #arrived(): void {
    const now = systemClock.monotonic();
    if (this.#firstAt !== undefined && now - this.#firstAt > SAME_SIGNAL_MS) this.#second.resolve();
    this.#firstAt ??= now;
    this.#stopped.resolve('signal');
  }
}
