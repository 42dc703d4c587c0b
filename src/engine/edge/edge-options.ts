// What an edge is made from, what it tells of itself, and what it can be told.
import type { Clock } from '../../kernel/clock.ts';
import type { HostPort } from '../../kernel/ip.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Resolver } from '../runtime/resolver.ts';
import type { ClientCertificates, SipStack, SipTransport, StackEvents } from '../runtime/sip-stack.ts';
import type { Counters } from './counters.ts';
import type { Ban, GuardLimits, ListenerProfile } from './guard.ts';
import type { Random } from './ids.ts';
import type { EdgeLimits } from './limits.ts';
import type { RequestHandler } from './request-handlers.ts';
import type { OnTraced } from './sip-trace.ts';

export interface EdgeListenerOptions extends HostPort {
  /** What policy calls it: `phones`, `carrier`, `inner`. Two listeners may share a name when their transports differ. */
  readonly name: string;
  /** How it is hardened; absent, it is neutral and bans nobody. */
  readonly profile?: ListenerProfile;
  readonly transport: SipTransport;
  /** For `tls` and `wss`: whether peers are to show certificates of theirs. */
  readonly clients?: ClientCertificates;
  /** For `ws` and `wss`: see `ListenerSpec.origins`. */
  readonly origins?: readonly string[];
}

export interface TlsPem {
  readonly certificate: string;
  readonly key: string;
}

export interface EdgeOptions {
  /** Where applications connect; port 0 lets the system choose. */
  readonly admin: HostPort;
  /** The same inside TLS, with the certificate of `tls`; none when absent. */
  readonly adminTls?: HostPort;
  readonly secret: string;
  readonly listeners: readonly EdgeListenerOptions[];
  /** PEM, for TLS and WSS listeners and `adminTls`. */
  readonly tls?: TlsPem;
  /** PEM certificates that outgoing TLS connections trust; Node's own list when absent. */
  readonly trust?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: Random;
  readonly limits?: Partial<EdgeLimits>;
  readonly guard?: Partial<GuardLimits>;
  /** Addresses and networks that are never banned, for instance of trunks. */
  readonly exempt?: readonly string[];
  /** Who is asked about new requests before any application that routes them; nobody when absent. */
  readonly requestHandlers?: readonly RequestHandler[];
  readonly onBanned?: (ban: Ban) => void;
  /** DNS; the machine's own when absent. */
  readonly resolver?: Resolver;
  /** A test may bring its own. */
  readonly createStack?: (events: StackEvents) => SipStack;
}

export interface EdgeStatus {
  readonly admin: HostPort;
  readonly adminTls?: HostPort;
  readonly listeners: readonly EdgeListenerOptions[];
  readonly applications: number;
  /** How many applications take each method, by its name in lower case. */
  readonly routes: Readonly<Record<string, number>>;
  readonly dialogs: number;
  readonly pendingIn: number;
  readonly pendingOut: number;
  readonly registeredConnections: number;
  /** Connections that are open, whose handshake is under way, and that wait for their turn unread. */
  readonly connections: number;
  readonly handshakes: number;
  readonly waitingConnections: number;
  readonly isDraining: boolean;
  /** Sources that are banned just now. */
  readonly banned: number;
  readonly counters: Counters;
}

export interface Edge {
  /** Bound, with the port that the system chose. */
  readonly admin: HostPort;
  readonly adminTls: HostPort | undefined;
  readonly listeners: readonly EdgeListenerOptions[];
  status(): EdgeStatus;
  /** New calls get 503; those that stand go on. */
  drain(): void;
  setCertificate(tls: TlsPem): void;
  bans(): readonly Ban[];
  /** Whether that address was banned. */
  liftBan(address: string): boolean;
  /** Replaces the addresses that are never banned. @throws WardlineError `bad-address` */
  exempt(addresses: readonly string[]): void;
  /** Masked messages of one person; see `sip-trace.ts`. @throws WardlineError `too-many-traces` */
  trace(aor: string, seconds: number, onTraced: OnTraced, onEnd: () => void): Disposable;
  close(): Promise<void>;
}
