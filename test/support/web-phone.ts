// A browser's phone for tests: SIP.js in Node over WebSocket, with our CA trusted and session descriptions that nobody plays.
import {
  type Invitation,
  Inviter,
  Registerer,
  RegistererState,
  type Session,
  type SessionDescriptionHandler,
  SessionState,
  UserAgent,
} from 'sip.js';
import WebSocket from 'ws';
import { SDP } from './sip-peer.ts';

const DEADLINE_MS = 30_000;

export class WebPhone implements AsyncDisposable {
  readonly #agent: UserAgent;
  readonly #registerer: Registerer;
  readonly #invited = Promise.withResolvers<Invitation>();
  readonly #sessions: Session[] = [];

  /** `server` is the `ws:` or `wss:` address; `ca` is PEM; `domain` is the clinic's. */
  constructor(
    server: string,
    user: string,
    ca?: string,
    login: { readonly password?: string; readonly domain?: string } = {},
  ) {
    const { password, domain = 'clinic.example' } = login;
    // SIP.js takes the browser's.
    globalThis.WebSocket = trusting(ca) as unknown as typeof globalThis.WebSocket;
    this.#agent = new UserAgent({
      uri: UserAgent.makeURI(`sip:${user}@${domain}`) ?? raise(),
      transportOptions: { server, traceSip: false },
      ...(password !== undefined && { authorizationUsername: user, authorizationPassword: password }),
      logBuiltinEnabled: false,
      sessionDescriptionHandlerFactory: () => new FixedDescription(),
      delegate: { onInvite: (invitation) => this.#invited.resolve(invitation) },
    });
    this.#registerer = new Registerer(this.#agent, { expires: 600 });
  }

  /** Connects and registers. */
  async register(): Promise<void> {
    await this.#agent.start();
    const registered = new Promise<void>((resolve) =>
      this.#registerer.stateChange.addListener((state) => state === RegistererState.Registered && resolve()),
    );
    await this.#registerer.register();
    await orFail(registered, 'registered');
  }

  /** Answers the call that comes. */
  async answer(): Promise<Session> {
    const invitation = await orFail(this.#invited.promise, 'called');
    this.#sessions.push(invitation);
    await invitation.accept();
    return invitation;
  }

  /** Calls, and resolves once it is answered. */
  async call(uri: string): Promise<Session> {
    const inviter = new Inviter(this.#agent, UserAgent.makeURI(uri) ?? raise());
    this.#sessions.push(inviter);
    await inviter.invite();
    await reached(inviter, SessionState.Established);
    return inviter;
  }

  /** Loses its connection, as when the browser's computer sleeps. */
  drop(): Promise<void> {
    return this.#agent.transport.disconnect();
  }

  /** Unregisters and goes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.stop();
  }
}

/** Resolves once the call is in this state. */
export function reached(session: Session, wanted: SessionState): Promise<void> {
  if (session.state === wanted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  session.stateChange.addListener((state) => state === wanted && resolve());
  return orFail(promise, wanted);
}

export { SessionState };

function trusting(ca: string | undefined) {
  return class extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols, ca === undefined ? {} : { ca });
    }
  };
}

class FixedDescription implements SessionDescriptionHandler {
  close(): void {}
  async getDescription() {
    return { body: SDP, contentType: 'application/sdp' };
  }
  hasDescription(contentType: string): boolean {
    return contentType === 'application/sdp';
  }
  async rollbackDescription(): Promise<void> {}
  async setDescription(): Promise<void> {}
  sendDtmf(): boolean {
    return false;
  }
}

function raise(): never {
  throw new Error('That is no SIP URI.');
}

async function orFail<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => timeout.reject(new Error(`The web phone was not ${what} in time.`)), DEADLINE_MS);
  return Promise.race([promise, timeout.promise]).finally(() => clearTimeout(timer));
}
