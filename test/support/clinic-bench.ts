// A whole clinic on loopback: the embedded edge and media server and call control in this process, and the real vault in one of its own.
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import type { Edge, EdgeOptions } from '../../src/engine/edge/edge.ts';
import { createEdge } from '../../src/engine/edge/edge.ts';
import type { MediaServer, MediaServerOptions } from '../../src/engine/media-server/media-server.ts';
import { createMediaServer } from '../../src/engine/media-server/media-server.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { Cdr } from '../../src/model/cdr.ts';
import type { Clinic, Trunk } from '../../src/model/clinic.ts';
import type { Listener } from '../../src/pbx/leg/sip-arrival.ts';
import type { Pbx } from '../../src/pbx/pbx.ts';
import { createPbx } from '../../src/pbx/pbx.ts';
import { makeTestCertificate } from './certificate.ts';
import { ClinicVault } from './clinic-vault.ts';
import { namedMediaServer } from './named-media.ts';
import { namedServer } from './named-server.ts';
import { PATIENCE_MS } from './patience.ts';
import { TestPhone } from './phone.ts';
import { tailSpool } from './spool-tail.ts';
import { trunkTo } from './test-clinic.ts';
import { CALLER } from './vault-bench.ts';

export const PASSWORD = 'a-test-password';
/** A FreeSWITCH that runs with the configuration of freeswitch/ in the place of the embedded media server. */
const NAMED = namedServer('WARDLINE_TEST_FREESWITCH');

/** Where the real one differs a test says so by name. */
export const ON_FREESWITCH = NAMED !== undefined;

export const soundsFolder = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'config/prompts/en');

let turns = Promise.resolve();

/** One after the other: call control ends what it finds on its media server. Answers what gives the turn on. */
async function takeTurn(): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const before = turns;
  turns = promise;
  await before;
  return resolve;
}

export class ClinicBench implements AsyncDisposable {
  readonly vault: ClinicVault;
  edge: Edge;
  media: MediaServer;
  readonly pbx: Pbx;
  #clinic: Clinic;
  readonly #loads: () => number;
  readonly #ca: string;
  readonly #stack: AsyncDisposableStack;
  readonly #phones: AsyncDisposableStack;
  readonly #edgeOptions: EdgeOptions;
  readonly #mediaOptions: MediaServerOptions;

  private constructor(parts: {
    readonly vault: ClinicVault;
    readonly edge: Edge;
    readonly media: MediaServer;
    readonly pbx: Pbx;
    readonly clinic: Clinic;
    /** How often call control has read the clinic. */
    readonly loads: () => number;
    readonly ca: string;
    readonly stack: AsyncDisposableStack;
    readonly phones: AsyncDisposableStack;
    readonly edgeOptions: EdgeOptions;
    readonly mediaOptions: MediaServerOptions;
  }) {
    this.vault = parts.vault;
    this.edge = parts.edge;
    this.media = parts.media;
    this.pbx = parts.pbx;
    this.#clinic = parts.clinic;
    this.#loads = parts.loads;
    this.#ca = parts.ca;
    this.#stack = parts.stack;
    this.#phones = parts.phones;
    this.#edgeOptions = parts.edgeOptions;
    this.#mediaOptions = parts.mediaOptions;
  }

  /** Ends the media server with all its calls and starts another on the same addresses. */
  async restartMedia(): Promise<void> {
    const { eventSocket, sip } = this.media;
    await this.media.close();
    this.media = await createMediaServer({ ...this.#mediaOptions, eventSocket, sip });
  }

  /** Ends the edge and starts another, which knows nothing of the first, on the same addresses. */
  async restartEdge(): Promise<void> {
    const { admin, listeners } = this.edge;
    await this.edge.close();
    this.edge = await createEdge({ ...this.#edgeOptions, admin, listeners });
  }

  /** Starts everything; `pbxClock` may run ahead of the engines' time, and the vault's records may be locked. */
  static async start(
    clinic: Clinic,
    { pbxClock = systemClock, isLocked = false }: { readonly pbxClock?: Clock; readonly isLocked?: boolean } = {},
  ): Promise<ClinicBench> {
    const stack = new AsyncDisposableStack();
    if (NAMED !== undefined) stack.defer(await takeTurn());
    const logger = pino({ level: process.env.TEST_LOG ?? 'silent' }, pino.destination(2));
    const tls = await testCertificate();
    const vault = await ClinicVault.lend(clinic, PASSWORD, { isLocked });
    stack.use(vault);
    const edgeOptions: EdgeOptions = {
      admin: { host: '127.0.0.1', port: 0 },
      secret: 'test-edge',
      listeners: [
        { name: 'phones', transport: 'tls', host: '127.0.0.1', port: 0 },
        { name: 'carrier', transport: 'udp', host: '127.0.0.1', port: 0 },
        { name: 'inner', transport: 'udp', host: '127.0.0.1', port: 0 },
      ],
      tls,
      clock: systemClock,
      logger,
    };
    const edge = await createEdge(edgeOptions);
    stack.defer(() => edge.close());
    const mediaOptions: MediaServerOptions = {
      eventSocket: { host: '127.0.0.1', port: 0 },
      secret: 'test-media',
      sip: { host: '127.0.0.1', port: 0 },
      rtpHost: '127.0.0.1',
      rtpPorts: { first: 0, last: 0 },
      soundsFolder,
      spoolFolder: vault.spoolFolder,
      intake: vault.intake,
      clock: systemClock,
      random: randomBytes,
      logger,
    };
    const media = NAMED === undefined ? await createMediaServer(mediaOptions) : await namedMediaServer(NAMED);
    stack.defer(() => media.close());
    if (NAMED !== undefined) stack.use(tailSpool(vault.spoolFolder, vault.intake));
    // They hang on until call control has said its last word to them.
    const phones = stack.use(new AsyncDisposableStack());
    let loads = 0;
    const pbx = await createPbx({
      edge: { ...edge.admin, secret: 'test-edge' },
      media: { ...media.eventSocket, secret: NAMED?.secret ?? 'test-media' },
      listeners: edge.listeners as readonly Listener[],
      vault,
      loadClinic: async () => {
        const { clinic: current } = await vault.ask('clinic.get', {});
        loads++;
        return current;
      },
      promptPath: (prompt) => ('file' in prompt ? `${prompt.file}.wav` : 'call/please-hold.wav'),
      spoolFolder: vault.spoolFolder,
      clock: pbxClock,
      random: randomBytes,
      logger,
    });
    stack.defer(() => pbx.close());
    return new ClinicBench({
      vault,
      edge,
      media,
      pbx,
      clinic,
      loads: () => loads,
      ca: tls.ca,
      stack,
      phones,
      edgeOptions,
      mediaOptions,
    });
  }

  listener(name: string): { readonly host: string; readonly port: number } {
    const found = this.edge.listeners.find((listener) => listener.name === name);
    if (found === undefined) throw new Error(`no listener ${name}`);
    return { host: found.host, port: found.port };
  }

  /** A desk phone over TLS with SRTP; not registered yet. */
  async phone(username: string, password = PASSWORD): Promise<TestPhone> {
    const phone = await TestPhone.open({
      transport: 'tls',
      server: this.listener('phones'),
      username,
      password,
      trust: this.#ca,
    });
    this.#phones.use(phone);
    return phone;
  }

  /** A desk phone that is registered. */
  async registered(username: string): Promise<TestPhone> {
    const phone = await this.phone(username);
    const { status } = await phone.register();
    if (status !== 200) throw new Error(`registration refused with ${status}`);
    return phone;
  }

  /** A carrier on plain UDP; calls the clinic's numbers and is called by trunks that point to it. */
  async carrier(): Promise<TestPhone> {
    const carrier = await TestPhone.open({
      transport: 'udp',
      server: this.listener('carrier'),
      username: '+12125550142',
    });
    this.#phones.use(carrier);
    return carrier;
  }

  /** Changes the clinic as an import does; call control knows it when this resolves. */
  async change(changes: Partial<Clinic>): Promise<void> {
    const before = this.#loads();
    this.#clinic = { ...this.#clinic, ...changes };
    await this.vault.ask('clinic.put', { caller: CALLER, clinic: this.#clinic, summary: 'a test' });
    await this.until(() => this.#loads() > before);
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** A carrier that the clinic has a trunk to. */
  async trunk(changes: Partial<Trunk> = {}): Promise<TestPhone> {
    const carrier = await this.carrier();
    await this.change({ trunks: [{ ...trunkTo(carrier.local), ...changes }] });
    return carrier;
  }

  /** The one record of the one call there was. @throws when there is none, or more */
  async onlyCall(): Promise<Cdr> {
    await this.until(() => this.pbx.status().calls === 0);
    await this.until(async () => (await this.vault.calls()).length > 0);
    const [cdr, ...more] = await this.vault.calls();
    if (cdr === undefined || more.length > 0) throw new Error(`${more.length} more records than the one expected`);
    return cdr;
  }

  async until(holds: () => boolean | Promise<boolean>, deadlineMs = PATIENCE_MS): Promise<boolean> {
    const end = systemClock.monotonic() + deadlineMs;
    while (!(await holds())) {
      if (systemClock.monotonic() > end) return false;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
    // Those that were restarted; call control is closed by now and reconnects to nothing.
    await Promise.all([this.edge.close(), this.media.close()]);
  }
}

/** Made once: its key costs more than a bench. */
let certificate: ReturnType<typeof makeTestCertificate> | undefined;
function testCertificate(): ReturnType<typeof makeTestCertificate> {
  certificate ??= makeTestCertificate();
  return certificate;
}
