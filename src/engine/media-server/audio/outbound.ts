// What one leg says: audio in packets of 10 to 60 ms, or steps of a digit, as RTP or SRTP; from samples of either rate.

import { writeRtpHeader } from '../../../protocol/rtp/packet.ts';
import { RateMatch } from '../../../protocol/rtp/rate-match.ts';
import { SrtpSender } from '../../../protocol/rtp/srtp.ts';
import { DigitSender, EVENT_PAYLOAD_BYTES } from '../../../protocol/rtp/telephone-event.ts';
import type { NegotiatedAudio, SrtpSession } from '../../../protocol/sdp/audio.ts';
import { isSameKey } from '../../../protocol/sdp/crypto.ts';
import { sendsIn } from '../../../protocol/sdp/offer-answer.ts';
import type { MediaSocket } from '../../runtime/media-socket.ts';
import type { HostPort } from '../../runtime/sip-stack.ts';
import type { StepEncoder } from './codec.ts';
import { encoderFor, STEP_BYTES, samplesOf } from './codec.ts';
import type { Counters } from './counters.ts';

/** A packet must stay untouched until the system took it: each is written into the next of these. */
const BUFFERS = 16;
/** Header, 60 ms, and the longest tag, with room to spare. */
const BUFFER_BYTES = 576;
/** Bytes of one millisecond. */
const BYTES_A_MS = 8;
/** One step more than the longest packet but one. */
const MAX_PENDING = 3 * STEP_BYTES + STEP_BYTES;
const RTP_HEADER_BYTES = 12;

export class OutboundAudio {
  readonly #socket: MediaSocket;
  readonly #counters: Counters;
  readonly #digits = new DigitSender();
  readonly #buffers = Array.from({ length: BUFFERS }, () => Buffer.alloc(BUFFER_BYTES));
  readonly ssrc: number;
  readonly #event = Buffer.alloc(RTP_HEADER_BYTES + EVENT_PAYLOAD_BYTES);
  #next = 0;
  #sequence: number;
  #timestamp: number;
  #isSpurtStart = true;
  #hasWritten = true;
  #session: NegotiatedAudio | undefined;
  #encoder: StepEncoder = encoderFor('PCMU');
  #samples = STEP_BYTES;
  readonly #rates = new RateMatch();
  #packetBytes = STEP_BYTES;
  /** Encoded, not yet enough for a packet. */
  readonly #pending = Buffer.alloc(MAX_PENDING);
  #pendingBytes = 0;
  #srtp: SrtpSender | undefined;

  constructor(socket: MediaSocket, counters: Counters, random: (count: number) => Uint8Array) {
    this.#socket = socket;
    this.#counters = counters;
    const seed = Buffer.from(random(10));
    this.ssrc = seed.readUInt32BE(0);
    this.#timestamp = seed.readUInt32BE(4);
    // RFC 3711 §3.3.1: the lower half, so that early loss cannot confuse the peer's roll-over counter.
    this.#sequence = seed.readUInt16BE(8) & 0x7fff;
  }

  configure(session: NegotiatedAudio): void {
    const before = this.#session;
    this.#session = session;
    if (before?.codec !== session.codec) {
      this.#encoder = encoderFor(session.codec);
      this.#samples = samplesOf(session.codec);
    }
    this.#packetBytes = (session.packetMs ?? 20) * BYTES_A_MS;
    this.#pendingBytes = 0;
    if (!isSameSendKey(before?.srtp, session.srtp)) this.#srtp = senderFor(session.srtp);
    if (session.telephoneEvent === undefined) this.#digits.clear();
  }

  /** Of the next sample. */
  get timestamp(): number {
    return this.#timestamp;
  }

  get isSendingDigits(): boolean {
    return !this.#digits.isIdle;
  }

  sendDigit(digit: string, durationMs: number): boolean {
    return this.#session?.telephoneEvent !== undefined && this.#digits.enqueue(digit, durationMs);
  }

  /** A new tick begins: in the last one time went on even if nothing was said. */
  tick(): void {
    if (!this.#hasWritten) this.#pass();
    this.#hasWritten = false;
  }

  /** Says 20 ms, at 8 or 16 kHz, to `to`. */
  write(samples: Int16Array, to: HostPort | undefined): void {
    this.#hasWritten = true;
    const session = this.#session;
    if (session === undefined || to === undefined || !sendsIn(session.direction)) {
      this.#pass();
      return;
    }
    if (this.#digits.step(this.#event, RTP_HEADER_BYTES, this.#timestamp)) this.#sayEvent(session, to);
    else this.#sayAudio(samples, session, to);
    this.#timestamp = (this.#timestamp + STEP_BYTES) >>> 0;
  }

  #pass(): void {
    this.#timestamp = (this.#timestamp + STEP_BYTES) >>> 0;
    this.#isSpurtStart = true;
    this.#pendingBytes = 0;
  }

  #nextBuffer(): Buffer {
    const buffer = this.#buffers[this.#next] ?? Buffer.alloc(BUFFER_BYTES);
    this.#next = (this.#next + 1) % BUFFERS;
    return buffer;
  }

  #sayAudio(samples: Int16Array, session: NegotiatedAudio, to: HostPort): void {
    const fitting = this.#rates.match(samples, this.#samples);
    if (this.#packetBytes === STEP_BYTES && this.#pendingBytes === 0) {
      this.#sendStep(fitting, session, to);
      return;
    }
    this.#encoder.encode(fitting, this.#samples, this.#pending, this.#pendingBytes);
    this.#pendingBytes += STEP_BYTES;
    const first = this.#timestamp + STEP_BYTES - this.#pendingBytes;
    let sent = 0;
    while (this.#pendingBytes - sent >= this.#packetBytes) {
      this.#sendAudio(sent, this.#packetBytes, first + sent, session, to);
      sent += this.#packetBytes;
    }
    this.#pending.copyWithin(0, sent, this.#pendingBytes);
    this.#pendingBytes -= sent;
  }

  /** The usual 20 ms: encoded where it is sent from. */
  #sendStep(samples: Int16Array, session: NegotiatedAudio, to: HostPort): void {
    const buffer = this.#nextBuffer();
    const { send } = session.payloadTypes;
    const start = writeRtpHeader(buffer, this.#isSpurtStart, send, this.#sequence, this.#timestamp, this.ssrc);
    this.#isSpurtStart = false;
    this.#encoder.encode(samples, this.#samples, buffer, start);
    this.#send(buffer, start + STEP_BYTES, to);
  }

  /** `bytes` of what is pending, from `from` on. */
  #sendAudio(from: number, bytes: number, timestamp: number, session: NegotiatedAudio, to: HostPort): void {
    const buffer = this.#nextBuffer();
    const { send } = session.payloadTypes;
    const start = writeRtpHeader(buffer, this.#isSpurtStart, send, this.#sequence, timestamp, this.ssrc);
    this.#isSpurtStart = false;
    this.#pending.copy(buffer, start, from, from + bytes);
    this.#send(buffer, start + bytes, to);
  }

  #sayEvent(session: NegotiatedAudio, to: HostPort): void {
    const pending = this.#pendingBytes;
    this.#pendingBytes = 0;
    if (pending > 0) this.#sendAudio(0, pending, this.#timestamp - pending, session, to);
    const buffer = this.#nextBuffer();
    this.#event.copy(buffer, RTP_HEADER_BYTES, RTP_HEADER_BYTES, RTP_HEADER_BYTES + EVENT_PAYLOAD_BYTES);
    this.#send(buffer, this.#writeEvent(buffer, session), to);
  }

  #writeEvent(into: Buffer, session: NegotiatedAudio): number {
    const type = session.telephoneEvent?.send ?? 0;
    const start = writeRtpHeader(into, this.#digits.isFirst, type, this.#sequence, this.#digits.timestamp, this.ssrc);
    return start + EVENT_PAYLOAD_BYTES;
  }

  #send(packet: Buffer, plainLength: number, to: HostPort): void {
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const length = this.#srtp === undefined ? plainLength : this.#srtp.protect(packet, plainLength);
    if (length === 0) return;
    this.#counters.packetsSent++;
    this.#counters.octetsSent += plainLength - RTP_HEADER_BYTES;
    this.#counters.bytesSent += length;
    this.#socket.send(packet, length, to.host, to.port);
  }
}

function senderFor(srtp: SrtpSession | undefined): SrtpSender | undefined {
  return srtp === undefined ? undefined : new SrtpSender(srtp.suite, srtp.local.master);
}

function isSameSendKey(a: SrtpSession | undefined, b: SrtpSession | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.suite === b.suite && isSameKey(a.local, b.local);
}
