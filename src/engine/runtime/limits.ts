// The limits of the SIP stack, each with a name: what one peer, and all together, may make us hold.

export interface StackLimits {
  /** One message, headers and body. */
  readonly messageBytes: number;
  readonly headerCount: number;
  /** Connections of any kind from or to one address; a clinic's phones may all sit behind one. */
  readonly connectionsPerAddress: number;
  readonly connections: number;
  /** Connections that wait, unread, because their source has too many under way, all sources together; see `turnstile.ts`. */
  readonly waitingConnections: number;
  /** Of one address. */
  readonly waitingPerAddress: number;
  /** How long one waits before it is refused; a phone that gave up meanwhile is not seen to be gone, and is not to be answered. */
  readonly waitingMs: number;
  /** Client and server transactions together. */
  readonly transactions: number;
  /** Answers over UDP that are kept for 32 s, should their request come again; beyond that the oldest are forgotten. */
  readonly answeredRequests: number;
  /** Bytes that wait for a peer that reads slowly; beyond that its connection is cut. */
  readonly waitingBytes: number;
  /** TLS and WebSocket handshakes under way at once on one listener. */
  readonly handshakes: number;
  /** Time for the TLS handshake and, with WebSocket, its HTTP request, together. */
  readonly handshakeMs: number;
  /** The HTTP request that opens a WebSocket, in bytes. */
  readonly upgradeBytes: number;
  /** A WebSocket is pinged so often, and cut when nothing comes until the next time (RFC 7118 §6). */
  readonly webSocketPingMs: number;
  /** Time for the first message on a connection that came in. */
  readonly firstMessageMs: number;
  /** Time for the rest of a message once part of it has come. */
  readonly messageMs: number;
  /** Time to open a connection. */
  readonly connectMs: number;
  /** The largest request that goes by UDP when its target may have TCP (RFC 3261 §18.1.1). */
  readonly datagramBytes: number;
  /** Broken messages on one connection before it is cut. */
  readonly faultsPerConnection: number;
}

export const defaultStackLimits: StackLimits = {
  messageBytes: 65_536,
  headerCount: 256,
  connectionsPerAddress: 4_096,
  connections: 8_192,
  waitingConnections: 4_096,
  waitingPerAddress: 2_048,
  waitingMs: 10_000,
  transactions: 50_000,
  answeredRequests: 150_000,
  waitingBytes: 1_048_576,
  handshakes: 2_048,
  handshakeMs: 10_000,
  upgradeBytes: 8_192,
  webSocketPingMs: 30_000,
  firstMessageMs: 30_000,
  messageMs: 10_000,
  connectMs: 10_000,
  datagramBytes: 1_300,
  faultsPerConnection: 20,
};
