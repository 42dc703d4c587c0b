// The embedded media server: what drachtio-fsmrf cannot tell from FreeSWITCH, put together and taken apart again.
import { performance } from 'node:perf_hooks';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/logger.ts';
import { createMediaPorts } from '../runtime/media-socket.ts';
import type { HostPort } from '../runtime/sip-stack.ts';
import { listenTcp } from '../runtime/tcp-server.ts';
import { EventHub } from './event-hub.ts';
import { EventSocket } from './event-socket.ts';
import { type MediaHost, newUuid, type Quirks } from './host.ts';
import { MediaClock } from './media-clock.ts';
import type { Intake } from './recording/sink.ts';
import { DEFAULT_MAX_CHANNELS, Registry } from './registry.ts';
import { SipServer } from './sip-server.ts';
import { WorkInHand } from './work-in-hand.ts';

const HEARTBEAT_MS = 20_000;

export interface MediaServerOptions {
  readonly eventSocket: HostPort;
  readonly secret: string;
  readonly sip: HostPort;
  /** The address that audio is sent to and comes from. */
  readonly rtpHost: string;
  readonly rtpPorts: { readonly first: number; readonly last: number };
  readonly soundsFolder: string;
  /** With it, `<spoolFolder>/<artifactId>.ul` means an artifact; it is sealed by `intake` and never becomes a file. */
  readonly spoolFolder?: string;
  readonly intake?: Intake;
  readonly maxChannels?: number;
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
  readonly isDraining: boolean;
  readonly skippedTicks: number;
  /** Since the status was last asked for. */
  readonly worstTickDelayMs: number;
  readonly sipFaults: number;
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
  const { clock, random, logger, soundsFolder, spoolFolder, intake, rtpHost, rtpPorts } = options;
  const coreUuid = newUuid(random);
  const work = new WorkInHand(logger);
  const { supervise } = work;
  const host: MediaHost = {
    clock,
    random,
    logger,
    soundsFolder,
    spoolFolder,
    intake,
    supervise,
    quirks: options.quirks ?? {},
    coreUuid,
    address: rtpHost,
  };
  const hub = new EventHub(host);
  const registry = new Registry(clock, options.maxChannels ?? DEFAULT_MAX_CHANNELS);
  await using parts = new AsyncDisposableStack();
  const ports = parts.use(createMediaPorts({ address: rtpHost, ...rtpPorts, clock }));
  // An audio address that is not this machine's is found now, not by the first caller.
  (await ports.open())[Symbol.dispose]();
  const sip = parts.use(await SipServer.listen({ host, hub, registry, ports, address: options.sip }));
  const sockets = new Set<EventSocket>();
  const context = { host, hub, registry, sipAddress: `${sip.bound.host}:${sip.bound.port}`, secret: options.secret };
  const events = parts.use(
    await listenTcp({
      address: options.eventSocket,
      onConnection(connection) {
        const onClose = () => sockets.delete(socket);
        const socket: EventSocket = new EventSocket({ ...context, connection, onClose });
        sockets.add(socket);
      },
    }),
  );
  const ticker = parts.use(new MediaClock(clock, () => registry.tick()));
  parts.use(heartbeat(clock, sockets));
  const owned = parts.move();

  const server: MediaServer = {
    eventSocket: events.bound,
    sip: sip.bound,
    status: () => ({
      eventSocket: events.bound,
      sip: sip.bound,
      rtpHost,
      calls: registry.size,
      callsSinceStart: registry.total,
      mediaPortsInUse: ports.inUse,
      isDraining: registry.isDraining,
      skippedTicks: ticker.skipped,
      worstTickDelayMs: Math.round(ticker.takeWorstDelay()),
      sipFaults: sip.faults,
    }),
    drain() {
      registry.isDraining = true;
      const { promise, resolve } = Promise.withResolvers<void>();
      registry.onEmpty = resolve;
      if (registry.size === 0) resolve();
      return promise;
    },
    async close() {
      registry.isDraining = true;
      for (const channel of registry.list) channel.hangup('MANAGER_REQUEST');
      for (const socket of sockets) socket.close();
      await work.finished();
      await owned.disposeAsync();
    },
    async [Symbol.asyncDispose]() {
      await server.close();
    },
  };
  return server;
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
