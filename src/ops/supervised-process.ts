// One supervised process: started with its boot message on stdin, known ready by its socket, restarted alone when it dies.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { isLinkLost, LinkClient } from '../ipc/client.ts';
import type { Json } from '../kernel/canonical.ts';
import type { Clock } from '../kernel/clock.ts';
import { WardlineError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';

export interface SupervisedOptions<Status> {
  readonly name: string;
  /** The TypeScript file that is the process's root. */
  readonly entry: string;
  /** The boot message; asked anew for each start, so that a restart keeps the ports of the first. */
  readonly boot: (previous: Status | undefined) => object;
  readonly socket: string;
  readonly token: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The process cannot start at all; nothing will restart it. `why` is a sentence, absent when it said why on standard error itself. */
  readonly onFatal: (why?: string) => void;
}

/** A crash leaves no core file, which would hold keys and clear audio; Node itself cannot set the limit. */
const WITHOUT_CORE = 'ulimit -c 0; exec "$0" "$@"';
/** A debugger that a signal opens would show every key to whoever connects. */
const NODE_OPTIONS = ['--disable-warning=ExperimentalWarning', '--disable-sigusr1'];
const READY_DEADLINE_MS = 30_000;
const STATUS_DEADLINE_MS = 2_000;
const READY_PAUSE_MS = 100;
const FIRST_RESTART_DELAY_MS = 100;
const LONGEST_RESTART_DELAY_MS = 5_000;
/** A run of this length clears the back-off. */
const SETTLED_AFTER_MS = 60_000;

export class SupervisedProcess<Status> {
  readonly #options: SupervisedOptions<Status>;
  #child: ChildProcess | undefined;
  #link: LinkClient | undefined;
  #status: Status | undefined;
  #isStopping = false;
  #restartDelayMs = FIRST_RESTART_DELAY_MS;
  #restart: Disposable | undefined;
  #exited: Promise<void> = Promise.resolve();

  constructor(options: SupervisedOptions<Status>) {
    this.#options = options;
  }

  /** Starts the process and resolves with its status once it answers; rejects when it cannot start. */
  async start(): Promise<Status> {
    const { name, socket, token, clock } = this.#options;
    this.#spawn();
    const link = new LinkClient({ path: socket, role: 'main', token, clock });
    this.#link = link;
    const died = this.#exited.then(() => {
      throw new WardlineError('process-died', `The ${name} process ended while it was starting.`);
    });
    this.#status = await Promise.race([this.#ready(link), died]);
    died.catch(() => {});
    return this.#status;
  }

  /** The first status; goes on asking while nobody, or another appliance's process, is behind the socket. */
  async #ready(link: LinkClient): Promise<Status> {
    const { clock } = this.#options;
    const end = clock.monotonic() + READY_DEADLINE_MS;
    for (;;) {
      try {
        return (await link.request('status', {}, undefined, STATUS_DEADLINE_MS)).payload as Status;
      } catch (thrown) {
        if (!isLinkLost(thrown) || clock.monotonic() > end) throw thrown;
        await new Promise<void>((resolve) => clock.after(READY_PAUSE_MS, resolve));
      }
    }
  }

  /** Asks the running process something. */
  async request<Answer>(type: string, payload: Json = {}, deadlineMs = STATUS_DEADLINE_MS): Promise<Answer> {
    if (this.#link === undefined)
      throw new WardlineError('link-closed', `The ${this.#options.name} process is not running.`);
    return (await this.#link.request(type, payload, undefined, deadlineMs)).payload as Answer;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Ends the process: asks first, kills after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#restart?.[Symbol.dispose]();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return this.#close();
    const kill = this.#options.clock.after(graceMs, () => child.kill('SIGKILL'));
    void this.request('shutdown').catch(() => child.stdin?.end());
    await this.#exited;
    kill[Symbol.dispose]();
    this.#close();
  }

  #close(): void {
    this.#link?.[Symbol.dispose]();
    this.#link = undefined;
  }

  #spawn(): void {
    const { name, entry, boot, clock, logger } = this.#options;
    const { PATH, NODE_ENV, NODE_COMPILE_CACHE } = process.env;
    const startedAt = clock.monotonic();
    const child = spawn('/bin/sh', ['-c', WITHOUT_CORE, process.execPath, ...NODE_OPTIONS, entry], {
      stdio: ['pipe', 'ignore', 'inherit'],
      detached: true, // a terminal's Ctrl-C is for the supervisor alone
      env: { PATH, NODE_ENV, NODE_COMPILE_CACHE },
    });
    this.#child = child;
    const exited = Promise.withResolvers<void>();
    this.#exited = exited.promise;
    child.stdin?.on('error', () => {});
    child.stdin?.write(`${JSON.stringify(boot(this.#status))}\n`);
    child.once('error', (cause) =>
      logger.error({ process: name, cause: cause.message }, 'process could not be started'),
    );
    child.once('close', (code, signal) => {
      exited.resolve();
      if (!this.#isStopping) this.#died(code, signal, clock.monotonic() - startedAt);
    });
  }

  #died(code: number | null, signal: string | null, ranForMs: number): void {
    const { name, clock, logger, onFatal } = this.#options;
    // One that has run is tried again whatever it says: the calls of the others go on, and a disk comes back or a key is put back.
    if (this.#status === undefined) {
      onFatal(
        signal === null
          ? undefined
          : `The ${name} process was ended by ${signal} while it was starting; start Wardline again.`,
      );
      return;
    }
    if (ranForMs > SETTLED_AFTER_MS) this.#restartDelayMs = FIRST_RESTART_DELAY_MS;
    logger.error(
      { process: name, code, signal, restartInMs: this.#restartDelayMs },
      'process died; it is started again',
    );
    this.#restart = clock.after(this.#restartDelayMs, () => this.#spawn());
    this.#restartDelayMs = Math.min(this.#restartDelayMs * 2, LONGEST_RESTART_DELAY_MS);
  }
}
