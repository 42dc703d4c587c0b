// One leg's RTCP (RFC 3550 §6, SRTCP where the audio is SRTP): reports every few seconds, and what the peer's tell.
import type { Clock } from '../../../kernel/clock.ts';
import type { HostPort } from '../../../kernel/ip.ts';
import { opinionScore, rating } from '../../../protocol/rtp/e-model.ts';
import type { Report, ReportBlock, SenderInfo } from '../../../protocol/rtp/rtcp.ts';
import { MAX_REPORT_BYTES, ntpOf, parseReport, writeReport } from '../../../protocol/rtp/rtcp.ts';
import { SrtcpReceiver, SrtcpSender } from '../../../protocol/rtp/srtcp.ts';
import { TICK_MS, TICKS_A_SECOND } from '../../../protocol/rtp/tick.ts';
import type { NegotiatedAudio } from '../../../protocol/sdp/audio.ts';
import { CODECS } from '../../../protocol/sdp/codecs.ts';
import { sameSrtpKeys } from '../../../protocol/sdp/crypto.ts';
import type { MediaSocket } from '../../runtime/media-socket.ts';
import type { Counters } from './counters.ts';
import type { InboundAudio } from './inbound.ts';
import type { OutboundAudio } from './outbound.ts';

/** RFC 3550 §6.2 and §6.3.1: 5 s, between half and one and a half of it; half of that for the first. */
const INTERVAL_TICKS = 5 * TICKS_A_SECOND;
const COMPACT_A_MS = 65.536;
/** Packets looked at between two reports of ours: a flood is cut before it is decrypted. */
const MAX_AN_INTERVAL = 50;
/** One packet's worth of audio and the codec, in the delay from mouth to ear. */
const PACKET_MS = TICK_MS;
/** A round trip longer than this is a mistake of the peer's clock. */
const MAX_ROUND_TRIP_MS = 30_000;

export interface RtcpParts {
  readonly socket: MediaSocket;
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
  readonly counters: Counters;
  readonly inbound: InboundAudio;
  readonly outbound: OutboundAudio;
}

export class LegRtcp {
  readonly #parts: RtcpParts;
  readonly #cname: string;
  readonly #buffer = Buffer.alloc(MAX_REPORT_BYTES);
  /** Wall-clock time at monotonic zero: the clock of our reports never jumps. */
  readonly #epoch: number;
  #session: NegotiatedAudio | undefined;
  #srtcpSender: SrtcpSender | undefined;
  #srtcpReceiver: SrtcpReceiver | undefined;
  /** Where their reports come from, once one was good. */
  #source: HostPort | undefined;
  #isMuxed = false;
  #ticksLeft: number;
  #allowance = MAX_AN_INTERVAL;
  #packetsAtReport = 0;
  #lastSender: SenderInfo | undefined;
  #lastSenderAt = 0;
  roundTripMs: number | undefined;
  peerLoss = 0;
  peerJitterMs = 0;

  constructor(parts: RtcpParts) {
    this.#parts = parts;
    this.#cname = Buffer.from(parts.random(12)).toString('base64');
    this.#epoch = parts.clock.now() - parts.clock.monotonic();
    this.#ticksLeft = this.#interval() / 2;
  }

  configure(session: NegotiatedAudio): void {
    const before = this.#session;
    this.#session = session;
    this.#isMuxed = session.rtcp === 'mux';
    if (!sameSrtpKeys(before?.srtp, session.srtp)) {
      const { srtp } = session;
      this.#srtcpSender = srtp && new SrtcpSender(srtp.suite, srtp.local.master);
      this.#srtcpReceiver = srtp && new SrtcpReceiver(srtp.suite, srtp.remote.master, srtp.remote.mkiBytes);
    }
    if (before?.remote?.host === session.remote?.host && before?.remote?.port === session.remote?.port) return;
    this.#source = undefined;
    this.#lastSender = undefined;
  }

  /** 20 ms passed. */
  tick(): void {
    this.#ticksLeft--;
    if (this.#ticksLeft > 0) return;
    this.#ticksLeft = this.#interval();
    this.#send(false);
  }

  sayGoodbye(): void {
    if (this.#parts.counters.packetsSent > 0) this.#send(true);
  }

  /** A datagram that may be RTCP; `isMuxed` when it came where RTP comes. Never throws. */
  accept(packet: Uint8Array, host: string, port: number, isMuxed: boolean): void {
    const session = this.#session;
    if (session?.remote === undefined || this.#allowance <= 0) return;
    // Who is not proven by a key must at least be the host that sends the audio.
    const audioHost = (this.#parts.inbound.source ?? session.remote).host;
    if (this.#srtcpReceiver === undefined && host !== audioHost) return;
    this.#allowance--;
    const plain = this.#srtcpReceiver === undefined ? packet : this.#srtcpReceiver.unprotect(packet);
    const report = plain === undefined ? undefined : parseReport(plain, plain.length);
    if (report === undefined) return;
    this.#parts.counters.reportsReceived++;
    this.#source = { host, port };
    // A peer that never asked for it may still send both to one port.
    this.#isMuxed = isMuxed || session.dtls !== undefined;
    this.#learn(report);
  }

  get mos(): number {
    const { inbound } = this.#parts;
    const { expected } = inbound.reception;
    const loss = expected === 0 ? 0 : (inbound.lost + inbound.late) / expected;
    return opinionScore(rating({ loss, delayMs: this.#oneWayMs + inbound.bufferMs }));
  }

  get peerMos(): number {
    return opinionScore(rating({ loss: this.peerLoss, delayMs: this.#oneWayMs + 2 * PACKET_MS }));
  }

  get #oneWayMs(): number {
    return PACKET_MS + (this.roundTripMs ?? 0) / 2;
  }

  #interval(): number {
    const [byte = 0] = this.#parts.random(1);
    this.#allowance = MAX_AN_INTERVAL;
    return Math.round(INTERVAL_TICKS * (0.5 + byte / 255));
  }

  #learn({ sender, blocks }: Report): void {
    if (sender !== undefined) {
      this.#lastSender = sender;
      this.#lastSenderAt = this.#parts.clock.monotonic();
    }
    const block = blocks.find(({ ssrc }) => ssrc === this.#parts.outbound.ssrc);
    if (block === undefined) return;
    this.peerLoss = block.fractionLost / 256;
    this.peerJitterMs = (block.jitter * 1000) / CODECS[this.#session?.codec ?? 'PCMU'].clockRate;
    this.#parts.outbound.expectLoss(this.peerLoss);
    this.#measureRoundTrip(block);
  }

  /** RFC 3550 §6.4.1: arrival less the time of our report less the time that it lay there. */
  #measureRoundTrip({ lastReport, delay }: ReportBlock): void {
    if (lastReport === 0) return;
    const compact = (ntpOf(this.#now()).compactTime - lastReport - delay) | 0;
    const ms = compact / COMPACT_A_MS;
    if (ms > -1 && ms < MAX_ROUND_TRIP_MS) this.roundTripMs = Math.max(0, ms);
  }

  #now(): number {
    return this.#epoch + this.#parts.clock.monotonic();
  }

  #send(isBye: boolean): void {
    const to = this.#target();
    if (to === undefined) return;
    const { socket, counters, outbound } = this.#parts;
    const report = { ssrc: outbound.ssrc, sender: this.#senderInfo(), blocks: this.#blocks(), isBye };
    const plain = this.#buffer.subarray(0, writeReport(this.#buffer, report, this.#cname));
    // The system may still hold the last one: each report is a buffer of its own.
    const packet = this.#srtcpSender === undefined ? Buffer.from(plain) : this.#srtcpSender.protect(plain);
    if (packet.length === 0) return;
    counters.reportsSent++;
    if (this.#isMuxed) socket.send(packet, packet.length, to.host, to.port);
    else socket.sendRtcp(packet, to.host, to.port);
  }

  #target(): HostPort | undefined {
    const { remote, rtcp, dtls } = this.#session ?? {};
    if (remote === undefined) return undefined;
    // RFC 7675 §5.1: with ICE only the address that consents, wherever an authentic packet was carried in from.
    if (dtls !== undefined) return remote;
    const audio = this.#parts.inbound.source ?? remote;
    if (this.#source !== undefined) return this.#source;
    if (rtcp === 'mux') return audio;
    return rtcp ?? { host: audio.host, port: audio.port + 1 };
  }

  /** Only who has sent since the report before is a sender (RFC 3550 §6.4). */
  #senderInfo(): SenderInfo | undefined {
    const { counters, outbound } = this.#parts;
    if (counters.packetsSent === this.#packetsAtReport) return undefined;
    this.#packetsAtReport = counters.packetsSent;
    const { packetsSent: packets, octetsSent: octets } = counters;
    counters.octetsReported = octets;
    return { ...ntpOf(this.#now()), timestamp: outbound.timestamp, packets, octets };
  }

  #blocks(): ReportBlock[] {
    const { reception } = this.#parts.inbound;
    if (reception.ssrc < 0) return [];
    const sinceMs = this.#parts.clock.monotonic() - this.#lastSenderAt;
    const last = this.#lastSender;
    return [
      {
        ssrc: reception.ssrc,
        ...reception.takeReport(),
        lastReport: last?.compactTime ?? 0,
        delay: last === undefined ? 0 : Math.round(sinceMs * COMPACT_A_MS),
      },
    ];
  }
}
