// Call control put together: registrar, calls, carriers, message waiting and records over one SIP edge and one media server.
import type { Clock } from '../kernel/clock.ts';
import { codeOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Clinic, Prompt } from '../model/clinic.ts';
import type { Vault } from '../vault/contract.ts';
import type { SipCredential } from '../vault/shapes.ts';
import type { Call } from './call/call.ts';
import { handleInvite } from './call/incoming.ts';
import type { CallServices } from './call/services.ts';
import { CdrWriter } from './cdr/cdr-writer.ts';
import { within } from './leg/ending.ts';
import { MediaLink } from './leg/media-link.ts';
import type { Listener, SipArrival } from './leg/sip-arrival.ts';
import { SipLink } from './leg/sip-link.ts';
import { MessageWaiting } from './presence/message-waiting.ts';
import type { Credentials } from './registrar/authenticator.ts';
import { Authenticator } from './registrar/authenticator.ts';
import { Registrar } from './registrar/registrar.ts';
import { SourceReports } from './registrar/source-reports.ts';

export interface PbxOptions {
  readonly edge: { readonly host: string; readonly port: number; readonly secret: string };
  readonly media: {
    readonly host: string;
    readonly port: number;
    readonly secret: string;
    /** Where the media server connects back to; loopback when absent. */
    readonly listenAddress?: string;
  };
  /** The edge's SIP listeners with the ports they really have. */
  readonly listeners: readonly Listener[];
  readonly vault: Vault;
  /** Called at start and after each change of the clinic. */
  readonly loadClinic: () => Promise<Clinic>;
  readonly promptPath: (prompt: Prompt) => string;
  readonly spoolFolder: string;
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
  readonly logger: Logger;
}

export interface PbxStatus {
  readonly ok: boolean;
  readonly parts: { readonly edge: 'up' | 'down'; readonly media: 'up' | 'down' };
  /** Calls in progress. */
  readonly calls: number;
  /** Live contact bindings. */
  readonly registrations: number;
}

export interface Pbx {
  status(): PbxStatus;
  /** No new calls but emergencies; resolves when the running ones have ended, at `deadlineMs` at the latest. */
  drain(deadlineMs: number): Promise<void>;
  /** Hangs up what is left and lets go of the engines. */
  close(): Promise<void>;
}

const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, INFO, MESSAGE';
const DRAIN_POLL_MS = 200;
const SETTLE_MS = 5_000;

/** Starts call control. Rejects when an engine or the vault cannot be reached in time. */
export async function createPbx(options: PbxOptions): Promise<Pbx> {
  const parts = await PbxParts.load(options);
  try {
    await parts.start();
    return parts;
  } catch (error) {
    await parts.close();
    throw error;
  }
}

class PbxParts implements Pbx {
  readonly #options: PbxOptions;
  readonly #sip: SipLink;
  readonly #media: MediaLink;
  readonly #registrar: Registrar;
  readonly #authenticator: Authenticator;
  readonly #messageWaiting: MessageWaiting;
  readonly #cdrs: CdrWriter;
  readonly #wrongPasswords: SourceReports;
  readonly #strangers: SourceReports;
  readonly #services: CallServices;
  readonly #calls = new Set<Call>();
  #clinic: Clinic;
  #credentials: Credentials;
  #notices: Disposable | undefined;
  #isDraining = false;

  static async load(options: PbxOptions): Promise<PbxParts> {
    const [clinic, credentials] = await Promise.all([options.loadClinic(), loadCredentials(options.vault)]);
    return new PbxParts(options, clinic, credentials);
  }

  constructor(options: PbxOptions, clinic: Clinic, credentials: Credentials) {
    const { vault, clock, logger, random } = options;
    this.#options = options;
    this.#clinic = clinic;
    this.#credentials = credentials;
    this.#sip = new SipLink(options);
    this.#media = new MediaLink({ ...options, srf: this.#sip.srf });
    this.#cdrs = new CdrWriter(options);
    this.#wrongPasswords = new SourceReports({ ...options, triesToReport: 3 });
    this.#strangers = new SourceReports({ ...options, triesToReport: 1 });
    this.#authenticator = new Authenticator({
      clock,
      random,
      credentials: () => this.#credentials,
      onRefused: (source) => this.#wrongPasswords.add(source),
    });
    this.#registrar = new Registrar({
      ...options,
      authenticator: this.#authenticator,
      onRegistered: (username, binding) => void this.#messageWaiting.phoneRegistered(username, binding),
    });
    const bindingsOf = (username: string) => this.#registrar.bindingsOf(username);
    const currentClinic = () => this.#clinic;
    this.#messageWaiting = new MessageWaiting({
      sip: this.#sip,
      vault,
      clock,
      logger,
      clinic: currentClinic,
      bindingsOf,
    });
    this.#services = {
      legs: { sip: this.#sip, media: this.#media, clock, logger },
      vault,
      clock,
      random,
      logger,
      clinic: currentClinic,
      promptPath: options.promptPath,
      spoolFolder: options.spoolFolder,
      bindingsOf,
      putCdr: (cdr) => this.#cdrs.put(cdr),
    };
  }

  async start(): Promise<void> {
    await this.#registrar.load();
    this.#notices = this.#options.vault.onNotice((notice) => this.#onNotice(notice));
    this.#handleRequests();
    await this.#sip.start();
    await this.#media.start();
  }

  status(): PbxStatus {
    const parts = { edge: this.#sip.isUp ? 'up' : 'down', media: this.#media.isUp ? 'up' : 'down' } as const;
    return {
      ok: parts.edge === 'up' && parts.media === 'up',
      parts,
      calls: this.#calls.size,
      registrations: this.#registrar.count,
    };
  }

  async drain(deadlineMs: number): Promise<void> {
    this.#isDraining = true;
    const { clock } = this.#options;
    const until = clock.monotonic() + deadlineMs;
    while (this.#calls.size > 0 && clock.monotonic() < until) {
      await new Promise<void>((resolve) => clock.after(DRAIN_POLL_MS, resolve));
    }
  }

  async close(): Promise<void> {
    this.#isDraining = true;
    this.#notices?.[Symbol.dispose]();
    const calls = [...this.#calls];
    await Promise.all(calls.map((call) => call.caller.hangUp()));
    // A caller's end is followed by the record of its call.
    await this.#settled(calls);
    await this.#registrar[Symbol.asyncDispose]();
    await this.#cdrs[Symbol.asyncDispose]();
    this.#messageWaiting.close();
    this.#media.close();
    this.#sip.close();
  }

  async #settled(calls: readonly Call[]): Promise<void> {
    const { clock } = this.#options;
    const all = Promise.all(calls.map((call) => call.recorded()));
    await within(all, { clock, ms: SETTLE_MS, what: 'ending calls' }).catch(() => {});
  }

  #handleRequests(): void {
    const sip = this.#sip;
    sip.onRequest('REGISTER', (arrival) => this.#registrar.handle(arrival));
    sip.onRequest('INVITE', (arrival) =>
      handleInvite(arrival, {
        services: this.#services,
        authenticator: this.#authenticator,
        calls: this.#calls,
        isDraining: () => this.#isDraining,
        onForeign: (source) => this.#strangers.add(source),
      }),
    );
    sip.onRequest('SUBSCRIBE', (arrival) => this.#subscribe(arrival));
    sip.onRequest('OPTIONS', (arrival) => arrival.reply(200, { headers: { Allow: ALLOW } }));
    for (const method of ['MESSAGE', 'INFO', 'NOTIFY', 'PUBLISH']) {
      sip.onRequest(method, (arrival) => arrival.reply(405, { headers: { Allow: ALLOW } }));
    }
  }

  async #subscribe(arrival: SipArrival): Promise<void> {
    if (arrival.listener?.name !== 'phones') return arrival.reply(403);
    const username = this.#authenticator.authenticate(arrival);
    if (username !== undefined) await this.#messageWaiting.subscribe(arrival, username);
  }

  #onNotice({ type, payload }: { readonly type: string; readonly payload: unknown }): void {
    if (type === 'clinic.changed') void this.#reload(() => this.#reloadClinic());
    if (type === 'credentials.changed') void this.#reload(() => this.#reloadCredentials());
    if (type === 'mailbox.changed') {
      const mailbox = typeof payload === 'object' && payload !== null && 'mailbox' in payload ? payload.mailbox : '';
      if (typeof mailbox === 'string') void this.#messageWaiting.mailboxChanged(mailbox).catch(() => {});
    }
  }

  async #reloadClinic(): Promise<void> {
    this.#clinic = await this.#options.loadClinic();
  }

  async #reloadCredentials(): Promise<void> {
    this.#credentials = await loadCredentials(this.#options.vault);
  }

  /** What was known before stays good until the new can be read. */
  async #reload(load: () => Promise<void>): Promise<void> {
    await load().catch((error: unknown) => {
      this.#options.logger.error({ code: codeOf(error) }, 'a change of settings could not be read');
    });
  }
}

async function loadCredentials(vault: Vault): Promise<Credentials> {
  const { realm, credentials } = await vault.ask('credentials.list', {});
  return { realm, byUsername: new Map(credentials.map((one): [string, SipCredential] => [one.username, one])) };
}
