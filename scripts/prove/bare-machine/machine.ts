// A bare machine: a root folder of its own with this system's programs, a fresh clone, an empty home and the backup's disk, in namespaces of
// its own for mounts, processes and the network. The README's lines for a restore are walked in it.
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What was there before, and what a person knows who comes to the bare machine. */
export interface Before {
  /** The commands, as the README has them. */
  readonly lines: readonly string[];
  /** `npm ci` was run already, where the registry can be reached. */
  readonly isInstalled: boolean;
  readonly recoveryCode: string;
  readonly login: string;
  readonly password: string;
  readonly totpSecret: string;
  readonly artifactId: string;
  /** µ-law, base64. */
  readonly audio: string;
}

export interface Walked {
  readonly line: string;
  readonly seconds: number;
}

const checkout = fileURLToPath(new URL('../../..', import.meta.url));
const HEADING = 'When the machine is gone';
const CLONE = '/root/wardline';
const SYSTEM = ['bin', 'sbin', 'lib', 'lib64', 'usr', 'etc'];
const WALK_MS = 10 * 60_000;

/** The commands of the README's block on a machine that is gone. */
export function readmeLines(): string[] {
  const [, after = ''] = readFileSync(join(checkout, 'README.md'), 'utf8').split(HEADING);
  const block = /```\n(.*?)```/s.exec(after)?.[1] ?? '';
  return block.split('\n').flatMap((line) => line.replace(/\s+#.*$/, '').trim() || []);
}

/** Clones this checkout's last commit into `root` and makes the folders of a small Debian around it. */
export function layOut(root: string): void {
  for (const folder of ['root', 'proc', 'dev', 'tmp', 'run', 'mnt/other-disk/wardline'])
    mkdirSync(join(root, folder), { recursive: true });
  for (const name of SYSTEM.filter((each) => existsSync(`/${each}`))) {
    if (lstatSync(`/${name}`).isSymbolicLink()) symlinkSync(readlinkSync(`/${name}`), join(root, name));
    else mkdirSync(join(root, name));
  }
  run('git', ['clone', '--quiet', '--no-hardlinks', checkout, join(root, CLONE)]);
}

/** `npm ci` in the clone, with an empty home; seconds. */
export function install(root: string): number {
  const begun = performance.now();
  run('npm', ['ci'], {
    cwd: join(root, CLONE),
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: join(root, 'root') },
  });
  return (performance.now() - begun) / 1000;
}

/** Walks the lines inside; throws with what was shown when one of them fails. */
export function walk(root: string, backup: string, before: Before): readonly Walked[] {
  const mounts = SYSTEM.filter((name) => existsSync(join(root, name)) && !lstatSync(join(root, name)).isSymbolicLink());
  const script = [
    'set -e',
    'ip link set lo up',
    ...mounts.map((name) => `mount -o rbind,ro "/${name}" "$ROOT/${name}"`),
    'mount --rbind /dev "$ROOT/dev"',
    'mount -t tmpfs bare "$ROOT/dev/shm"',
    'mount -t proc proc "$ROOT/proc"',
    'mount -o bind,ro "$BACKUP" "$ROOT/mnt/other-disk/wardline"',
    ...(before.isInstalled
      ? []
      : [`mkdir -p "$ROOT${CLONE}/node_modules"`, `mount -o bind,ro "$MODULES" "$ROOT${CLONE}/node_modules"`]),
    `exec chroot "$ROOT" /usr/bin/env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin TERM=xterm \\
      sh -c 'cd ${CLONE} && exec node_modules/.bin/node scripts/prove/bare-machine/walk.ts'`,
  ].join('\n');
  const modules = realpathSync(join(checkout, 'node_modules'));
  const env = { ...process.env, ROOT: root, BACKUP: backup, MODULES: modules };
  const { stdout } = run('unshare', ['--mount', '--pid', '--net', '--fork', '--kill-child', 'sh', '-c', script], {
    env,
    input: JSON.stringify(before),
  });
  return JSON.parse(stdout) as Walked[];
}

/** Why there can be no bare machine here, or undefined. */
export function whyNot(): string | undefined {
  const { status } = spawnSync('unshare', ['--mount', '--pid', '--net', '--fork', 'chroot', '/', 'true']);
  return status === 0 ? undefined : 'namespaces and chroot need root, or are not allowed here';
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
}

function run(command: string, parameters: readonly string[], options: RunOptions = {}): { stdout: string } {
  const { status, stdout, stderr } = spawnSync(command, parameters, { encoding: 'utf8', timeout: WALK_MS, ...options });
  if (status !== 0) throw new Error(`${command} ended with ${status}:\n${stdout}\n${stderr}`);
  return { stdout };
}
