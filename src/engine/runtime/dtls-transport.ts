// Finds a browser's address by ICE and its SRTP keys by DTLS on the media socket that SRTP shares with both (RFC 7983, RFC 8827 §6.5).
import type { Clock } from '../../kernel/clock.ts';
import type { HostPort } from '../../kernel/ip.ts';
import type { DtlsRole } from '../../protocol/dtls/handshake.ts';
import { isClientHello, isDtls } from '../../protocol/dtls/record.ts';
import { DtlsSession } from '../../protocol/dtls/session.ts';
import { IceAgent } from '../../protocol/ice/agent.ts';
import type { SrtpSession } from '../../protocol/rtp/srtp-suite.ts';
import type { DtlsAudio } from '../../protocol/sdp/audio.ts';
import { isSameAssociation } from '../../protocol/sdp/webrtc.ts';
import { isStun } from '../../protocol/stun/message.ts';
import type { MediaSocket } from './media-socket.ts';

/** A handshake that failed is begun anew so often, for what was agreed on once; then only an offer or answer helps (RFC 8842 §5). */
const MAX_RETRIES = 4;
/** Before we begin anew, doubling each time. */
const FIRST_PAUSE_MS = 1_000;

/** Datagrams verified in a tick, and saved up: a flood is cut before that. */
const ALLOWANCE_A_TICK = 8;
const MAX_ALLOWANCE = 80;

export interface Secured {
  /** Undefined: nowhere to send to, not yet or no longer (RFC 7675). */
  readonly remote: HostPort | undefined;
  /** Once known they stay until others take their place. */
  readonly srtp: SrtpSession | undefined;
}

export interface DtlsTransportOptions {
  readonly socket: MediaSocket;
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
  /** Address or keys have changed. */
  readonly onSecured: (secured: Secured) => void;
}

/** What is no RTP by its first byte; RTP and RTCP begin at 128. */
export function isHandshake(packet: Uint8Array): boolean {
  return (packet[0] ?? 0) < 64;
}

export class DtlsTransport implements Disposable {
  readonly #options: DtlsTransportOptions;
  #terms: DtlsAudio | undefined;
  #ice: IceAgent | undefined;
  #dtls: DtlsSession | undefined;
  /** Where DTLS was last heard from; a server may answer before a pair is chosen. */
  #heardFrom: HostPort | undefined;
  #srtp: SrtpSession | undefined;
  #told: Secured = { remote: undefined, srtp: undefined };
  #allowance = MAX_ALLOWANCE;
  #retries = 0;
  #failedAt: number | undefined;

  constructor(options: DtlsTransportOptions) {
    this.#options = options;
  }

  get secured(): Secured {
    return this.#told;
  }

  /** After each offer and answer. What the peer did not change goes on. */
  configure(terms: DtlsAudio): void {
    const before = this.#terms;
    this.#terms = terms;
    if (before?.local.ufrag !== terms.local.ufrag || before.remote.ufrag !== terms.remote.ufrag) {
      const { local, remote, candidates, isControlling } = terms;
      const send = (datagram: Buffer, to: HostPort) => this.#send(datagram, to);
      this.#ice = new IceAgent({ local, remote, candidates, isControlling, random: this.#options.random, send });
    }
    const goesOn = before !== undefined && isSameAssociation(before, terms);
    if (goesOn && this.#dtls?.state !== 'failed' && this.#dtls?.state !== 'closed') return;
    this.#dtls?.close();
    this.#dtls = undefined;
    this.#retries = 0;
    this.#failedAt = undefined;
    this.#srtp = undefined;
    this.#told = { remote: undefined, srtp: undefined };
  }

  /** A datagram that `isHandshake`. Never throws. */
  accept(packet: Uint8Array, host: string, port: number): void {
    if (this.#ice === undefined) return;
    const from = { host, port };
    const isCheck = isStun(packet);
    // Strangers are not counted: they would use up what the peer needs for its handshake and its consent.
    const isMeant = isCheck ? this.#ice.isMeant(packet) : isDtls(packet) && this.#ice.knows(from);
    if (!isMeant || this.#allowance <= 0) return;
    this.#allowance--;
    const now = this.#options.clock.monotonic();
    if (isCheck) this.#ice.receive(packet, from, now);
    else {
      this.#heardFrom = from;
      if (isClientHello(packet)) this.#retry(now, 'server');
      this.#session(now).receive(packet, now);
    }
    this.#tell(now);
  }

  /** 20 ms passed. */
  tick(): void {
    if (this.#ice === undefined) return;
    this.#allowance = Math.min(MAX_ALLOWANCE, this.#allowance + ALLOWANCE_A_TICK);
    const now = this.#options.clock.monotonic();
    this.#ice.step(now);
    if (this.#ice.selected !== undefined) {
      this.#retry(now, 'client');
      this.#session(now).step(now);
    }
    this.#tell(now);
  }

  [Symbol.dispose](): void {
    this.#dtls?.close();
    this.#ice = undefined;
  }

  #session(now: number): DtlsSession {
    this.#dtls ??= this.#newSession(now);
    return this.#dtls;
  }

  /** The client begins anew after a pause, the server when the client does. What was heard of the failed one is forgotten. */
  #retry(now: number, role: DtlsRole): void {
    if (this.#dtls?.state !== 'failed' || this.#terms?.role !== role || this.#retries >= MAX_RETRIES) return;
    this.#failedAt ??= now;
    if (role === 'client' && now - this.#failedAt < FIRST_PAUSE_MS * 2 ** this.#retries) return;
    this.#retries++;
    this.#failedAt = undefined;
    this.#dtls = undefined;
  }

  #newSession(now: number): DtlsSession {
    if (this.#terms === undefined) throw new Error('A DTLS session was asked for before its terms.');
    const { role, identity, fingerprint, suites } = this.#terms;
    const send = (datagram: Buffer) => {
      const to = this.#ice?.selected ?? this.#heardFrom;
      if (to !== undefined) this.#send(datagram, to);
    };
    return new DtlsSession({ role, identity, fingerprint, suites, random: this.#options.random, send }, now);
  }

  #tell(now: number): void {
    this.#srtp = this.#dtls?.srtp ?? this.#srtp;
    const isOver = this.#dtls?.state === 'closed' || this.#dtls?.state === 'failed';
    const selected = !isOver && this.#ice?.hasConsent(now) === true ? this.#ice.selected : undefined;
    // Without keys there is nothing to send, whatever the path is like.
    const remote = this.#srtp === undefined ? undefined : selected;
    const { remote: toldRemote, srtp: toldSrtp } = this.#told;
    const isSameRemote = toldRemote?.host === remote?.host && toldRemote?.port === remote?.port;
    if (isSameRemote && toldSrtp === this.#srtp) return;
    this.#told = { remote, srtp: this.#srtp };
    this.#options.onSecured(this.#told);
  }

  #send(datagram: Buffer, { host, port }: HostPort): void {
    this.#options.socket.send(datagram, datagram.length, host, port);
  }
}
