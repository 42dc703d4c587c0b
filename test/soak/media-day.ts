// Hours of calls in virtual time on a whole media server: set up by SIP, led by an unmodified drachtio-fsmrf over the event socket, ended in
// every way there is. Each hour ends quietly, and then nothing is to be left of it. Packets and commands travel by real sockets.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AudioLeg, openAudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { createMediaServer, type MediaServer } from '../../src/engine/media-server/media-server.ts';
import { createMediaPorts } from '../../src/engine/runtime/media-socket.ts';
import { createLogger } from '../../src/kernel/logger.ts';
import type { SecurePolicy } from '../../src/protocol/sdp/audio.ts';
import { createAudioNegotiation } from '../../src/protocol/sdp/negotiation.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { type FsmrfEndpoint, type FsmrfMediaServer, Mrf } from '../support/media-bench.ts';
import { FacadeSrf } from '../support/media-facade.ts';
import type { Seeded } from '../support/seeded.ts';

const HOST = '127.0.0.1';
const SECRET = 'soak';
const TICK_MS = 20;
/** Real sockets carry what is said: time stands still until they have. */
const QUIET_TURNS = 3;
/** How long after its last call an hour's leavings may stay: timers of transactions, ports that wait for silence. */
const QUIET_MS = 70_000;
const QUIET_STEP_MS = 500;
const MAX_TURNS = 200_000;

/** What the server holds at the end of a quiet hour. */
export interface MediaHourEnd {
  readonly calls: number;
  readonly ports: number;
  readonly conferences: number;
  /** More than there were before the first call. */
  readonly timers: number;
  readonly heapBytes: number;
}

export interface MediaDay extends AsyncDisposable {
  readonly server: MediaServer;
  readonly made: Readonly<Record<string, number>>;
  /** Calls for that many seconds, and as many as are asked for on a machine that is slow for its clock; then silence. */
  hour(callSeconds: number, leastCalls?: number): Promise<MediaHourEnd>;
}

/** What of it is more than it may be; undefined when nothing. */
export function leftOfCalls({ heapBytes: _, ...held }: MediaHourEnd): string | undefined {
  return Object.values(held).some((count) => count !== 0) ? JSON.stringify(held) : undefined;
}

/** `collect` frees memory before it is measured. */
export async function mediaDay(random: Seeded, collect: () => void): Promise<MediaDay> {
  const clock = new ManualClock();
  const folder = mkdtempSync(join(tmpdir(), 'wardline-soak-'));
  const any = { host: HOST, port: 0 };
  const server = await createMediaServer({
    eventSocket: any,
    secret: SECRET,
    sip: any,
    rtpHost: HOST,
    rtpPorts: { first: 0, last: 0 },
    soundsFolder: folder,
    clock,
    random: random.bytes,
    logger: createLogger({ role: 'media', level: 'silent' }),
  });
  const srf = await FacadeSrf.open();
  const { port } = server.eventSocket;
  const ms = await new Mrf(srf).connect({ address: HOST, port, secret: SECRET, listenAddress: HOST });
  const parties = new Set<Party>();
  const step = async (ms = TICK_MS): Promise<void> => {
    clock.advance(ms);
    for (const { leg } of parties) leg.write(leg.read());
    for (let turn = 0; turn < QUIET_TURNS; turn++) await new Promise(setImmediate);
  };
  const stage: Stage = { clock, random, ms, folder, parties, step };
  // The deadline of a hello that came in time waits until it is due.
  for (let waited = 0; waited < QUIET_MS; waited += QUIET_STEP_MS) await step(QUIET_STEP_MS);
  const [timersBefore, made]: [number, Record<string, number>] = [clock.pending, {}];
  let next = random.below(KINDS.length);
  return {
    server,
    made,
    async hour(callSeconds, leastCalls = 0) {
      const end = clock.monotonic() + callSeconds * 1000;
      for (let calls = 0; calls < leastCalls || clock.monotonic() < end; calls++) {
        const [name, call] = KINDS[next++ % KINDS.length] ?? ['hung up', hungUp];
        made[name] = (made[name] ?? 0) + 1;
        await call(stage);
        await meanwhile(stage, () => server.status().calls === 0);
        for (const party of parties) party.leg[Symbol.dispose]();
        parties.clear();
      }
      for (let waited = 0; waited < QUIET_MS; waited += QUIET_STEP_MS) await step(QUIET_STEP_MS);
      // The stand-in for drachtio-srf remembers its dialogs for ever; their memory is not the server's.
      srf.dialogs.clear();
      collect();
      return {
        calls: server.status().calls,
        ports: server.status().mediaPortsInUse,
        conferences: /^\+OK No active/.test(await ms.api('conference list')) ? 0 : 1,
        timers: clock.pending - timersBefore,
        heapBytes: process.memoryUsage().heapUsed,
      };
    },
    async [Symbol.asyncDispose]() {
      ms.disconnect();
      await server.close();
      await srf[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Stage {
  readonly clock: ManualClock;
  readonly random: Seeded;
  readonly ms: FsmrfMediaServer;
  readonly folder: string;
  readonly parties: Set<Party>;
  readonly step: (ms?: number) => Promise<void>;
}

interface Party {
  readonly leg: AudioLeg;
}

/** Time goes on until it is so. */
async function meanwhile({ step }: Stage, isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns++) {
    if (turns > MAX_TURNS) throw new Error('a call of the soak never came to its end');
    await step();
  }
}

async function during<T>(stage: Stage, work: Promise<T>): Promise<T> {
  let isOver = false;
  const ended = () => {
    isOver = true;
  };
  work.then(ended, ended);
  await meanwhile(stage, () => isOver);
  return await work;
}

async function call(stage: Stage): Promise<FsmrfEndpoint> {
  const { clock, random, ms, parties } = stage;
  const ports = createMediaPorts({ address: HOST, first: 0, last: 0, clock });
  const leg = await openAudioLeg({ ports, clock, random: random.bytes, nat: 'strict' });
  parties.add({ leg });
  const secure: SecurePolicy = random.below(2) === 0 ? 'required' : 'forbidden';
  const negotiation = createAudioNegotiation({ local: leg.local, sessionId: 1, secure, random: random.bytes });
  const offer = negotiation.makeOffer().replace('RTP/SAVP', 'RTP/xAVP');
  const endpoint = await during(stage, ms.createEndpoint({ remoteSdp: offer }));
  const agreed = negotiation.acceptAnswer(endpoint.local.sdp);
  if ('refused' in agreed) throw new Error(agreed.refused);
  leg.configure(agreed.audio);
  return endpoint;
}

async function hungUp(stage: Stage): Promise<void> {
  const endpoint = await call(stage);
  await during(stage, endpoint.play('tone_stream://%(400,0,500)'));
  await during(stage, endpoint.destroy());
}

async function asked(stage: Stage): Promise<void> {
  const endpoint = await call(stage);
  const wanted = { min: 1, max: 2, tries: 1, timeout: 2000, digitTimeout: 1000, file: 'tone_stream://%(300,0,500)' };
  const answer = during(stage, endpoint.playCollect(wanted));
  for (const { leg } of stage.parties) leg.sendDigit('4', 100);
  await answer;
  await during(stage, endpoint.dialog.destroy());
}

async function recorded(stage: Stage): Promise<void> {
  const { ms, folder, random } = stage;
  const endpoint = await call(stage);
  await during(stage, endpoint.recordSession(join(folder, `${random.below(4)}.wav`)));
  await during(stage, endpoint.play('tone_stream://%(1000,0,500)'));
  const ended = once(endpoint, 'destroy');
  await during(stage, ms.api(`uuid_kill ${endpoint.uuid} USER_BUSY`));
  await during(stage, ended);
}

async function bridged(stage: Stage): Promise<void> {
  const [first, second] = [await call(stage), await call(stage)];
  await during(stage, first.bridge(second));
  for (let tick = 0; tick < 50; tick++) await stage.step();
  await during(stage, second.dialog.destroy());
  await during(stage, first.destroy());
}

async function conferred(stage: Stage): Promise<void> {
  const [first, second] = [await call(stage), await call(stage)];
  for (const endpoint of [first, second]) await during(stage, endpoint.join('soak'));
  for (let tick = 0; tick < 50; tick++) await stage.step();
  await during(stage, first.unjoin());
  await during(stage, second.dialog.destroy());
  await during(stage, first.destroy());
}

/** The controller goes in the middle of it. */
async function abandoned(stage: Stage): Promise<void> {
  const endpoint = await call(stage);
  endpoint.conn.socket.destroy();
}

async function refused(stage: Stage): Promise<void> {
  const sdp = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 4 RTP/AVP 96\r\n';
  const result = await during(
    stage,
    stage.ms.createEndpoint({ remoteSdp: sdp }).then(
      () => 'taken',
      () => 'refused',
    ),
  );
  if (result !== 'refused') throw new Error('an offer without audio was taken');
}

/** Calls of the server's own. */
async function originated(stage: Stage): Promise<void> {
  const { ms } = stage;
  await during(stage, ms.api('originate {originate_timeout=2}sofia/drachtio_mrf/sip:a@127.0.0.1:9 &park'));
  const answer = await during(stage, ms.api('originate loopback/app=echo &park'));
  await during(stage, ms.api(`uuid_kill ${answer.replace(/^\+OK /, '').trim()}`));
}

const KINDS: ReadonlyArray<readonly [string, (stage: Stage) => Promise<void>]> = [
  ['hung up', hungUp],
  ['asked', asked],
  ['recorded', recorded],
  ['bridged', bridged],
  ['conferred', conferred],
  ['abandoned', abandoned],
  ['refused', refused],
  ['originated', originated],
];

export const KINDS_OF_CALLS = KINDS.length;
