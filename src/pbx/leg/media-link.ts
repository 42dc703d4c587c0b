// The connection to the media server and its supervision: probed first, thrown away when it ends, reconnected with a capped back-off, swept of stale channels (CONTRACT.md §6.1–6.5).
import { connect } from 'node:net';
import type { MediaServer, SrfFacade } from 'drachtio-fsmrf';
import Mrf from 'drachtio-fsmrf';
import type { Clock } from '../../kernel/clock.ts';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import { within } from './ending.ts';
import type { Media } from './media.ts';
import { EndpointMedia } from './media.ts';
import { cleanSdp, hideSavp, showSavp } from './sdp-guard.ts';
import type { SrfConnection } from './srf-types.ts';

export interface MediaLinkOptions {
  readonly media: {
    readonly host: string;
    readonly port: number;
    readonly secret: string;
    /** Where the media server connects back to; loopback when absent. */
    readonly listenAddress?: string;
  };
  readonly srf: SrfConnection;
  readonly clock: Clock;
  readonly logger: Logger;
}

const PROBE_MS = 1_000;
const CONNECT_MS = 3_000;
const CREATE_MS = 8_000;
const API_MS = 5_000;
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 5_000;
const MAX_SWEPT = 10_000;
const SWEEP_GRACE_MS = CREATE_MS;

export class MediaLink {
  readonly #options: MediaLinkOptions;
  #server: MediaServer | undefined;
  #retryMs = FIRST_RETRY_MS;
  #retry: Disposable | undefined;
  #isClosed = false;
  #hasStarted = false;
  /** Channels that are ours; a sweep leaves them alone. */
  readonly #live = new Set<string>();
  readonly #waiting = new Set<() => void>();

  constructor(options: MediaLinkOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#server !== undefined;
  }

  /** Resolves once connected; keeps trying until `deadlineMs`, and in the background afterwards. */
  async start(deadlineMs = 15_000): Promise<void> {
    const up = new Promise<void>((resolve) => this.#waiting.add(resolve));
    void this.#connect();
    await within(up, { clock: this.#options.clock, ms: deadlineMs, what: 'connecting to the media server' });
  }

  /** A party's audio, from its offer, or from ours when it is the one who answers (then `srtp` offers SAVP). */
  async createMedia(from: { readonly offer: string } | { readonly srtp: boolean }): Promise<Media> {
    const server = this.#server;
    if (server === undefined) throw new WardlineError('media-down', 'The media server is not connected; try again.');
    const options = 'offer' in from ? { remoteSdp: offerFor(from.offer) } : { srtp: from.srtp };
    const creating = server.createEndpoint(options);
    const { clock, logger } = this.#options;
    try {
      const endpoint = await within(creating, { clock, ms: CREATE_MS, what: 'opening audio' });
      endpoint.setMaxListeners(50);
      // The library writes a command line by line: without this all but the first wait for an acknowledgement, 40 ms.
      endpoint.conn?.socket?.setNoDelay(true);
      const media = new EndpointMedia(endpoint, { clock, logger, kill: (uuid) => void this.#kill(uuid) });
      this.#live.add(endpoint.uuid);
      media.ending.onEnd(() => this.#live.delete(endpoint.uuid));
      return media;
    } catch (error) {
      creating.then((late) => late.destroy()).catch(() => {});
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.[Symbol.dispose]();
    this.#discard();
  }

  async #connect(): Promise<void> {
    if (this.#isClosed || this.#server !== undefined) return;
    try {
      const server = await this.#open();
      if (this.#isClosed) return server.disconnect();
      this.#server = server;
      this.#retryMs = FIRST_RETRY_MS;
      if (this.#hasStarted) void this.#sweep(server, SWEEP_GRACE_MS).catch(() => {});
      else await this.#sweep(server, 0);
      this.#hasStarted = true;
      for (const resolve of this.#waiting) resolve();
      this.#waiting.clear();
    } catch (error) {
      this.#options.logger.debug({ code: codeOf(error) }, 'the media server did not answer');
      this.#discard();
      this.#retryLater();
    }
  }

  /** A refused or unauthenticated first connect would leave fsmrf retrying for ever behind our back: the port is tried first. */
  async #open(): Promise<MediaServer> {
    const { media, clock, srf, logger } = this.#options;
    await probe(media.host, media.port);
    const listenAddress = media.listenAddress ?? '127.0.0.1';
    const connecting = new Mrf(facadeOf(srf)).connect({
      address: media.host,
      port: media.port,
      secret: media.secret,
      listenAddress,
      advertisedAddress: listenAddress,
    });
    const server = await within(connecting, { clock, ms: CONNECT_MS, what: 'connecting to the media server' }).catch(
      (error: unknown) => {
        // fsmrf goes on by itself: what it connects too late is let go, or it would stand, and reconnect, for ever.
        connecting.then((late) => late.disconnect()).catch(() => {});
        throw error;
      },
    );
    server.on('error', () => {});
    server.on('end', () => {
      if (this.#server !== server) return;
      logger.warn('the media server is gone; reconnecting');
      this.#discard();
      this.#retryLater();
    });
    return server;
  }

  #discard(): void {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    try {
      server.disconnect();
    } catch {
      // Its socket is gone already.
    }
  }

  #retryLater(): void {
    if (this.#isClosed) return;
    this.#retry?.[Symbol.dispose]();
    this.#retry = this.#options.clock.after(this.#retryMs, () => void this.#connect());
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
  }

  /** Ends what an earlier controller or link left behind: bridged legs outlive it (contract §5.8). Calls being made get time to be known. */
  async #sweep(server: MediaServer, graceMs: number): Promise<void> {
    const text = await within(server.api('show channels as json'), {
      clock: this.#options.clock,
      ms: API_MS,
      what: 'listing channels',
    });
    const found = channelIds(text).slice(0, MAX_SWEPT);
    if (graceMs > 0) await new Promise<void>((resolve) => this.#options.clock.after(graceMs, resolve));
    if (this.#server !== server) return;
    for (const uuid of found) if (!this.#live.has(uuid)) await this.#killBy(server, uuid);
  }

  async #kill(uuid: string): Promise<void> {
    const server = this.#server;
    if (server !== undefined) await this.#killBy(server, uuid).catch(() => {});
  }

  async #killBy(server: MediaServer, uuid: string): Promise<void> {
    const { clock } = this.#options;
    await within(server.api(`uuid_kill ${uuid}`), { clock, ms: API_MS, what: 'ending a channel' });
  }
}

/** drachtio-fsmrf refuses SAVP for endpoints; the token is hidden from it and put back on the way out (contract §6.5). */
function facadeOf(srf: SrfConnection): SrfFacade {
  return {
    createUAC: (uri, options) => {
      if (options.localSdp === undefined) return srf.createUAC(uri, options);
      return srf.createUAC(uri, { ...options, localSdp: showSavp(options.localSdp) });
    },
  };
}

function offerFor(offer: string): string {
  const clean = cleanSdp(offer);
  if (clean === undefined) throw new WardlineError('bad-sdp', 'The offer is not a session description.');
  return hideSavp(clean);
}

function channelIds(text: string): string[] {
  try {
    const listed: unknown = JSON.parse(text);
    if (typeof listed !== 'object' || listed === null || !('rows' in listed) || !Array.isArray(listed.rows)) return [];
    return listed.rows.flatMap((row: unknown) => {
      const uuid = typeof row === 'object' && row !== null && 'uuid' in row ? row.uuid : undefined;
      return typeof uuid === 'string' && /^[0-9a-f-]{36}$/i.test(uuid) ? [uuid] : [];
    });
  } catch {
    return [];
  }
}

function probe(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.setTimeout(PROBE_MS, () => socket.destroy(new Error('timeout')));
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
