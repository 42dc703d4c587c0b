// What one leg says: 20 ms of audio, or a step of a digit, as one RTP or SRTP packet.

import type { G711 } from '../../../protocol/rtp/g711.ts';
import { G711_CODECS } from '../../../protocol/rtp/g711.ts';
import { STEP_SAMPLES } from '../../../protocol/rtp/jitter-buffer.ts';
import { writeRtpHeader } from '../../../protocol/rtp/packet.ts';
import { SrtpSender } from '../../../protocol/rtp/srtp.ts';
import { DigitSender, EVENT_PAYLOAD_BYTES } from '../../../protocol/rtp/telephone-event.ts';
import type { NegotiatedAudio, SrtpSession } from '../../../protocol/sdp/audio.ts';
import { isSameKey } from '../../../protocol/sdp/crypto.ts';
import { sendsIn } from '../../../protocol/sdp/offer-answer.ts';
import type { MediaSocket } from '../../runtime/media-socket.ts';
import type { HostPort } from '../../runtime/sip-stack.ts';
import type { Counters } from './counters.ts';

/** A packet must stay untouched until the system took it: each is written into the next of these. */
const BUFFERS = 16;
/** Header, 160 bytes, and the longest tag, with room to spare. */
const BUFFER_BYTES = 256;
const RTP_HEADER_BYTES = 12;

export class OutboundAudio {
  readonly #socket: MediaSocket;
  readonly #counters: Counters;
  readonly #digits = new DigitSender();
  readonly #buffers = Array.from({ length: BUFFERS }, () => Buffer.alloc(BUFFER_BYTES));
  readonly ssrc: number;
  #next = 0;
  #sequence: number;
  #timestamp: number;
  #isSpurtStart = true;
  #hasWritten = true;
  #session: NegotiatedAudio | undefined;
  #codec: G711 = G711_CODECS.PCMU;
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
    this.#codec = G711_CODECS[session.codec];
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

  /** Says 20 ms to `to`. */
  write(samples: Int16Array, to: HostPort | undefined): void {
    this.#hasWritten = true;
    const session = this.#session;
    if (session === undefined || to === undefined || !sendsIn(session.direction)) {
      this.#pass();
      return;
    }
    const buffer = this.#buffers[this.#next] ?? Buffer.alloc(BUFFER_BYTES);
    this.#next = (this.#next + 1) % BUFFERS;
    const isEvent = this.#digits.step(buffer, 12, this.#timestamp);
    const length = isEvent ? this.#writeEvent(buffer, session) : this.#writeAudio(buffer, samples, session);
    this.#timestamp = (this.#timestamp + STEP_SAMPLES) >>> 0;
    this.#send(buffer, length, to);
  }

  #pass(): void {
    this.#timestamp = (this.#timestamp + STEP_SAMPLES) >>> 0;
    this.#isSpurtStart = true;
  }

  #writeAudio(into: Buffer, samples: Int16Array, session: NegotiatedAudio): number {
    const start = writeRtpHeader(
      into,
      this.#isSpurtStart,
      session.payloadTypes.send,
      this.#sequence,
      this.#timestamp,
      this.ssrc,
    );
    this.#isSpurtStart = false;
    this.#codec.encode(samples, STEP_SAMPLES, into, start);
    return start + STEP_SAMPLES;
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
