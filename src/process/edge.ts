// Composition root of the edge process: SIP toward phones, carriers and media, drachtio's wire toward call control; ends with its supervisor.
import { join } from 'node:path';
import type { EdgeBoot } from '../config/boot.ts';
import { readBoot, refuseToStart } from '../config/boot-line.ts';
import { createEdge } from '../engine/edge/edge.ts';
import { MAX_TRACE_SECONDS } from '../engine/edge/sip-trace.ts';
import type { Answer, Link, Message } from '../ipc/link.ts';
import { LinkServer } from '../ipc/server.ts';
import type { Json } from '../kernel/canonical.ts';
import { systemClock } from '../kernel/clock.ts';
import { WardlineError } from '../kernel/errors.ts';
import { createLogger } from '../kernel/logger.ts';

/** How long closing may take when the process is told to stop. */
const SHUTDOWN_DEADLINE_MS = 3_000;

const boot = await readBoot<EdgeBoot>(['runtimeFolder', 'tokens', 'admin', 'listeners', 'tls'], () =>
  process.exit(0),
).catch(refuseToStart);
const logger = createLogger({
  role: 'edge',
  level: boot.logLevel,
  ...(boot.logFile === undefined ? {} : { file: boot.logFile }),
});
process.on('uncaughtException', (error) => {
  logger.fatal({ err: error }, 'the edge ends');
  process.exit(1);
});

/** Who is told of bans: the controller, which puts them on record. */
const links = new Set<Link>();
const edge = await createEdge({
  admin: boot.admin,
  secret: boot.adminSecret,
  // Phones and carriers come from anywhere; the media server is our own.
  listeners: boot.listeners.map((listener) =>
    listener.name === 'inner' ? listener : { ...listener, profile: listener.name },
  ),
  onBanned: (ban) => {
    for (const link of links) link.notify('source-banned', { ...ban });
  },
  tls: boot.tls,
  clock: systemClock,
  logger,
}).catch(refuseToStart);
const control = await LinkServer.listen({
  path: join(boot.runtimeFolder, 'edge.sock'),
  tokens: boot.tokens,
  clock: systemClock,
  onRequest: (message, link, type) => answer(type, message, link),
  onConnect: (link) => {
    if (link.role !== 'controller') return;
    links.add(link);
    void link.closed.then(() => links.delete(link));
  },
}).catch(refuseToStart);
logger.info({ admin: edge.admin, listeners: edge.listeners }, 'the edge listens');

function answer(type: string, { payload }: Message, link: Link): Answer {
  switch (type) {
    case 'bans.list':
      return { payload: edge.bans().map((ban) => ({ ...ban })) };
    case 'bans.lift':
      return { payload: { wasBanned: edge.liftBan(readText(payload, 'address')) } };
    case 'bans.exempt':
      edge.exempt(readTexts(payload, 'addresses'));
      return { payload: {} };
    case 'trace.start':
      return startTrace(payload, link);
    case 'status':
      return { payload: status() };
    case 'certificate.set':
      edge.setCertificate(readCertificate(payload));
      return { payload: {} };
    case 'drain':
      edge.drain();
      return { payload: status() };
    case 'shutdown':
      setImmediate(() => void shutDown());
      return { payload: {} };
    default:
      throw new WardlineError('unknown-request', `The edge knows no request ${type}.`);
  }
}

function status(): Json {
  const { admin, adminTls: _, listeners, routes, counters, ...numbers } = edge.status();
  return {
    admin: { ...admin },
    listeners: listeners.map(({ name, transport, host, port }) => ({ name, transport, host, port })),
    routes: { ...routes },
    counters: { ...counters, faults: { ...counters.faults } },
    ...numbers,
  };
}

function readCertificate(payload: Json): { certificate: string; key: string } {
  if (typeof payload === 'object' && payload !== null && 'certificate' in payload && 'key' in payload) {
    const { certificate, key } = payload;
    if (typeof certificate === 'string' && typeof key === 'string') return { certificate, key };
  }
  throw new WardlineError('bad-certificate', 'Give the certificate chain and its key, both as PEM.');
}

/** The lines go to whoever asked, as notices `trace.line`, until `trace.end`. */
function startTrace(payload: Json, link: Link): Answer {
  const seconds = fieldOf(payload, 'seconds');
  if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 1 || seconds > MAX_TRACE_SECONDS) {
    throw new WardlineError('bad-seconds', `Trace for 1 to ${MAX_TRACE_SECONDS} seconds.`);
  }
  const trace = edge.trace(
    readText(payload, 'aor'),
    seconds,
    (line) => link.notify('trace.line', { line }),
    () => link.notify('trace.end', {}),
  );
  void link.closed.then(() => trace[Symbol.dispose]());
  return { payload: {} };
}

function readText(payload: Json, name: string): string {
  const value = fieldOf(payload, name);
  if (typeof value === 'string' && value.length > 0 && value.length <= 256) return value;
  throw new WardlineError('bad-request', `Give ${name} as text.`);
}

function readTexts(payload: Json, name: string): string[] {
  const value = fieldOf(payload, name);
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw new WardlineError('bad-request', `Give ${name} as a list of texts.`);
}

function fieldOf(payload: Json, name: string): Json | undefined {
  const isObject = typeof payload === 'object' && payload !== null && !Array.isArray(payload);
  return isObject ? Object.entries(payload).find(([key]) => key === name)?.[1] : undefined;
}

async function shutDown(): Promise<void> {
  systemClock.after(SHUTDOWN_DEADLINE_MS, () => process.exit(0));
  await edge.close();
  await control[Symbol.asyncDispose]();
  process.exit(0);
}
