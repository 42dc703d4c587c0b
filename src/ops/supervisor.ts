// Starts the four processes in the order in which they need each other, and ends them in reverse.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControllerBoot, EdgeBoot, EdgeListener, MediaBoot, VaultBoot } from '../config/boot.ts';
import type { Bootstrap } from '../config/bootstrap.ts';
import { certificateNames } from '../config/bootstrap.ts';
import type { ProcessRole, RunSecrets } from '../config/secrets.ts';
import type { Clock } from '../kernel/clock.ts';
import type { HostPort } from '../kernel/ip.ts';
import type { Logger } from '../kernel/logger.ts';
import { CertificateWatch, type TlsMaterial } from './certificate-watch.ts';
import { SupervisedProcess } from './supervised-process.ts';

export interface SupervisorOptions {
  readonly bootstrap: Bootstrap;
  readonly runtimeFolder: string;
  readonly secrets: RunSecrets;
  /** The checkout's `src`. */
  readonly sourceFolder: string;
  readonly soundsFolder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A process said that it cannot run; the appliance must stop. */
  readonly onFatal: (why?: string) => void;
}

interface EdgeStatus {
  readonly admin: HostPort;
  readonly listeners: readonly EdgeListener[];
}

interface MediaStatus {
  readonly eventSocket: HostPort;
  readonly sip: HostPort;
}

interface ControllerStatus {
  /** The console's address with the port that was bound. */
  readonly console: string;
  /** Calls in progress. */
  readonly calls: number;
}

/** Where the running appliance is reached. */
export interface Running {
  readonly listeners: readonly EdgeListener[];
  readonly consoleUrl: string;
}

const LOOPBACK: HostPort = { host: '127.0.0.1', port: 0 };
const STOP_GRACE_MS = 5_000;
const TLS_DEADLINE_MS = 10_000;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #running: Array<{ stop(graceMs: number): Promise<void> }> = [];
  #controller: SupervisedProcess<ControllerStatus> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Starts everything; resolves once the last process answers. */
  async start(): Promise<Running> {
    const vault = this.#process<unknown>('vault', 'process/vault.ts', () => this.#vaultBoot());
    await vault.start();
    // Only now: a second appliance on this folder has failed by here, and must not take the first one's command line away.
    writeFileSync(join(this.#options.runtimeFolder, 'cli-token'), this.#options.secrets.cliToken, { mode: 0o600 });
    const getTls = () => vault.request<TlsMaterial>('tls.get', { name: 'sip' }, TLS_DEADLINE_MS);
    const { clock, logger } = this.#options;
    const certificates: CertificateWatch = new CertificateWatch({
      first: await getTls(),
      get: getTls,
      hand: async ({ certificate, key }) => {
        await edgeProcess.request('certificate.set', { certificate, key });
      },
      clock,
      logger,
    });
    this.#running.push({ stop: async () => certificates[Symbol.dispose]() });
    const edgeProcess = this.#process<EdgeStatus>('edge', 'process/edge.ts', (previous) =>
      this.#edgeBoot(certificates.current, previous),
    );
    const mediaProcess = this.#process<MediaStatus>('media', 'process/media.ts', (previous) =>
      this.#mediaBoot(previous),
    );
    const [edge, media] = await Promise.all([edgeProcess.start(), mediaProcess.start()]);
    const controller = this.#process<ControllerStatus>('controller', 'appliance.ts', () =>
      this.#controllerBoot(edge, media),
    );
    this.#controller = controller;
    const { console } = await controller.start();
    return { listeners: edge.listeners, consoleUrl: console };
  }

  /** Lets running calls end, for `deadlineMs` at most; no new ones begin. */
  async drain(deadlineMs: number): Promise<void> {
    await this.#controller?.request('drain', { deadlineMs }, deadlineMs + 1_000);
  }

  /** The number of calls that are in progress. */
  async activeCalls(): Promise<number> {
    const status = await this.#controller?.request<ControllerStatus>('status');
    return status?.calls ?? 0;
  }

  async stop(): Promise<void> {
    for (const running of this.#running.reverse()) await running.stop(STOP_GRACE_MS);
  }

  #process<Status>(
    name: ProcessRole,
    entry: string,
    boot: (previous: Status | undefined) => object,
  ): SupervisedProcess<Status> {
    const { runtimeFolder, secrets, sourceFolder, clock, logger, onFatal } = this.#options;
    const supervised = new SupervisedProcess<Status>({
      name,
      entry: join(sourceFolder, entry),
      boot: (previous) => ({ ...this.#base(name), ...boot(previous) }),
      socket: join(runtimeFolder, `${name}.sock`),
      token: secrets.tokens[name].main ?? '',
      clock,
      logger,
      onFatal,
    });
    this.#running.push(supervised);
    return supervised;
  }

  #base(name: ProcessRole) {
    const { bootstrap, runtimeFolder, secrets } = this.#options;
    return {
      runtimeFolder,
      tokens: secrets.tokens[name],
      logLevel: bootstrap.logLevel,
      logFile: join(bootstrap.logFolder, `${name}.log`),
    };
  }

  get #spoolFolder(): string {
    return join(this.#options.runtimeFolder, 'spool');
  }

  #vaultBoot(): Omit<VaultBoot, 'runtimeFolder' | 'tokens' | 'logLevel'> {
    const { bootstrap } = this.#options;
    const { dataFolder, keyFile, headsFile, headsToSyslog, credentialsFolder } = bootstrap;
    return {
      ...{ dataFolder, keyFile, headsFile, spoolFolder: this.#spoolFolder, names: certificateNames(bootstrap) },
      headsToSyslog,
      ...(credentialsFolder !== undefined && { credentialsFolder }),
    };
  }

  #edgeBoot(
    tls: TlsMaterial,
    previous: EdgeStatus | undefined,
  ): Omit<EdgeBoot, 'runtimeFolder' | 'tokens' | 'logLevel'> {
    const { bootstrap, secrets } = this.#options;
    const { certificate, key } = tls;
    return {
      admin: previous?.admin ?? LOOPBACK,
      adminSecret: secrets.adminSecret,
      // The ports of the first start stay.
      listeners: bootstrap.listeners.map((each, index) => ({
        ...each,
        port: previous?.listeners[index]?.port ?? each.port,
      })),
      tls: { certificate, key },
    };
  }

  #mediaBoot(previous: MediaStatus | undefined): Omit<MediaBoot, 'runtimeFolder' | 'tokens' | 'logLevel'> {
    const { bootstrap, secrets, runtimeFolder, soundsFolder } = this.#options;
    return {
      eventSocket: previous?.eventSocket ?? LOOPBACK,
      eventSocketSecret: secrets.eventSocketSecret,
      sip: previous?.sip ?? LOOPBACK,
      rtpHost: bootstrap.address,
      rtpPorts: bootstrap.rtpPorts,
      ...(bootstrap.audioWorkers !== undefined && { workers: bootstrap.audioWorkers }),
      ...(bootstrap.audioCodecs !== undefined && { codecs: bootstrap.audioCodecs }),
      soundsFolder,
      spoolFolder: this.#spoolFolder,
      sealSocket: join(runtimeFolder, 'vault.sock'),
      sealToken: secrets.tokens.vault.media ?? '',
    };
  }

  #controllerBoot(edge: EdgeStatus, media: MediaStatus): Omit<ControllerBoot, 'runtimeFolder' | 'tokens' | 'logLevel'> {
    const { bootstrap, secrets, runtimeFolder, soundsFolder } = this.#options;
    return {
      vaultSocket: join(runtimeFolder, 'vault.sock'),
      vaultToken: secrets.tokens.vault.controller ?? '',
      edge: {
        admin: edge.admin,
        secret: secrets.adminSecret,
        socket: join(runtimeFolder, 'edge.sock'),
        token: secrets.tokens.edge.controller ?? '',
      },
      media: { eventSocket: media.eventSocket, secret: secrets.eventSocketSecret },
      listeners: edge.listeners,
      spoolFolder: this.#spoolFolder,
      soundsFolder,
      promptsFolder: join(runtimeFolder, 'prompts'),
      console: bootstrap.console,
      hostName: bootstrap.hostName,
    };
  }
}
