// The edge as its own process under a fuzzer at its control socket: garbage, broken frames, hellos without the token, and requests that mean nothing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LinkClient } from '../../src/ipc/client.ts';
import { encodeFrame } from '../../src/ipc/frame.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { codeOf } from '../../src/kernel/errors.ts';
import { makeTestCertificate } from './certificate.ts';
import type { Seeded } from './seeded.ts';

const ENTRY = join(import.meta.dirname, '../../src/process/edge.ts');
const TOKEN = 'main-token';
const TYPES = [
  'bans.list',
  'bans.lift',
  'bans.exempt',
  'trace.start',
  'status',
  'certificate.set',
  'no-such-thing',
  '',
  '__proto__',
] as const;
/** Codes that an answer may bear; anything else is a fault of ours that reached the socket. */
const KNOWN = /^(bad-|unknown-|no-|too-many-)/;

export interface FuzzedControl extends AsyncDisposable {
  throwOne(): Promise<void>;
  /** Undefined when its status is told as at the start. */
  fault(): Promise<string | undefined>;
}

export async function fuzzedControl(random: Seeded): Promise<FuzzedControl> {
  const runtimeFolder = mkdtempSync(join(tmpdir(), 'edge-fuzz-'));
  const path = join(runtimeFolder, 'edge.sock');
  const child = spawn(process.execPath, [ENTRY], { stdio: ['pipe', 'ignore', 'ignore'] });
  const boot = {
    runtimeFolder,
    tokens: { main: TOKEN },
    logLevel: 'silent',
    admin: { host: '127.0.0.1', port: 0 },
    adminSecret: 'secret',
    listeners: [{ name: 'carrier', transport: 'udp', host: '127.0.0.1', port: 0 }],
    tls: await makeTestCertificate(),
  };
  child.stdin.write(`${JSON.stringify(boot)}\n`);
  const link = new LinkClient({ path, role: 'main', token: TOKEN, clock: systemClock });
  await link.request('status');
  const unknown: string[] = [];
  return {
    async throwOne() {
      if (random.below(2) === 0) return bySocket(path, garbage(random));
      const type = TYPES[random.below(TYPES.length)] ?? '';
      await link.request(type, anyJson(random, 3)).catch((thrown: unknown) => {
        const code = codeOf(thrown);
        if (!KNOWN.test(code)) unknown.push(`${type}: ${code}`);
      });
    },
    async fault() {
      if (child.exitCode !== null) return `the process ended with ${child.exitCode}`;
      await link.request('status');
      return unknown[0];
    },
    async [Symbol.asyncDispose]() {
      link[Symbol.dispose]();
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      rmSync(runtimeFolder, { recursive: true, force: true });
    },
  };
}

function garbage(random: Seeded): Buffer {
  const hello = encodeFrame({
    kind: 'hello',
    protocol: 1,
    role: 'main',
    token: random.below(2) === 0 ? TOKEN : 'guess',
  });
  const frame = encodeFrame({ kind: 'request', id: random.below(9), type: 'status', payload: anyJson(random, 2) });
  const whole = Buffer.concat([random.below(3) === 0 ? Buffer.alloc(0) : hello, frame, random.bytes(random.below(60))]);
  for (let count = random.below(4); count > 0; count--) whole[random.below(whole.length)] = random.below(256);
  return whole;
}

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

function anyJson(random: Seeded, depth: number): Json {
  const names = ['address', 'addresses', 'aor', 'seconds', 'certificate', 'key', '__proto__', 'x'];
  const leaves: Json[] = [null, true, -1, 1e300, '', '127.0.0.1', 'x'.repeat(300), '\u0000', 3_600];
  const choice = depth === 0 ? 0 : random.below(3);
  if (choice === 0) return leaves[random.below(leaves.length)] ?? null;
  if (choice === 1) return Array.from({ length: random.below(4) }, () => anyJson(random, depth - 1));
  return Object.fromEntries(
    names.filter(() => random.below(3) === 0).map((name) => [name, anyJson(random, depth - 1)]),
  );
}

async function bySocket(path: string, bytes: Buffer): Promise<void> {
  const socket = connect(path);
  socket.on('error', () => {});
  socket.resume();
  const closed = once(socket, 'close').catch(() => undefined);
  await once(socket, 'connect').catch(() => undefined);
  const cut = Math.floor(bytes.length / 2);
  socket.write(bytes.subarray(0, cut));
  await new Promise((resolve) => setImmediate(resolve));
  socket.end(bytes.subarray(cut));
  await new Promise((resolve) => setTimeout(resolve, 1));
  socket.destroy();
  await closed;
}
