// Programs that nobody here wrote, SIP clients above all, as Debian packages them: found or skipped aloud, run in a folder of their own, read while they run.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { until } from './appliance.ts';

/** The Debian package that brings each program. */
const PACKAGES = {
  baresip: 'baresip',
  sipp: 'sip-tester',
  sipsak: 'sipsak',
  linphonec: 'linphone-cli',
  svmap: 'sipvicious',
  svwar: 'sipvicious',
  opusenc: 'opus-tools',
  opusdec: 'opus-tools',
  ffmpeg: 'ffmpeg',
  swtpm: 'swtpm',
  'systemd-creds': 'systemd',
} as const;

export type Client = keyof typeof PACKAGES;

/** The part of a tap test that `needs` speaks through. */
export interface Teller {
  plan(count: number, reason?: string): void;
  fail(message: string): unknown;
}

/** Whether every one of these programs is there; otherwise the test skips and names the package, or fails where CI=true. */
export function needs(t: Teller, ...clients: readonly Client[]): boolean {
  const missing = clients.filter((client) => !isInstalled(client)).map((client) => PACKAGES[client]);
  return missing.length === 0 || without(t, `not installed: apt-get install ${missing.join(' ')}`);
}

/** Skips the test aloud, or fails it where CI=true: there nothing may be missing. */
export function without(t: Teller, message: string): false {
  if (process.env.CI === 'true') t.fail(message);
  else t.plan(0, message);
  return false;
}

function isInstalled(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A new folder in the temporary one. */
export function clientFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `wardline-${name}-`));
}

const KILL_AFTER_MS = 3_000;

/** A client while it runs. Disposing it ends it and removes its folder. */
export class Program implements AsyncDisposable {
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #output = '';

  constructor(command: Client, args: readonly string[], folder: string, env: NodeJS.ProcessEnv = {}) {
    this.folder = folder;
    this.#child = spawn(command, args, { cwd: folder, stdio: 'pipe', env: { ...process.env, ...env } });
    const orphaned = () => this.#child.kill('SIGKILL');
    process.once('exit', orphaned);
    this.#closed = once(this.#child, 'close')
      .catch(() => undefined)
      .finally(() => process.off('exit', orphaned));
    this.#child.stdin?.on('error', () => {}); // a client that ended reads no more
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#output += chunk));
  }

  /** Everything printed so far, on both streams. */
  get output(): string {
    return this.#output;
  }

  /** Types a line. */
  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Whether it printed `pattern` before the deadline. */
  async prints(pattern: RegExp, deadlineMs: number): Promise<boolean> {
    await until(() => pattern.test(this.#output) || this.#child.exitCode !== null, deadlineMs);
    return pattern.test(this.#output);
  }

  /** Its exit code once it ended by itself; null when it had to be ended. */
  async ends(deadlineMs: number): Promise<number | null> {
    await until(() => this.#child.exitCode !== null || this.#child.signalCode !== null, deadlineMs);
    const code = this.#child.exitCode;
    await this.stop();
    return code;
  }

  /** Ends it; its folder stays. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGTERM');
    const killing = setTimeout(() => this.#child.kill('SIGKILL'), KILL_AFTER_MS);
    await this.#closed;
    clearTimeout(killing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
