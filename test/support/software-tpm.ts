// A TPM2 in software (Debian's swtpm) with systemd-creds led to it, and what systemd does with a unit's credentials at its start.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { needs, type Teller, without } from './clients.ts';

const SYSTEMD_CREDS = '/usr/bin/systemd-creds';
const SWTPM = '/usr/bin/swtpm';
const TRIES = 200;

/** Whether one can be had here; otherwise the test skips and says why, or fails where CI=true. */
export function mayUseTpm(t: Teller): boolean {
  if (!needs(t, 'swtpm', 'systemd-creds')) return false;
  return process.getuid?.() === 0 || without(t, 'systemd-creds seals to a TPM2 for root alone');
}

export class SoftwareTpm implements Disposable {
  /** In front of PATH: its `systemd-creds` seals to this TPM. */
  readonly folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.#child = child;
  }

  static async start(): Promise<SoftwareTpm> {
    const folder = mkdtempSync('/dev/shm/wardline-tpm-');
    mkdirSync(join(folder, 'state'));
    const [port, control] = await freePorts();
    const args = ['socket', '--tpm2', '--tpmstate', `dir=${folder}/state`, '--flags', 'not-need-init,startup-clear'];
    const places = ['--server', `type=tcp,port=${port}`, '--ctrl', `type=tcp,port=${control}`];
    const child = spawn(SWTPM, [...args, ...places], { stdio: 'ignore' });
    const command = `exec ${SYSTEMD_CREDS} --tpm2-device=swtpm:host=127.0.0.1,port=${port} "${'$'}{@/--with-key=auto/--with-key=tpm2}"`;
    writeFileSync(join(folder, 'systemd-creds'), `#!/bin/bash\n${command}\n`, { mode: 0o700 });
    await listening(control);
    return new SoftwareTpm(folder, child);
  }

  /** Decrypts all that is in `store` into `credentials`, as systemd does before it starts a unit that names them. */
  boot(store: string, credentials: string): void {
    rmSync(credentials, { recursive: true, force: true });
    mkdirSync(credentials, { mode: 0o700 });
    for (const name of readdirSync(store)) {
      const args = ['decrypt', `--name=${name}`, join(store, name), join(credentials, name)];
      const { status, stderr } = spawnSync(join(this.folder, 'systemd-creds'), args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
    }
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The data port next to a control port, as its TCTI expects them. */
async function freePorts(): Promise<[number, number]> {
  for (;;) {
    const first = await bound(0);
    const port = first.port;
    first.close();
    const second = await bound(port + 1).catch(() => undefined);
    second?.close();
    if (second !== undefined) return [port, port + 1];
  }
}

function bound(port: number): Promise<{ port: number; close: () => void }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : 0,
        close: () => server.close(),
      });
    });
  });
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('swtpm does not answer');
}
