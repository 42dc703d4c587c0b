// The admin port: applications connect, authenticate, say which methods they take, and get them in turn.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';
import type { HostPort } from '../../kernel/ip.ts';
import type { AppMessage } from '../../protocol/drachtio-wire/app-message.ts';
import { parseAppMessage } from '../../protocol/drachtio-wire/app-message.ts';
import { encodeFrame, FrameReader } from '../../protocol/drachtio-wire/frame.ts';
import { hostPorts, okLeader, refusal, SERVER_VERSION } from '../../protocol/drachtio-wire/leader.ts';
import type { ListenerTls } from '../runtime/sip-stack.ts';
import type { TcpConnection, TcpServer } from '../runtime/tcp-server.ts';
import { listenTcp } from '../runtime/tcp-server.ts';
import type { EdgeCounters } from './counters.ts';
import type { Ids } from './ids.ts';
import type { EdgeLimits } from './limits.ts';

/** Tags of one application. */
const MAX_TAGS = 64;

export type AppSipMessage = Extract<AppMessage, { type: 'sip' }>;
export type AppProxyMessage = Extract<AppMessage, { type: 'proxy' }>;

export interface AppPortOptions {
  readonly secret: string;
  readonly limits: EdgeLimits;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly counters: EdgeCounters;
  /** What `authenticate` is answered with: where SIP is listened for. */
  readonly listeners: () => ReadonlyArray<{ transport: string; host: string; port: number }>;
  readonly onSip: (message: AppSipMessage, app: AppConnection) => void;
  readonly onProxy: (message: AppProxyMessage, app: AppConnection) => void;
  readonly onClosed: (app: AppConnection) => void;
}

/** One application's connection. */
export class AppConnection {
  isAuthenticated = false;
  readonly routes = new Set<string>();
  /** What it calls itself; a request handler may ask for one that has a tag. */
  readonly tags = new Set<string>();
  /** Called once, when it has authenticated. */
  onAuthenticated: (() => void) | undefined;
  onClosed: (() => void) | undefined;
  readonly #socket: TcpConnection;
  readonly #counters: EdgeCounters;
  readonly #ids: Ids;

  constructor(socket: TcpConnection, counters: EdgeCounters, ids: Ids) {
    this.#socket = socket;
    this.#counters = counters;
    this.#ids = ids;
  }

  get isOpen(): boolean {
    return this.#socket.isOpen;
  }

  /** Writes one frame; `leader` gets the frame's own new id. */
  send(leader: (id: string) => string, text?: Uint8Array): void {
    this.#counters.add('framesOut');
    this.#socket.write(encodeFrame(leader(this.#ids.uuid()), text));
  }

  refuse(replyTo: string, text: string): void {
    this.send((id) => refusal(id, replyTo, 'NOK', text));
  }

  /** Closes at once. */
  close(): void {
    this.#socket.destroy();
  }

  /** An error of the connection's own layer: told, and the connection is closed. */
  dismiss(replyTo: string, text: string): void {
    this.send((id) => refusal(id, replyTo, 'NO', text));
    this.#socket.end();
  }
}

export class AppPort implements AsyncDisposable {
  readonly #options: AppPortOptions;
  readonly #apps = new Set<AppConnection>();
  /** Who was served last, by verb. */
  readonly #lastServed = new Map<string, AppConnection>();
  #server: TcpServer | undefined;
  #tlsServer: TcpServer | undefined;

  constructor(options: AppPortOptions) {
    this.#options = options;
  }

  /** Opens the port: in clear, or with `tls` inside TLS; each once. Rejects with Node's own error. */
  async listen(address: HostPort, tls?: ListenerTls): Promise<void> {
    const { applications, waitingBytes } = this.#options.limits;
    const server = await listenTcp({
      address,
      limits: { maxConnections: applications, maxWaitingBytes: waitingBytes },
      onConnection: (socket) => void this.welcome(socket),
      ...(tls !== undefined && { tls }),
    });
    if (tls === undefined) this.#server = server;
    else this.#tlsServer = server;
  }

  /** Where it is open in clear. */
  get bound(): HostPort {
    if (this.#server === undefined) throw new WardlineError('edge-not-open', 'The edge is still opening its ports.');
    return this.#server.bound;
  }

  get boundTls(): HostPort | undefined {
    return this.#tlsServer?.bound;
  }

  setCertificate(tls: ListenerTls): void {
    this.#tlsServer?.setCertificate(tls);
  }

  get count(): number {
    return [...this.#apps].filter((app) => app.isAuthenticated).length;
  }

  get routes(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const app of this.#apps) for (const verb of app.routes) counts[verb] = (counts[verb] ?? 0) + 1;
    return counts;
  }

  /** The next application, in turn, among those that route this method (and have the tag). */
  pick(method: string, tag?: string): AppConnection | undefined {
    const verb = method.toLowerCase();
    const isMeant = (app: AppConnection) =>
      app.isOpen && app.routes.has(verb) && (tag === undefined || app.tags.has(tag));
    const takers = [...this.#apps].filter(isMeant);
    const last = this.#lastServed.get(verb);
    const next = takers[last === undefined ? 0 : (takers.indexOf(last) + 1) % takers.length] ?? takers[0];
    if (next !== undefined) this.#lastServed.set(verb, next);
    return next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const app of this.#apps) app.close();
    await Promise.all([this.#server?.[Symbol.asyncDispose](), this.#tlsServer?.[Symbol.asyncDispose]()]);
  }

  /** Takes a connection of ours to an application; that speaks first here too, and is closed when it does not. */
  welcome(socket: TcpConnection): AppConnection {
    const { clock, counters, ids, limits, onClosed } = this.#options;
    const app = new AppConnection(socket, counters, ids);
    const reader = new FrameReader();
    const deadline = clock.after(limits.authenticateMs, () => {
      if (!app.isAuthenticated) socket.destroy();
    });
    this.#apps.add(app);
    socket.onData = (chunk) => {
      const { payloads, fault } = reader.push(chunk);
      for (const payload of payloads) if (socket.isOpen) this.#guarded(parseAppMessage(payload), app);
      if (fault === undefined) return;
      counters.fault(`app-${fault}`);
      socket.destroy();
    };
    socket.onClose = () => {
      deadline[Symbol.dispose]();
      this.#apps.delete(app);
      for (const [verb, last] of this.#lastServed) if (last === app) this.#lastServed.delete(verb);
      app.onClosed?.();
      onClosed(app);
    };
    return app;
  }

  /** What we throw ends one request, never the edge. */
  #guarded(message: AppMessage, app: AppConnection): void {
    try {
      this.#receive(message, app);
    } catch {
      this.#options.counters.fault('handler-threw');
      app.refuse(message.id, 'request could not be handled');
    }
  }

  #receive(message: AppMessage, app: AppConnection): void {
    this.#options.counters.add('framesIn');
    if (message.type === 'fault') app.dismiss(message.id, message.text);
    else if (message.type === 'authenticate') this.#authenticate(message, app);
    // drachtio-server lets anybody route before authenticating; we do not.
    else if (!app.isAuthenticated) app.dismiss(message.id, 'not authenticated');
    else this.#obey(message, app);
  }

  #obey(message: Exclude<AppMessage, { type: 'fault' | 'authenticate' }>, app: AppConnection): void {
    switch (message.type) {
      case 'route':
        if (app.routes.size < this.#options.limits.routesPerApplication) app.routes.add(message.verb);
        app.send((id) => okLeader(id, message.id));
        return;
      case 'remove_route':
        app.routes.delete(message.verb);
        app.send((id) => okLeader(id, message.id));
        return;
      case 'ping':
        app.send((id) => okLeader(id, message.id, 'pong'));
        return;
      case 'sip':
        this.#options.onSip(message, app);
        return;
      case 'proxy':
        this.#options.onProxy(message, app);
    }
  }

  #authenticate({ id, secret, tags }: Extract<AppMessage, { type: 'authenticate' }>, app: AppConnection): void {
    if (!isSame(secret, this.#options.secret)) {
      this.#options.counters.fault('app-wrong-secret');
      app.dismiss(id, 'incorrect secret');
      return;
    }
    app.isAuthenticated = true;
    for (const tag of tags) if (app.tags.size < MAX_TAGS) app.tags.add(tag);
    const places = hostPorts(this.#options.listeners());
    app.send((own) => okLeader(own, id, places, SERVER_VERSION, places));
    app.onAuthenticated?.();
    app.onAuthenticated = undefined;
  }
}

function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
