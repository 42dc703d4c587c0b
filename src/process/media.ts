// Composition root of the media process: RTP, event socket and loopback SIP of the embedded media role; ends with its supervisor.
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { MediaBoot } from '../config/boot.ts';
import { readBoot, refuseToStart } from '../config/boot-line.ts';
import type { MediaServer } from '../engine/media-server/media-server.ts';
import { createMediaServer } from '../engine/media-server/media-server.ts';
import { rehearse } from '../engine/media-server/rehearsal.ts';
import { defaultWorkerCount, startLegWorkers } from '../engine/media-server/workers/leg-workers.ts';
import type { Answer } from '../ipc/link.ts';
import { LinkServer } from '../ipc/server.ts';
import type { Json } from '../kernel/canonical.ts';
import { systemClock } from '../kernel/clock.ts';
import { codeOf, WardlineError } from '../kernel/errors.ts';
import { createLogger } from '../kernel/logger.ts';
import { speakFor } from '../ops/speech.ts';
import { connectIntake } from '../seal/intake-client.ts';

/** How long calls may take to end, and captures to be sealed, when the process is told to stop. */
const SHUTDOWN_DEADLINE_MS = 5_000;

const boot = await readBoot<MediaBoot>(['runtimeFolder', 'tokens', 'eventSocket', 'rtpHost', 'sealSocket'], () =>
  process.exit(0),
).catch(refuseToStart);
const logger = createLogger({
  role: 'media',
  level: boot.logLevel,
  ...(boot.logFile === undefined ? {} : { file: boot.logFile }),
});
process.on('uncaughtException', (error) => {
  logger.fatal({ err: error }, 'the media server ends');
  process.exit(1);
});

if (boot.rtpHost === '0.0.0.0' || boot.rtpHost === '::') {
  const sentence = `Phones cannot send audio to ${boot.rtpHost}; name one address of this machine in the configuration.`;
  refuseToStart(new WardlineError('no-such-address', sentence));
}
mkdirSync(boot.runtimeFolder, { recursive: true, mode: 0o700 });
const intake = connectIntake({ socket: boot.sealSocket, token: boot.sealToken, clock: systemClock });
const { rtpHost, rtpPorts, workers: count = defaultWorkerCount() } = boot;
const workers = { count, rtpHost, rtpPorts, clock: systemClock, logger };
const legs = count === 0 ? undefined : startLegWorkers(workers).catch(refuseToStart);
await rehearse({ clock: systemClock, random: randomBytes, logger });
const server = await createMediaServer({
  eventSocket: boot.eventSocket,
  secret: boot.eventSocketSecret,
  sip: boot.sip,
  rtpHost,
  rtpPorts,
  ...(legs === undefined ? {} : { legs: await legs }),
  soundsFolder: boot.soundsFolder,
  speech: speakFor,
  spoolFolder: boot.spoolFolder,
  ...(boot.codecs === undefined ? {} : { codecs: boot.codecs }),
  intake,
  clock: systemClock,
  random: randomBytes,
  logger,
}).catch((error: unknown) => refuseToStart(explain(error)));
const control = await LinkServer.listen({
  path: join(boot.runtimeFolder, 'media.sock'),
  tokens: boot.tokens,
  clock: systemClock,
  onRequest: (_message, { role }, type) => answer(type, role),
}).catch(refuseToStart);
logger.info({ eventSocket: server.eventSocket, sip: server.sip }, 'the media server listens');

function answer(type: string, role: string): Answer {
  if (type === 'status') return { payload: statusOf(server) };
  if (role === 'cli')
    throw new WardlineError('unknown-request', 'The command line may only ask how the media server is.');
  if (type === 'drain') {
    void server.drain();
    return { payload: statusOf(server) };
  }
  if (type === 'shutdown') {
    setImmediate(() => void shutDown());
    return { payload: {} };
  }
  throw new WardlineError('unknown-request', `The media server knows no request ${type}.`);
}

function statusOf(running: MediaServer): Json {
  const { eventSocket, sip, ...counters } = running.status();
  return { eventSocket: { ...eventSocket }, sip: { ...sip }, ...counters };
}

async function shutDown(): Promise<void> {
  systemClock.after(SHUTDOWN_DEADLINE_MS, () => process.exit(0));
  await server.close();
  intake[Symbol.dispose]();
  await control[Symbol.asyncDispose]();
  process.exit(0);
}

function explain(error: unknown): unknown {
  if (codeOf(error) === 'EADDRNOTAVAIL') {
    return new WardlineError(
      'no-such-address',
      `Audio is to come to ${boot.rtpHost}, which is no address of this machine; correct the address in the configuration.`,
    );
  }
  const { eventSocket, sip } = boot;
  const places = `${eventSocket.host}:${eventSocket.port} and ${sip.host}:${sip.port}`;
  if (codeOf(error) !== 'EADDRINUSE') return error;
  return new WardlineError(
    'port-taken',
    `The media server needs ${places}, and something else listens on one of them; stop it or choose other ports.`,
  );
}
