// What the edge and the media server stand on: transports and RFC 3261 transactions behind one interface.
import type { HostPort } from '../../kernel/ip.ts';
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';

import type { FloodLimits } from './flood.ts';

export type SipTransport = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';

/** RFC 3261 §19.1.2, RFC 7118 §10. */
export function defaultPort(transport: SipTransport): number {
  return DEFAULT_PORTS[transport];
}

const DEFAULT_PORTS: Readonly<Record<SipTransport, number>> = { udp: 5060, tcp: 5060, tls: 5061, ws: 80, wss: 443 };

export interface ListenerSpec extends HostPort {
  /** What policy calls it: `phones`, `carrier`, `inner`. Listeners on other transports or addresses may share it. */
  readonly name: string;
  readonly transport: SipTransport;
  /** For `tls` and `wss`. */
  readonly tls?: ListenerTls;
  /**
   * For `ws` and `wss`: which pages' scripts may connect: origins (`https://pbx.clinic.example:8443`), or bare host names for any
   * port of theirs. All when absent; what is no browser sends no Origin and is let in (RFC 6455 §10.2).
   */
  readonly origins?: readonly string[];
  /** What one source may send, before anything of it is read; no bound when absent. Excess datagrams are dropped and counted as `flood`. */
  readonly flood?: FloodLimits;
}

/** PEM. */
export interface ListenerTls {
  /** The chain, its own certificate first. */
  readonly certificate: string;
  readonly key: string;
  /** Asks peers for a certificate of theirs; `require` ends the handshake without a good one. */
  readonly clients?: ClientCertificates;
}

export interface ClientCertificates {
  readonly mode: 'request' | 'require';
  /** The CAs that their certificates are checked against, PEM. */
  readonly ca: string;
}

/** One transport path to a peer (RFC 5626). A UDP flow is a pair of addresses; others are a connection. */
export interface Flow {
  readonly id: string;
  /** The name of the listener it came in by, or that lent its address to go out by. */
  readonly listener: string;
  readonly transport: SipTransport;
  readonly local: HostPort;
  readonly remote: HostPort;
  readonly isReliable: boolean;
  readonly isOpen: boolean;
  /** The subject of the peer's certificate, as `CN=desk-1,O=Clinic`, when it showed one that was verified. */
  readonly clientSubject?: string | undefined;
  /**
   * RFC 5626 §4.4.1: the peer was told to ping. Once it has, it is cut with `flow-timer` when nothing comes for `silenceMs`;
   * one that never pings is left alone.
   */
  expectPings?(silenceMs: number): void;
  close(): void;
}

/** Where a request goes: an open flow (reused while it is open), or an address by a transport. */
export interface SipTarget extends HostPort {
  readonly transport: SipTransport;
  /** Preferred when open, so that a phone behind NAT or on TLS is reached by its own connection. */
  readonly flow?: Flow;
  /** The listener whose address and, for UDP, socket is used; the first of that transport when absent. */
  readonly listener?: string;
  /** For TLS: the name that the peer's certificate must show; its address when absent. */
  readonly serverName?: string;
  /**
   * For UDP: a request too large for one datagram goes by TCP to the same address, and by UDP when that cannot be opened
   * (RFC 3261 §18.1.1). Only when the caller knows that the target may have TCP.
   */
  readonly mayUseTcp?: boolean;
  /** RFC 5626 §5.3: nothing but `flow` will do; when that is gone the request fails with `flow-failed`. */
  readonly isFlowOnly?: boolean;
}

/** A request as it came in. `request` has its top Via completed with `received` and `rport` (RFC 3581). */
export interface Arrival {
  readonly flow: Flow;
  /** Size of the datagram or message on the wire, in bytes. */
  readonly bytes: number;
}

export type TransactionEnding = 'done' | 'timeout' | 'transport-error';

/**
 * Server side of one request (RFC 3261 §17.2, RFC 6026). Retransmissions are absorbed and answered by the stack. Responses go
 * back by the flow of the request: by UDP to the address and port it came from, whether it asked for rport or not.
 */
export interface ServerTransaction {
  readonly request: SipRequest;
  readonly arrival: Arrival;
  /** A tag for To that nobody else uses; the stack's own answer to a CANCEL of this request has it (RFC 3261 §9.2). */
  readonly toTag: string;
  /**
   * Sends a response; the stack resends it as its timers ask. A 2xx to INVITE may be passed again to resend it: that timing
   * is the caller's (RFC 3261 §13.3.1.4). Returns what was put on the wire, or undefined when that answer has no place any more: the
   * transaction is over, or a final answer was given. Sends no 100 by itself, and adds no To tag.
   */
  respond(response: SipResponse): Uint8Array | undefined;
  readonly isOver: boolean;
  /** Called once at the end, which may come within `respond`. `timeout`: no ACK came to a final non-2xx. */
  onEnd: ((ending: TransactionEnding) => void) | undefined;
}

export interface ClientEvents {
  /**
   * Each response once: provisionals other than 100 included, retransmissions absorbed, the first 2xx of each To tag given.
   * A repeated 2xx goes to `StackEvents.onStrayResponse`, so that whoever owns the dialog sends its ACK again.
   */
  onResponse(response: SipResponse, arrival: Arrival): void;
  /** No final answer within timer B or F, the transport broke, or the one flow that would do is gone. */
  onFailure(ending: ClientFailure): void;
}

export type ClientFailure = 'timeout' | 'transport-error' | 'flow-failed';

/** Client side of one request (RFC 3261 §17.1). ACK to a non-2xx final is sent by the stack. */
export interface ClientTransaction {
  /** As put on the wire, with its Via. */
  readonly request: SipRequest;
  readonly wire: Uint8Array;
  readonly flow: Flow;
  /** Sends CANCEL for this INVITE, now or, as RFC 3261 §9.1 asks, once a provisional has come. */
  cancel(headers?: ReadonlyArray<readonly [name: string, value: string]>): void;
}

export interface StackEvents {
  /** A new request, never ACK or CANCEL. The stack has sent nothing yet. */
  onRequest(transaction: ServerTransaction): void;
  /**
   * A CANCEL that matches `invite`, which the stack has answered 200; the owner answers the INVITE 487, which is
   * refused when a final answer was given before (RFC 3261 §9.2). A CANCEL that matches nothing got 481.
   */
  onCancel(cancel: SipRequest, arrival: Arrival, invite: ServerTransaction): void;
  /** An ACK that belongs to no transaction: the one for a 2xx. */
  onAck(ack: SipRequest, arrival: Arrival): void;
  /** A response that matches no transaction: a late or repeated 2xx whose ACK was lost. */
  onStrayResponse(response: SipResponse, arrival: Arrival): void;
  /** Something could not be parsed, or broke a limit. `reason` is a stable word, for a counter. */
  onFault(reason: string, flow: Flow): void;
}

/** What the stack holds just now; all of it comes back to zero when peers fall silent. */
export interface StackLoad {
  readonly transactions: number;
  readonly connections: number;
  /** Connections whose TLS or WebSocket handshake is under way. */
  readonly handshakes: number;
  /** Connections that wait, unread, for their turn; see `turnstile.ts`. */
  readonly waiting: number;
}

export interface SipStack extends AsyncDisposable {
  readonly load: StackLoad;
  /** Opens a listener; the answer carries the port that was bound. Rejects with `EADDRINUSE` and the like. */
  listen(spec: ListenerSpec): Promise<ListenerSpec>;
  readonly listeners: readonly ListenerSpec[];
  /** Replaces the certificate of the TLS and WSS listeners of that name, for new connections. */
  setCertificate(listener: string, tls: { certificate: string; key: string }): void;
  /** The connection that is open to the target already; none for UDP, which has no connections. */
  openFlow(target: SipTarget): Flow | undefined;
  /**
   * Starts a client transaction: adds the Via, sends, retransmits. Resolves when a flow exists and the request is on its way;
   * a transport that cannot be opened is reported by `onFailure('transport-error')` and the transaction still resolves.
   */
  request(request: SipRequest, target: SipTarget, events: ClientEvents): Promise<ClientTransaction>;
  /** Sends a request outside any transaction, Via added: the ACK to a 2xx. Returns it as sent. */
  sendAck(
    ack: SipRequest,
    target: SipTarget,
  ): Promise<{ readonly request: SipRequest; readonly bytes: number; readonly flow: Flow }>;
}
