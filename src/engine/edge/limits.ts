// The edge's limits, each with a name: what applications and peers together may make it hold.
import type { FloodLimits } from '../runtime/flood.ts';
import type { ListenerProfile } from './guard.ts';

export interface EdgeLimits {
  /** Applications connected at once. */
  readonly applications: number;
  /** Bytes that wait for an application that reads slowly; beyond that it is cut off. */
  readonly waitingBytes: number;
  /** Time for a new connection to authenticate. */
  readonly authenticateMs: number;
  /** Verbs that one application may route. */
  readonly routesPerApplication: number;
  /** Dialogs, early ones and subscriptions included; beyond that new ones get 503. */
  readonly dialogs: number;
  /** Requests from the network that wait for an application's answer. */
  readonly incomingRequests: number;
  /** Requests of applications that wait for the network's answer. */
  readonly outgoingRequests: number;
  /** Registered contacts whose connection is remembered. */
  readonly contactFlows: number;
  /** Requests that are being proxied, those of the last half minute included. */
  readonly proxiedRequests: number;
  /** Tags of one proxied call: its caller's, and one for each phone that answered. */
  readonly forksPerCall: number;
  /** Failed INVITEs that are remembered, so that their superfluous ACK gets its own answer. */
  readonly failedInvites: number;
}

export const defaultEdgeLimits: EdgeLimits = {
  applications: 64,
  waitingBytes: 16 * 1024 * 1024,
  authenticateMs: 10_000,
  routesPerApplication: 64,
  dialogs: 10_000,
  incomingRequests: 10_000,
  outgoingRequests: 10_000,
  contactFlows: 10_000,
  proxiedRequests: 10_000,
  forksPerCall: 32,
  failedInvites: 1_000,
};

/** All phones of a clinic may come back at once from one address; who never signs in gets no further than this. */
const CONNECTION_LIMITS = {
  connectionsPerSecond: 100,
  connectionBurst: 500,
  unprovenConnections: 128,
  unprovenMs: 60_000,
};

/** What one source may send to a guarded listener before anything of it is read. A clinic behind one address stays far below. */
export const FLOOD_LIMITS: Readonly<Record<ListenerProfile, FloodLimits>> = {
  phones: { datagramsPerSecond: 500, datagramBurst: 2_000, ...CONNECTION_LIMITS },
  carrier: { datagramsPerSecond: 5_000, datagramBurst: 10_000, ...CONNECTION_LIMITS },
};

/** RFC 3261 §17.1.1.1 and table 4. */
export const T1_MS = 500;
export const T2_MS = 4_000;
export const TIMER_H_MS = 64 * T1_MS;

/** RFC 3261 §13.3.1.1: a call that rings on is told so each minute, or proxies on the way give it up. */
export const PROVISIONAL_REFRESH_MS = 60_000;

/** RFC 3261 §16.6 step 11: longer than three minutes. */
export const TIMER_C_MS = 185_000;
/** What a proxied INVITE's targets get to answer a CANCEL with their 487, before the caller gets ours. */
export const PROXY_CANCEL_MS = 2_000;
/** A request that comes again with credentials goes to the target that asked for them. */
export const PROXY_PIN_MS = 2_000;
/** A proxied call in which nobody says anything for so long is forgotten. */
export const PROXIED_CALL_MS = 12 * 60 * 60_000;
/** Targets of one proxied request, those of redirections included. */
export const MAX_PROXY_TARGETS = 32;

/** An application that answers a request later than this has lost it (the peer's timer F has fired). */
export const ANSWER_DEADLINE_MS = 32_000;
/** The same for an INVITE: without a provisional, and since the last one. */
export const INVITE_SILENT_DEADLINE_MS = 64_000;
export const INVITE_RINGING_DEADLINE_MS = 30 * 60_000;
