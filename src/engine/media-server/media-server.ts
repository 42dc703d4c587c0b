// The embedded media server: what drachtio-fsmrf cannot tell from FreeSWITCH, put together and taken apart again.
import { performance } from 'node:perf_hooks';
import type { Clock } from '../../kernel/clock.ts';
import type { HostPort } from '../../kernel/ip.ts';
import { heardLogger, type Logger } from '../../kernel/logger.ts';
import { createDtlsIdentity } from '../../protocol/dtls/identity.ts';
import { loadOpus } from '../../protocol/rtp/opus.ts';
import type { AudioCodec } from '../../protocol/sdp/audio.ts';
import { DEFAULT_CODECS } from '../../protocol/sdp/negotiation.ts';
import { createMediaPorts } from '../runtime/media-socket.ts';
import type { TcpConnection, TcpServer } from '../runtime/tcp-server.ts';
import { listenTcp } from '../runtime/tcp-server.ts';
import { type Legs, localLegs } from './audio/legs.ts';
import { MediaClock } from './audio/media-clock.ts';
import { Channels, DEFAULT_MAX_CHANNELS } from './channel/channels.ts';
import { Conferences } from './conference/conferences.ts';
import { EventSocket } from './event-socket/event-socket.ts';
import { Consoles } from './host/consoles.ts';
import { EventHub } from './host/event-hub.ts';
import type { Intake } from './host/host.ts';
import { type MediaHost, newUuid } from './host/host.ts';
import type { Quirks } from './host/quirks.ts';
import { warnSeldom } from './host/warn-seldom.ts';
import { WorkInHand } from './host/work-in-hand.ts';
import { SipServer } from './sip-server.ts';
import type { Speech } from './sources/speech.ts';

const HEARTBEAT_MS = 20_000;

export interface MediaServerOptions {
  readonly eventSocket: HostPort;
  readonly secret: string;
  readonly sip: HostPort;
  /** The address that audio is sent to and comes from. */
  readonly rtpHost: string;
  readonly rtpPorts: { readonly first: number; readonly last: number };
  readonly soundsFolder: string;
  /** Where `say` finds the words that the sounds folder lacks; nowhere when absent. */
  readonly wordsFolder?: string;
  /** With it, `<spoolFolder>/<artifactId>.ul` means an artifact; it is sealed by `intake` and never becomes a file. */
  readonly spoolFolder?: string;
  readonly intake?: Intake;
  readonly maxChannels?: number;
  /** Where legs live; on this thread when absent. Disposed of with the server. */
  readonly legs?: Legs;
  /** Offered, and taken in this order; PCMU and PCMA when absent. */
  readonly codecs?: readonly AudioCodec[];
  /** Speaks texts; `speak` says that there is no engine when absent. */
  readonly speech?: Speech;
  /** Whether `sendmsg unicast` may hand a call's audio, in the clear, to another program of this machine; no when absent. */
  readonly allowsUnicast?: boolean;
  /** For tests. */
  readonly quirks?: Quirks;
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
  readonly logger: Logger;
}

export interface MediaServerStatus {
  readonly eventSocket: HostPort;
  readonly sip: HostPort;
  readonly rtpHost: string;
  readonly calls: number;
  readonly callsSinceStart: number;
  readonly mediaPortsInUse: number;
  /** Threads beside the main one, and how many of them have died. */
  readonly workers: number;
  readonly workersLost: number;
  readonly isDraining: boolean;
  readonly skippedTicks: number;
  /** Since the status was last asked for. */
  readonly worstTickDelayMs: number;
  readonly sipFaults: number;
  /** Audio packets cut unread since the start: more than any call sends. */
  readonly packetsFlooded: number;
}

export interface MediaServer extends AsyncDisposable {
  readonly eventSocket: HostPort;
  readonly sip: HostPort;
  status(): MediaServerStatus;
  /** Takes no new calls; settles when the last one has ended. */
  drain(): Promise<void>;
  /** Ends every call, then everything else. */
  close(): Promise<void>;
}

/** Listens on both addresses; rejects with Node's own error when one of them is taken or the audio address is not this machine's. */
export async function createMediaServer(options: MediaServerOptions): Promise<MediaServer> {
  const { clock, rtpHost, rtpPorts, maxChannels = DEFAULT_MAX_CHANNELS } = options;
  const consoles = new Consoles(clock);
  const logger = heardLogger(options.logger, consoles.hear);
  const work = new WorkInHand(logger);
  const host = hostOf({ ...options, logger }, work, consoles);
  const hub = new EventHub(host);
  const channels = new Channels(clock, maxChannels);
  const conferences = new Conferences(host, hub);
  await using parts = new AsyncDisposableStack();
  const ports = () => createMediaPorts({ address: rtpHost, ...rtpPorts, clock });
  const legs = parts.use(options.legs ?? localLegs(ports(), clock, options.random));
  // An audio address that is not this machine's is found now, not by the first caller.
  (await legs.open())[Symbol.dispose]();
  const sip = parts.use(await SipServer.listen({ host, hub, channels, conferences, legs, address: options.sip }));
  const sockets = new Set<EventSocket>();
  const sipAddress = `${sip.bound.host}:${sip.bound.port}`;
  const { dialer } = sip;
  const context = { host, hub, channels, conferences, sipAddress, dialer, secret: options.secret };
  const onConnection = (connection: TcpConnection): void => {
    const onClose = () => sockets.delete(socket);
    const socket: EventSocket = new EventSocket({ ...context, connection, onClose });
    sockets.add(socket);
  };
  const events = parts.use(await listenTcp({ address: options.eventSocket, onConnection }));
  const ticker = parts.use(new MediaClock(clock, () => legs.beat(channels.tick)));
  parts.use(heartbeat(clock, sockets));
  return new RunningMediaServer({ rtpHost, work, channels, legs, sip, sockets, events, ticker }, parts.move());
}

function hostOf(options: MediaServerOptions, { supervise }: WorkInHand, consoles: Consoles): MediaHost {
  const { clock, random, logger, soundsFolder, spoolFolder, intake, quirks = {}, codecs = DEFAULT_CODECS } = options;
  const identity = { coreUuid: newUuid(random), address: options.rtpHost };
  if (options.legs === undefined && codecs.includes('opus')) supervise(loadOpus());
  const dtlsIdentity = createDtlsIdentity(clock.now(), random(8));
  const { speech, wordsFolder } = options;
  const warn = warnSeldom(clock, logger);
  return {
    clock,
    random,
    logger,
    consoles,
    warnSeldom: warn,
    soundsFolder,
    wordsFolder,
    spoolFolder,
    intake,
    codecs,
    speech: speech && toldSpeech(speech, warn),
    allowsUnicast: options.allowsUnicast === true,
    dtlsIdentity,
    globals: new Map(),
    quirks,
    supervise,
    ...identity,
  };
}

/** The application that asked is told nothing of it, as on FreeSWITCH: whoever reads the log is. */
function toldSpeech(speech: Speech, warn: (sentence: string) => void): Speech {
  return async (spoken) => {
    const wave = await speech(spoken);
    if (wave === undefined) warn('a text was not spoken: its engine is not known or not installed, or it failed');
    return wave;
  };
}

interface Parts {
  readonly rtpHost: string;
  readonly work: WorkInHand;
  readonly channels: Channels;
  readonly legs: Legs;
  readonly sip: SipServer;
  readonly sockets: ReadonlySet<EventSocket>;
  readonly events: TcpServer;
  readonly ticker: MediaClock;
}

class RunningMediaServer implements MediaServer {
  readonly #parts: Parts;
  readonly #owned: AsyncDisposableStack;

  constructor(parts: Parts, owned: AsyncDisposableStack) {
    this.#parts = parts;
    this.#owned = owned;
  }

  get eventSocket(): HostPort {
    return this.#parts.events.bound;
  }

  get sip(): HostPort {
    return this.#parts.sip.bound;
  }

  status(): MediaServerStatus {
    const { rtpHost, channels, legs, sip, ticker } = this.#parts;
    return {
      eventSocket: this.eventSocket,
      sip: this.sip,
      rtpHost,
      calls: channels.size,
      callsSinceStart: channels.total,
      mediaPortsInUse: legs.portsInUse,
      workers: legs.workers,
      workersLost: legs.workersLost,
      isDraining: channels.isDraining,
      skippedTicks: ticker.skipped,
      worstTickDelayMs: Math.round(ticker.takeWorstDelay()),
      sipFaults: sip.faults,
      packetsFlooded: channels.flooded,
    };
  }

  drain(): Promise<void> {
    const { channels } = this.#parts;
    channels.isDraining = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    channels.onEmpty = resolve;
    if (channels.size === 0) resolve();
    return promise;
  }

  async close(): Promise<void> {
    const { channels, sockets, work } = this.#parts;
    channels.isDraining = true;
    channels.tasks.clear();
    for (const channel of channels.list) channel.hangup('MANAGER_REQUEST');
    for (const socket of sockets) socket.close();
    await work.finished();
    await this.#owned.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Every 20 s to whoever subscribed, with how idle this process was. */
function heartbeat(clock: Clock, sockets: ReadonlySet<EventSocket>): Disposable {
  let load = performance.eventLoopUtilization();
  let timer = clock.after(HEARTBEAT_MS, beat);
  function beat(): void {
    const now = performance.eventLoopUtilization();
    const idle = 100 * (1 - performance.eventLoopUtilization(now, load).utilization);
    load = now;
    for (const socket of sockets) socket.sendHeartbeat(idle);
    timer = clock.after(HEARTBEAT_MS, beat);
  }
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
