// `npm run bench:edge [-- part…]`: the SIP edge's speed and memory against its aims; against a drachtio-server too, when WARDLINE_TEST_DRACHTIO=host:port:secret names one.
// Parts: codec register-udp register-tls calls connections power-cut. Options: --seconds 8 --phones 2000 --sources 8 (loopback addresses that the phones come from; else one)
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { namedServer } from '../support/named-server.ts';
import { benchCodec } from './sip-codec.ts';
import type { LoadOptions, LoadResult } from './sip-load.ts';
import type { PhonesOptions, PhonesReport } from './sip-phones.ts';
import { type BenchServer, cpuMs, findDrachtio, residentBytes, startWardline } from './sip-servers.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '8' },
    phones: { type: 'string', default: '2000' },
    sources: { type: 'string', default: '0' },
    /** Options for the edge's Node, a profiler's: `--node=--cpu-prof`. */
    node: { type: 'string', multiple: true, default: [] },
  },
});
const SECONDS = Number(values.seconds);
const PHONES = Number(values.phones);
const SOURCES = Number(values.sources);
const WINDOW = 64;
const BUSY_PHONES = 40;
const ALL_BACK_MS = 60_000;
const SETTLE_MS = 1_500;
/** drachtio-server was seen to spend 0.46 ms, on another machine: what matters is the same run. */
const AIM_CPU_MS = 0.25;

const named = namedServer('WARDLINE_TEST_DRACHTIO');

const PARTS: Readonly<Record<string, () => Promise<void> | void>> = {
  codec: () => benchCodec(say),
  'register-udp': () => onEach(registerUdp),
  'register-tls': () => onEach(registerTls),
  calls: () => onEach(calls),
  connections: () => onEach(connections),
  'power-cut': () => onEach(powerCut, 'phones:'),
};

sayMachine();
for (const part of positionals.length === 0 ? Object.keys(PARTS) : positionals) {
  console.log(`\n${part}`);
  const run = PARTS[part];
  if (run === undefined) throw new Error(`There is no part ${part}; there are ${Object.keys(PARTS).join(', ')}.`);
  await run();
}
process.exit(0);

function sayMachine(): void {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const isClean = execFileSync('git', ['status', '--porcelain', 'src'], { encoding: 'utf8' }).trim() === '';
  const all = cpus();
  console.log(
    `${new Date().toISOString()}, commit ${commit}${isClean ? '' : ' with changes in src'}, node ${process.version}`,
  );
  console.log(
    `${all.length} × ${all[0]?.model.trim()}, load ${loadavg()
      .map((each) => each.toFixed(1))
      .join(' ')}`,
  );
  if (named === undefined) console.log('No drachtio-server is named by WARDLINE_TEST_DRACHTIO; ours alone.');
}

function say(what: string, value: string, aim = ''): void {
  console.log(`${what.padEnd(64)} ${value.padStart(16)}${aim === '' ? '' : `   aim ${aim}`}`);
}

/** The part on our edge, then on the drachtio-server that is named. */
async function onEach(part: (server: BenchServer) => Promise<void>, profile: '' | 'phones:' = ''): Promise<void> {
  {
    await using server = await startWardline(profile, values.node);
    await part(server);
  }
  if (named !== undefined) await part(await findDrachtio(named));
}

/** A process of the benchmark's own; ends with the block that uses it. */
async function helper(file: string, ...args: string[]) {
  const child = fork(join(import.meta.dirname, file), args);
  const [first] = await once(child, 'message');
  return {
    child,
    first,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function application({ admin }: BenchServer, mode: 'digest' | 'open') {
  return helper('sip-app.ts', admin.host, String(admin.port), admin.secret, mode);
}

interface Loaded extends LoadResult {
  /** CPU that the server and the application spent in the measured time. */
  readonly serverMs: number;
  readonly appMs: number;
}

async function load(
  server: BenchServer,
  appPid: number,
  options: Omit<LoadOptions, 'port' | 'seconds'>,
): Promise<Loaded> {
  const all: LoadOptions = { ...options, port: server.ports.udp, seconds: SECONDS };
  await using generator = await helper('sip-load.ts', JSON.stringify(all));
  const before = [cpuMs(server.pid), cpuMs(appPid)] as const;
  await once(generator.child, 'message');
  const after = [cpuMs(server.pid), cpuMs(appPid)] as const;
  const [result] = await once(generator.child, 'message');
  return { ...result, serverMs: after[0] - before[0], appMs: after[1] - before[1] };
}

async function registerUdp(server: BenchServer): Promise<void> {
  const perSecond = await throughSrf(server);
  await using app = await helper('sip-bare-app.ts', server.admin.host, String(server.admin.port), server.admin.secret);
  const bare = await load(server, app.child.pid ?? 0, { kind: 'register', window: 0, perSecond });
  const echo = await echoed({ kind: 'register', window: 0, perSecond });
  say('  the same with a bare application: median and p99', `${bare.medianMs.toFixed(1)}, ${bare.p99Ms.toFixed(1)} ms`);
  say('  a bare echo in the place of both: median and p99', `${echo.medianMs.toFixed(1)}, ${echo.p99Ms.toFixed(1)} ms`);
  say('  so that the server adds at p99', `${(bare.p99Ms - echo.p99Ms).toFixed(1)} ms`, '< 5 ms');
}

/** Returns half of what went through a second. */
async function throughSrf(server: BenchServer): Promise<number> {
  await using app = await application(server, 'open');
  const pid = app.child.pid ?? 0;
  const full = await load(server, pid, { kind: 'register', window: WINDOW });
  const rate = full.done / full.seconds;
  sayRate(server, 'REGISTER–200 over UDP', full, '');
  say('  CPU of the server a transaction', `${(full.serverMs / full.done).toFixed(3)} ms`, `<= ${AIM_CPU_MS} ms`);
  say('  CPU of the application a transaction', `${(full.appMs / full.done).toFixed(3)} ms`);
  const perCore = (1000 * full.done) / (full.serverMs + full.appMs);
  say('  transactions a second of CPU, server and application', perCore.toFixed(0), ">= 1.5 times drachtio-server's");
  const perSecond = Math.round(rate / 2);
  const half = await load(server, pid, { kind: 'register', window: 0, perSecond });
  const spent = `${(half.serverMs / half.done).toFixed(3)} ms`;
  say(`  at half load, ${(half.done / half.seconds).toFixed(0)}/s: CPU of the server`, spent, `<= ${AIM_CPU_MS} ms`);
  sayDelay(half, '');
  return perSecond;
}

/** The same load on a socket that only answers. */
async function echoed(options: Omit<LoadOptions, 'port' | 'seconds'>): Promise<LoadResult> {
  await using echo = await helper('sip-echo.ts');
  const all: LoadOptions = { ...options, port: Number(echo.first), seconds: SECONDS };
  await using generator = await helper('sip-load.ts', JSON.stringify(all));
  await once(generator.child, 'message');
  const [result] = await once(generator.child, 'message');
  return result;
}

async function calls(server: BenchServer): Promise<void> {
  await using app = await application(server, 'open');
  const full = await load(server, app.child.pid ?? 0, { kind: 'call', window: WINDOW });
  sayRate(server, 'INVITE–200–ACK–BYE–200 over UDP', full, '');
  say('  CPU of the server a call', `${(full.serverMs / full.done).toFixed(3)} ms`);
  say('  CPU of the application a call', `${(full.appMs / full.done).toFixed(3)} ms`);
  sayDelay(full, '');
}

function sayRate(
  { name }: BenchServer,
  what: string,
  { done, refused, begun, seconds }: LoadResult,
  aim: string,
): void {
  say(`${name}: ${what}`, `${(done / seconds).toFixed(0)}/s`, aim);
  const lost = Math.max(0, begun - done - refused - WINDOW);
  if (refused + lost > 0) say('  refused, lost', `${refused}, ${lost}`, '0');
}

function sayDelay({ medianMs, p99Ms, latenessMs }: LoadResult, aim: string): void {
  say('  delay, median and p99', `${medianMs.toFixed(1)}, ${p99Ms.toFixed(1)} ms`, aim);
  say('  the generator itself was late by, p99', `${latenessMs.toFixed(1)} ms`);
}

/** Phones in their own process, and what they report when asked. */
async function phonesOf(server: BenchServer, options: Omit<PhonesOptions, 'port'>) {
  const phones = await helper('sip-phones.ts', JSON.stringify({ ...options, port: server.ports.tls }));
  const ask = async (what: 'cut' | 'report'): Promise<PhonesReport> => {
    phones.child.send(what);
    const [report] = await once(phones.child, 'message');
    return report;
  };
  const allIn = async (deadlineMs: number): Promise<PhonesReport> => {
    for (const from = performance.now(); ; await pause(100)) {
      const report = await ask('report');
      if (report.registered === options.phones || performance.now() - from > deadlineMs) return report;
    }
  };
  return { ...phones, ask, allIn };
}

async function registerTls(server: BenchServer): Promise<void> {
  await using app = await application(server, 'digest');
  await using phones = await phonesOf(server, { phones: BUSY_PHONES, sources: 0, mode: 'again' });
  await phones.allIn(ALL_BACK_MS);
  await pause(SETTLE_MS);
  const read = async () => ({
    at: performance.now(),
    done: (await phones.ask('report')).registrations,
    server: cpuMs(server.pid),
    app: cpuMs(app.child.pid ?? 0),
  });
  const before = await read();
  await pause(SECONDS * 1000);
  const after = await read();
  const done = after.done - before.done;
  say(`${server.name}: REGISTER–401–REGISTER–200 over TLS`, `${((1000 * done) / (after.at - before.at)).toFixed(0)}/s`);
  say(
    '  CPU of the server a registration (two transactions)',
    `${((after.server - before.server) / done).toFixed(3)} ms`,
  );
  say('  CPU of the application', `${((after.app - before.app) / done).toFixed(3)} ms`);
  say('  the phones themselves were late by, p99', `${(await phones.ask('report')).latenessMs.toFixed(1)} ms`);
}

async function connections(server: BenchServer): Promise<void> {
  await using _app = await application(server, 'digest');
  {
    // What the first handful costs once is no connection's.
    await using warm = await phonesOf(server, { phones: BUSY_PHONES, sources: 0, mode: 'stay' });
    await warm.allIn(ALL_BACK_MS);
  }
  await pause(SETTLE_MS);
  const before = residentBytes(server.pid);
  await using phones = await phonesOf(server, { phones: PHONES, sources: SOURCES, mode: 'stay' });
  const { registered } = await phones.allIn(ALL_BACK_MS);
  await pause(SETTLE_MS);
  const bytes = residentBytes(server.pid) - before;
  say(`${server.name}: memory for ${registered} registered TLS connections`, `${(bytes / 1e6).toFixed(0)} MB`);
  say('  each', `${(bytes / 1000 / registered).toFixed(1)} kB`);
}

async function powerCut(server: BenchServer): Promise<void> {
  await using _app = await application(server, 'digest');
  await using phones = await phonesOf(server, { phones: PHONES, sources: SOURCES, mode: 'stay' });
  const first = await phones.allIn(ALL_BACK_MS);
  sayPhones(`${server.name}: ${PHONES} TLS phones, from ${SOURCES || 1} addresses, register at once`, first);
  const [cpuBefore, pidBefore] = [cpuMs(server.pid), server.pid];
  await Promise.all([phones.ask('cut'), server.cutPower?.()]);
  const back = await phones.allIn(ALL_BACK_MS);
  sayPhones(
    `${server.name}: and again after ${server.cutPower === undefined ? 'they' : 'they and the edge'} lost power`,
    back,
  );
  const spent = cpuMs(server.pid) - (server.pid === pidBefore ? cpuBefore : 0);
  say('  CPU of the server a phone', `${(spent / PHONES).toFixed(2)} ms`);
}

function sayPhones(what: string, report: PhonesReport): void {
  const { registered, medianMs, p99Ms, lastMs, attemptsLost, refusals, latenessMs } = report;
  say(what, `${registered} of ${PHONES}`, 'all');
  const seconds = [medianMs, p99Ms, lastMs].map((ms) => (ms / 1000).toFixed(1)).join(', ');
  say('  registered after: median, p99, last', `${seconds} s`, '<= 60 s');
  say('  attempts lost, requests refused on the way', `${attemptsLost}, ${refusals}`);
  say('  the phones themselves were late by, p99', `${latenessMs.toFixed(0)} ms`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
