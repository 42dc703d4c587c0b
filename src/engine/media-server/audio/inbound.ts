// What one leg hears: from a packet of the wire to 20 ms of audio and digits. Only who may be heard is heard.
import type { Clock } from '../../../kernel/clock.ts';
import { ComfortNoise } from '../../../protocol/rtp/comfort-noise.ts';
import type { G711 } from '../../../protocol/rtp/g711.ts';
import { pcma, pcmu } from '../../../protocol/rtp/g711.ts';
import { G722Decoder } from '../../../protocol/rtp/g722.ts';
import { JitterBuffer, STEP_SAMPLES } from '../../../protocol/rtp/jitter-buffer.ts';
import { emptyRtpHeader, isRtcp, parseRtp } from '../../../protocol/rtp/packet.ts';
import { ReceptionStats } from '../../../protocol/rtp/reception.ts';
import { SrtpReceiver } from '../../../protocol/rtp/srtp.ts';
import { DigitReceiver } from '../../../protocol/rtp/telephone-event.ts';
import type { AudioCodec, NegotiatedAudio, SrtpSession } from '../../../protocol/sdp/audio.ts';
import { isSameKey } from '../../../protocol/sdp/crypto.ts';
import { receivesIn } from '../../../protocol/sdp/offer-answer.ts';
import type { HostPort } from '../../runtime/sip-stack.ts';
import { G711_CODECS, samplesOf } from './codec.ts';
import type { Counters } from './counters.ts';

/** 120 ms, the longest packet that is taken. */
const MAX_PACKET_SAMPLES = 960;
const TICKS_PER_MS = 8;
/** RFC 3551 §6: comfort noise. */
const COMFORT_NOISE_TYPE = 13;
/** In a step of G.722 a byte that never came. */
const NO_CODE = -1;
/** How loud a missing step of G.722 repeats the one before it, then the next, then silence. */
const CONCEALMENT: readonly number[] = [0.6, 0.4];

export class InboundAudio {
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #mayLatch: boolean;
  readonly #jitter = new JitterBuffer();
  readonly #digits: DigitReceiver;
  readonly #reception = new ReceptionStats();
  readonly #header = emptyRtpHeader();
  readonly #decoded = new Int16Array(MAX_PACKET_SAMPLES);
  readonly #noise = new ComfortNoise();
  readonly #codes = new Int16Array(STEP_SAMPLES);
  #heard = new Int16Array(STEP_SAMPLES);
  /** Only while the codec is G.722: then the jitter buffer holds its bytes, and they are decoded in their order. */
  #wide: G722Decoder | undefined;
  #missing = 0;
  /** Kept apart: some gateways and test tools send events as a stream of their own beside the audio. */
  #audioSsrc = -1;
  #eventSsrc = -1;
  #session: NegotiatedAudio | undefined;
  #srtp: SrtpReceiver | undefined;
  /** Where packets came from since the last configuration; only these are heard from then on. */
  source: HostPort | undefined;
  silentTicks = 0;

  constructor(clock: Clock, counters: Counters, mayLatch: boolean, report: (digit: string, ticks: number) => void) {
    this.#clock = clock;
    this.#counters = counters;
    this.#mayLatch = mayLatch;
    this.#digits = new DigitReceiver(report);
  }

  configure(session: NegotiatedAudio): void {
    const before = this.#session;
    this.#session = session;
    if (before?.codec !== session.codec) this.#changeCodec(session.codec);
    const keepsKey = isSameReceiveKey(before?.srtp, session.srtp);
    if (!keepsKey) this.#srtp = receiverFor(session.srtp);
    if (!receivesIn(session.direction)) this.#jitter.restart();
    const keepsPeer = before?.remote?.host === session.remote?.host && before?.remote?.port === session.remote?.port;
    if (keepsPeer && keepsKey) return;
    this.source = undefined;
    this.#jitter.restart();
    this.#digits.restart();
  }

  get reception(): ReceptionStats {
    return this.#reception;
  }

  /** How long audio waits in the jitter buffer now. */
  get bufferMs(): number {
    return this.#jitter.delayMs;
  }

  get lost(): number {
    return this.#reception.lost;
  }

  get late(): number {
    return this.#jitter.late;
  }

  get jitterMs(): number {
    return this.#reception.jitter / TICKS_PER_MS;
  }

  /** One datagram; changed in place. Never throws. */
  accept(packet: Uint8Array, host: string, port: number): void {
    const session = this.#session;
    if (session?.remote === undefined || !receivesIn(session.direction) || isRtcp(packet)) return;
    if (!this.#mayHear(session.remote, host, port)) {
      this.#counters.wrongSource++;
      return;
    }
    const length = this.#unprotect(packet);
    if (length === 0) return;
    if (!parseRtp(packet, length, this.#header)) {
      this.#counters.malformed++;
      return;
    }
    if (this.source === undefined) this.source = { host, port };
    this.#counters.packetsReceived++;
    this.#counters.bytesReceived += packet.length;
    this.silentTicks = 0;
    this.#take(packet, session);
  }

  /** The next 20 ms; the array is used again. */
  read(): Int16Array {
    this.silentTicks++;
    this.#digits.step();
    if (this.#session === undefined || !receivesIn(this.#session.direction)) return this.#heard.fill(0);
    const isHeard = this.#wide === undefined ? this.#jitter.read(this.#heard) : this.#readWide(this.#wide);
    if (!isHeard && this.#noise.isOn) this.#noise.fill(this.#heard);
    return this.#heard;
  }

  #changeCodec(codec: AudioCodec): void {
    this.#heard = new Int16Array(samplesOf(codec));
    this.#wide = codec === 'G722' ? new G722Decoder() : undefined;
    this.#jitter.gap = codec === 'G722' ? NO_CODE : 0;
    this.#jitter.restart();
  }

  #readWide(decoder: G722Decoder): boolean {
    const heard = this.#heard;
    if (!this.#jitter.read(this.#codes)) {
      const gain = CONCEALMENT[this.#missing++] ?? 0;
      for (let i = 0; i < heard.length; i++) heard[i] = (heard[i] ?? 0) * gain;
      return false;
    }
    this.#missing = 0;
    for (let i = 0; i < STEP_SAMPLES; i++) {
      const code = this.#codes[i] ?? NO_CODE;
      if (code === NO_CODE) heard.fill(0, 2 * i, 2 * i + 2);
      else decoder.decode(code, heard, 2 * i);
    }
    return true;
  }

  /** With `latch`, the first packet that proves good settles the source: by its key from anywhere, without one only from the SDP's host. */
  #mayHear(remote: HostPort, host: string, port: number): boolean {
    const { source } = this;
    if (source !== undefined) return source.port === port && source.host === host;
    if (this.#mayLatch && this.#srtp !== undefined) return true;
    return remote.host === host && (this.#mayLatch || remote.port === port);
  }

  /** The length of the RTP packet, or 0: nothing to be heard, and counted. */
  #unprotect(packet: Uint8Array): number {
    if (this.#srtp === undefined) return packet.length;
    const length = this.#srtp.unprotect(packet, packet.length);
    if (length > 0) return length;
    if (this.#srtp.fault === 'not-authentic') this.#counters.authFailures++;
    else if (this.#srtp.fault === 'replayed') this.#counters.replays++;
    else this.#counters.malformed++;
    return 0;
  }

  #take(packet: Uint8Array, session: NegotiatedAudio): void {
    const { ssrc, sequence, timestamp, payloadType, payloadStart, payloadEnd, marker } = this.#header;
    const arrival = Math.round(this.#clock.monotonic() * TICKS_PER_MS);
    this.#reception.note(ssrc, sequence, timestamp, arrival);
    if (payloadType === session.telephoneEvent?.receive) {
      if (ssrc !== this.#eventSsrc) this.#digits.restart();
      this.#eventSsrc = ssrc;
      this.#digits.handle(packet, payloadStart, payloadEnd, timestamp);
      return;
    }
    if (payloadType === COMFORT_NOISE_TYPE && session.payloadTypes.receive !== COMFORT_NOISE_TYPE) {
      this.#noise.set(packet, payloadStart, payloadEnd);
      return;
    }
    const count = payloadEnd - payloadStart;
    if (count > MAX_PACKET_SAMPLES || !this.#decode(packet, session)) {
      this.#counters.unknownPayload++;
      return;
    }
    if (ssrc !== this.#audioSsrc) this.#jitter.restart();
    this.#audioSsrc = ssrc;
    this.#noise.stop();
    this.#jitter.push(timestamp, this.#decoded, count, marker);
  }

  /** The negotiated type, or the other law by its static type: some peers send what they were not asked for. */
  #decode(packet: Uint8Array, session: NegotiatedAudio): boolean {
    const { payloadType, payloadStart, payloadEnd } = this.#header;
    const isAgreed = payloadType === session.payloadTypes.receive;
    if (this.#wide !== undefined) {
      for (let i = payloadStart; isAgreed && i < payloadEnd; i++) this.#decoded[i - payloadStart] = packet[i] ?? 0;
      return isAgreed;
    }
    const codec = isAgreed ? G711_CODECS[session.codec] : lawOf(payloadType);
    codec?.decode(packet, payloadStart, payloadEnd, this.#decoded, 0);
    return codec !== undefined;
  }
}

function lawOf(payloadType: number): G711 | undefined {
  return payloadType === pcmu.payloadType ? pcmu : payloadType === pcma.payloadType ? pcma : undefined;
}

function receiverFor(srtp: SrtpSession | undefined): SrtpReceiver | undefined {
  return srtp === undefined ? undefined : new SrtpReceiver(srtp.suite, srtp.remote.master, srtp.remote.mkiBytes);
}

function isSameReceiveKey(a: SrtpSession | undefined, b: SrtpSession | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.suite === b.suite && isSameKey(a.remote, b.remote);
}
