// The vault as a process of its own, for tests: its boot line on standard input, its socket, and kill -9.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/kernel/clock.ts';
import { connectVault } from '../../src/vault/client.ts';
import type { Vault } from '../../src/vault/contract.ts';
import type { Folders } from './vault-bench.ts';

const TOKENS = { controller: 'controller-token', media: 'media-token', cli: 'cli-token', main: 'main-token' };

export interface VaultProcess {
  readonly child: ChildProcess;
  readonly socket: string;
  readonly stderr: () => string;
  readonly exited: Promise<number | null>;
  kill(): Promise<void>;
  connect(): Vault & Disposable;
}

/** `start` tells one start of the appliance from another: the same number means that the vault alone was restarted. */
export function spawnVault(folders: Folders, options: { start?: number; startLocked?: boolean } = {}): VaultProcess {
  const { start = 1, startLocked = false } = options;
  const runtimeFolder = join(folders.root, 'run');
  mkdirSync(runtimeFolder, { recursive: true, mode: 0o700 });
  const { dataFolder, keyFile, headsFile, spoolFolder } = folders;
  const tokens = { ...TOKENS, salt: String(start) };
  const boot = { runtimeFolder, tokens, logLevel: 'error', dataFolder, keyFile, headsFile, spoolFolder, startLocked };
  const child = spawn(process.execPath, ['src/process/vault.ts'], { stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin!.write(`${JSON.stringify(boot)}\n`);
  child.stdin!.on('error', () => undefined);
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const socket = join(runtimeFolder, 'vault.sock');
  return {
    child,
    socket,
    stderr: () => stderr,
    exited,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    connect: () => connectVault({ socket, token: TOKENS.controller, role: 'controller', clock: systemClock }),
  };
}

export const MEDIA_TOKEN = TOKENS.media;
export const CLI_TOKEN = TOKENS.cli;
