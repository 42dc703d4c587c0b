// What one leg says: audio in packets of 10 to 60 ms, or steps of a digit, as RTP or SRTP; from samples of either rate.
import type { HostPort } from '../../../kernel/ip.ts';
import { writeRtpHeader } from '../../../protocol/rtp/packet.ts';
import { RateMatch } from '../../../protocol/rtp/rate-match.ts';
import { Resampler } from '../../../protocol/rtp/resample.ts';
import { SrtpSender } from '../../../protocol/rtp/srtp.ts';
import type { SrtpSession } from '../../../protocol/rtp/srtp-suite.ts';
import { DigitSender, EVENT_PAYLOAD_BYTES } from '../../../protocol/rtp/telephone-event.ts';
import { NARROW_RATE, samplesOf, TICK_MS } from '../../../protocol/rtp/tick.ts';
import type { NegotiatedAudio, OpusParameters } from '../../../protocol/sdp/audio.ts';
import { CODECS } from '../../../protocol/sdp/codecs.ts';
import { isSameKey } from '../../../protocol/sdp/crypto.ts';
import { sendsIn } from '../../../protocol/sdp/offer-answer.ts';
import type { MediaSocket } from '../../runtime/media-socket.ts';
import type { PayloadEncoder } from './codec.ts';
import { encoderFor, rateOf, wireRateOf } from './codec.ts';
import type { Counters } from './counters.ts';

/** A packet must stay untouched until the system took it: each is written into the next of these. */
const BUFFERS = 16;
/** Header, 60 ms of G.711, and the longest tag, with room to spare; and what one packet of the network carries, for the others. */
const SHORT_BYTES = 576;
const LONG_BYTES = 1500;
/** The longest packet, and one step more. */
const MAX_PENDING_MS = 80;
const RTP_HEADER_BYTES = 12;

export class OutboundAudio {
  readonly #socket: MediaSocket;
  readonly #counters: Counters;
  readonly #digits = new DigitSender();
  #buffers = buffersOf(SHORT_BYTES);
  readonly ssrc: number;
  readonly #event = Buffer.alloc(RTP_HEADER_BYTES + EVENT_PAYLOAD_BYTES);
  #next = 0;
  #sequence: number;
  #timestamp: number;
  #isSpurtStart = true;
  #hasWritten = true;
  #session: NegotiatedAudio | undefined;
  #encoder: PayloadEncoder = encoderFor({ codec: 'PCMU' });
  /** Samples of 20 ms in the server, ticks of 20 ms in the stream. */
  #samples = samplesOf(NARROW_RATE);
  #stepTicks = this.#samples;
  #ticksPerSample = 1;
  readonly #rates = new RateMatch();
  /** Where the wire has another rate than the server. */
  #resampler: Resampler | undefined;
  /** On the wire, of one packet. */
  #packetSamples = this.#samples;
  /** Not yet enough for a packet. */
  #pending = new Int16Array(samplesOf(NARROW_RATE) * (MAX_PENDING_MS / TICK_MS));
  #pendingSamples = 0;
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
    if (before?.codec !== session.codec || !isSameOpus(before.opus, session.opus)) this.#changeCodec(session);
    this.#digits.clockRate = session.eventRate ?? 8000;
    this.#packetSamples = ((session.packetMs ?? 20) * wireRateOf(session.codec)) / 1000;
    this.#pendingSamples = 0;
    if (!isSameSendKey(before?.srtp, session.srtp)) this.#srtp = senderFor(session.srtp);
    if (session.telephoneEvent === undefined) this.#digits.clear();
  }

  [Symbol.dispose](): void {
    this.#encoder[Symbol.dispose]?.();
  }

  /** What the peer says that it lost of our audio, 0 to 1. */
  expectLoss(share: number): void {
    this.#encoder.expectLoss?.(share);
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
    this.#timestamp = (this.#timestamp + this.#stepTicks) >>> 0;
  }

  #changeCodec({ codec, opus }: NegotiatedAudio): void {
    const [rate, wireRate] = [rateOf(codec), wireRateOf(codec)];
    this.#encoder[Symbol.dispose]?.();
    this.#encoder = encoderFor(opus === undefined ? { codec } : { codec, opus });
    this.#samples = samplesOf(rate);
    this.#stepTicks = samplesOf(CODECS[codec].clockRate);
    this.#ticksPerSample = CODECS[codec].clockRate / wireRate;
    this.#resampler = rate === wireRate ? undefined : new Resampler(rate, wireRate);
    this.#pending = new Int16Array((MAX_PENDING_MS * wireRate) / 1000);
    const bytes = codec === 'PCMU' || codec === 'PCMA' || codec === 'G722' ? SHORT_BYTES : LONG_BYTES;
    if (this.#buffers[0]?.length !== bytes) this.#buffers = buffersOf(bytes);
  }

  #pass(): void {
    this.#timestamp = (this.#timestamp + this.#stepTicks) >>> 0;
    this.#isSpurtStart = true;
    this.#pendingSamples = 0;
  }

  #nextBuffer(): Buffer {
    const buffer = this.#buffers[this.#next] ?? Buffer.alloc(LONG_BYTES);
    this.#next = (this.#next + 1) % BUFFERS;
    return buffer;
  }

  #sayAudio(samples: Int16Array, session: NegotiatedAudio, to: HostPort): void {
    const fitting = this.#rates.match(samples, this.#samples);
    const said = this.#resampler === undefined ? fitting : this.#resampler.process(fitting);
    // The usual 20 ms are encoded where they are.
    if (this.#packetSamples === said.length && this.#pendingSamples === 0) {
      this.#sendAudio(said, this.#timestamp, session, to);
      return;
    }
    this.#pending.set(said, this.#pendingSamples);
    this.#pendingSamples += said.length;
    const first = this.#timestamp + this.#stepTicks - this.#pendingSamples * this.#ticksPerSample;
    let sent = 0;
    while (this.#pendingSamples - sent >= this.#packetSamples) {
      const packet = this.#pending.subarray(sent, sent + this.#packetSamples);
      this.#sendAudio(packet, first + sent * this.#ticksPerSample, session, to);
      sent += this.#packetSamples;
    }
    this.#pending.copyWithin(0, sent, this.#pendingSamples);
    this.#pendingSamples -= sent;
  }

  /** One packet of `samples`. */
  #sendAudio(samples: Int16Array, timestamp: number, session: NegotiatedAudio, to: HostPort): void {
    const buffer = this.#nextBuffer();
    const { send } = session.payloadTypes;
    const start = writeRtpHeader(buffer, this.#isSpurtStart, send, this.#sequence, timestamp, this.ssrc);
    const bytes = this.#encoder.encode(samples, samples.length, buffer, start);
    // RFC 7587 §4.1: what comes after silence that was not sent begins a spurt.
    this.#isSpurtStart = bytes === 0;
    if (bytes === 0) return;
    this.#send(buffer, start + bytes, to);
  }

  #sayEvent(session: NegotiatedAudio, to: HostPort): void {
    const pending = this.#pendingSamples;
    this.#pendingSamples = 0;
    if (pending > 0) {
      const timestamp = this.#timestamp - pending * this.#ticksPerSample;
      this.#sendAudio(this.#pending.subarray(0, pending), timestamp, session, to);
    }
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

function buffersOf(bytes: number): Buffer[] {
  return Array.from({ length: BUFFERS }, () => Buffer.alloc(bytes));
}

function isSameOpus(a: OpusParameters | undefined, b: OpusParameters | undefined): boolean {
  return (
    a?.maxPlaybackRate === b?.maxPlaybackRate &&
    a?.maxAverageBitrate === b?.maxAverageBitrate &&
    a?.wantsFec === b?.wantsFec &&
    a?.wantsConstantBitrate === b?.wantsConstantBitrate &&
    a?.wantsDtx === b?.wantsDtx
  );
}

function senderFor(srtp: SrtpSession | undefined): SrtpSender | undefined {
  return srtp === undefined ? undefined : new SrtpSender(srtp.suite, srtp.local.master);
}

function isSameSendKey(a: SrtpSession | undefined, b: SrtpSession | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.suite === b.suite && isSameKey(a.local, b.local);
}
