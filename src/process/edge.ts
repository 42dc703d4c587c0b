// Composition root of the edge process: SIP toward phones, carriers and media, drachtio's wire toward call control; ends with its supervisor.
import { join } from 'node:path';
import type { EdgeBoot } from '../config/boot.ts';
import { readBoot, refuseToStart } from '../config/boot-line.ts';
import { createEdge } from '../engine/edge/edge.ts';
import type { Answer, Message } from '../ipc/link.ts';
import { LinkServer } from '../ipc/server.ts';
import type { Json } from '../kernel/canonical.ts';
import { systemClock } from '../kernel/clock.ts';
import { WardlineError } from '../kernel/errors.ts';
import { createLogger } from '../kernel/logger.ts';

/** How long closing may take when the process is told to stop. */
const SHUTDOWN_DEADLINE_MS = 3_000;

const boot = await readBoot<EdgeBoot>(() => process.exit(0)).catch(refuseToStart);
const logger = createLogger({
  role: 'edge',
  level: boot.logLevel,
  ...(boot.logFile === undefined ? {} : { file: boot.logFile }),
});
process.on('uncaughtException', (error) => {
  logger.fatal({ err: error }, 'the edge ends');
  process.exit(1);
});

const edge = await createEdge({
  admin: boot.admin,
  secret: boot.adminSecret,
  listeners: boot.listeners,
  tls: boot.tls,
  clock: systemClock,
  logger,
}).catch(refuseToStart);
const control = await LinkServer.listen({
  path: join(boot.runtimeFolder, 'edge.sock'),
  tokens: boot.tokens,
  clock: systemClock,
  onRequest: (message, _link, type) => answer(type, message),
}).catch(refuseToStart);
logger.info({ admin: edge.admin, listeners: edge.listeners }, 'the edge listens');

function answer(type: string, { payload }: Message): Answer {
  switch (type) {
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
  const { admin, listeners, routes, counters, ...numbers } = edge.status();
  return {
    admin: { ...admin },
    listeners: listeners.map((listener) => ({ ...listener })),
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

async function shutDown(): Promise<void> {
  systemClock.after(SHUTDOWN_DEADLINE_MS, () => process.exit(0));
  await edge.close();
  await control[Symbol.asyncDispose]();
  process.exit(0);
}
