// The servers that the edge's benchmark drives: our edge in a process of its own, or a drachtio-server that runs already.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTestCertificate } from '../support/certificate.ts';
import { namedEdge } from '../support/named-edge.ts';
import type { NamedServer } from '../support/named-server.ts';

const ENTRY = join(import.meta.dirname, 'sip-wardline.ts');
const SECRET = 'cymru';
/** The kernel's unit of CPU time in /proc/<pid>/stat. */
const TICKS_PER_SECOND = 100;

export interface BenchServer extends AsyncDisposable {
  readonly name: 'wardline' | 'drachtio-server';
  readonly admin: NamedServer;
  readonly ports: { readonly udp: number; readonly tls: number };
  readonly pid: number;
  /** Dies without a word, as in a power cut, and is started again on the same ports; absent when it is not ours to stop. */
  readonly cutPower?: () => Promise<void>;
}

/** Our edge, hardened as an appliance's is when `profile` says so. `node` are options for Node, for a profiler. */
export async function startWardline(profile: '' | 'phones:' = '', node: readonly string[] = []): Promise<BenchServer> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-edge-'));
  const { certificate, key } = await makeTestCertificate();
  writeFileSync(join(folder, 'cert.pem'), certificate);
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
  const start = (admin: number, udp: number, tls: number) => {
    const listen = ['--listen', `udp/127.0.0.1:${udp}`, '--listen', `${profile}tls/127.0.0.1:${tls}`];
    const files = ['--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')];
    const args = ['edge', '--admin', `127.0.0.1:${admin}`, '--secret', SECRET, ...listen, ...files];
    return started([...node, ENTRY, ...args]);
  };
  let running = await start(0, 0, 0);
  const { admin, udp, tls } = running;
  return {
    name: 'wardline',
    admin: { host: '127.0.0.1', port: admin, secret: SECRET },
    ports: { udp, tls },
    get pid() {
      return running.child.pid ?? 0;
    },
    async cutPower() {
      await ended(running.child, 'SIGKILL');
      running = await start(admin, udp, tls);
    },
    async [Symbol.asyncDispose]() {
      await ended(running.child, 'SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A drachtio-server on this machine, which is left as it is. */
export async function findDrachtio(admin: NamedServer): Promise<BenchServer> {
  const { listeners } = await namedEdge(admin);
  const portOf = (transport: string) => listeners.find((each) => each.transport === transport)?.port ?? 0;
  return {
    name: 'drachtio-server',
    admin,
    ports: { udp: portOf('udp'), tls: portOf('tls') },
    pid: pidListeningAt(admin.port),
    async [Symbol.asyncDispose]() {},
  };
}

/** CPU that the process has spent, user and system together, in milliseconds. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

/** Memory that the process has resident, in bytes. */
export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}

async function started(args: readonly string[]) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const chunk of child.stdout) {
    said += String(chunk);
    const ports = /udp\/\S+:(\d+)\n.*tls\/\S+:(\d+)\n.*connect at \S+:(\d+)\n/s.exec(said);
    if (ports !== null) return { child, udp: Number(ports[1]), tls: Number(ports[2]), admin: Number(ports[3]) };
  }
  throw new Error(`The edge did not start: ${said}`);
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** Who listens at a TCP port of this machine, by the socket's inode. */
function pidListeningAt(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const lines = readFileSync('/proc/net/tcp', 'latin1').split('\n');
  const inode = lines
    .find((line) => new RegExp(`^\\s*\\d+: [0-9A-F]{8}:${hex} \\S+ 0A `).test(line))
    ?.trim()
    .split(/\s+/)[9];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (inode !== undefined && holdsSocket(pid, inode)) return Number(pid);
  }
  throw new Error(`Nothing that may be looked at listens at port ${port}.`);
}

function holdsSocket(pid: string, inode: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`);
  } catch {
    return false;
  }
}
