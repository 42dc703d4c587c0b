// What one leg hears: from a packet of the wire to 20 ms of audio and digits. Only who may be heard is heard.
import type { Clock } from '../../../kernel/clock.ts';
import { pcma, pcmu } from '../../../kernel/g711.ts';
import type { HostPort } from '../../../kernel/ip.ts';
import { ComfortNoise } from '../../../protocol/rtp/comfort-noise.ts';
import { JitterBuffer } from '../../../protocol/rtp/jitter-buffer.ts';
import { emptyRtpHeader, isRtcp, parseRtp } from '../../../protocol/rtp/packet.ts';
import type { PayloadDecoder } from '../../../protocol/rtp/payload-decoder.ts';
import { pcmaDecoder, pcmuDecoder } from '../../../protocol/rtp/payload-decoder.ts';
import { ReceptionStats } from '../../../protocol/rtp/reception.ts';
import { Resampler } from '../../../protocol/rtp/resample.ts';
import { SrtpReceiver } from '../../../protocol/rtp/srtp.ts';
import type { SrtpSession } from '../../../protocol/rtp/srtp-suite.ts';
import { DigitReceiver } from '../../../protocol/rtp/telephone-event.ts';
import { NARROW_RATE, samplesOf } from '../../../protocol/rtp/tick.ts';
import type { AudioCodec, NegotiatedAudio } from '../../../protocol/sdp/audio.ts';
import { CODECS } from '../../../protocol/sdp/codecs.ts';
import { isSameKey } from '../../../protocol/sdp/crypto.ts';
import { receivesIn } from '../../../protocol/sdp/offer-answer.ts';
import { decoderFor, rateOf, wireRateOf } from './codec.ts';
import type { Counters } from './counters.ts';

/** RFC 3551 §6: comfort noise. */
const COMFORT_NOISE_TYPE = 13;

/** Packets taken in a tick, five times what packets of 10 ms need, and saved up for what the network held back: more is cut before it costs a decryption. */
const ALLOWANCE_A_TICK = 10;
const MAX_ALLOWANCE = 200;
/** Of these, from places that are not the party's but may prove to be: they never use up what it has itself. */
const STRANGE_A_TICK = 5;
const MAX_STRANGE = 50;
/** 200 ms without a packet: then the source may have moved. */
const MOVED_TICKS = 10;
/** Two seconds in which packets that were on their way when the keys changed are heard. */
const OLD_KEY_TICKS = 100;

export class InboundAudio {
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #mayLatch: boolean;
  #jitter = new JitterBuffer();
  /** Of jitter buffers of earlier codecs. */
  #lateBefore = 0;
  readonly #digits: DigitReceiver;
  readonly #reception = new ReceptionStats();
  readonly #header = emptyRtpHeader();
  readonly #noise = new ComfortNoise();
  #decoder: PayloadDecoder & Partial<Disposable> = pcmuDecoder;
  #ticksPerMs = NARROW_RATE / 1000;
  #decoded = new Int16Array(samplesOf(NARROW_RATE));
  /** Where the wire has another rate than the server. */
  #resampler: Resampler | undefined;
  #silence = new Int16Array(this.#decoded.length);
  /** Kept apart: some gateways and test tools send events as a stream of their own beside the audio. */
  #audioSsrc = -1;
  #eventSsrc = -1;
  #session: NegotiatedAudio | undefined;
  #srtp: SrtpReceiver | undefined;
  /** Of the key before, until the first packet with the new one. */
  #oldSrtp: SrtpReceiver | undefined;
  #oldKeyTicks = 0;
  /** Where packets came from since the last configuration; only these are heard from then on. */
  source: HostPort | undefined;
  /** Since the last accepted packet. */
  #silentTicks = 0;
  #allowance = MAX_ALLOWANCE;
  #strange = MAX_STRANGE;

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
    this.#digits.clockRate = session.eventRate ?? 8000;
    const keepsPeer = before?.remote?.host === session.remote?.host && before?.remote?.port === session.remote?.port;
    const keepsKey = isSameReceiveKey(before?.srtp, session.srtp);
    if (!keepsKey) this.#changeKey(session.srtp, keepsPeer);
    if (!receivesIn(session.direction)) this.#jitter.restart();
    if (keepsPeer && keepsKey) return;
    this.source = undefined;
    if (this.#oldSrtp !== undefined) return;
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
    return this.#lateBefore + this.#jitter.late;
  }

  get jitterMs(): number {
    return this.#reception.jitter / this.#ticksPerMs;
  }

  /** One datagram; changed in place. Never throws. */
  accept(packet: Uint8Array, host: string, port: number): void {
    const session = this.#session;
    if (session?.remote === undefined || !receivesIn(session.direction) || isRtcp(packet)) return;
    const isKnown = this.source !== undefined && this.source.port === port && this.source.host === host;
    if (!isKnown && !this.#mayHear(session, session.remote, host, port)) {
      this.#counters.wrongSource++;
      return;
    }
    const place = this.source ?? session.remote;
    const isStrange = place.port !== port || place.host !== host;
    if (isStrange ? this.#strange-- <= 0 : this.#allowance-- <= 0) {
      this.#counters.flooded++;
      return;
    }
    const length = this.#unprotect(packet);
    if (length === 0) return;
    if (!parseRtp(packet, length, this.#header)) {
      this.#counters.malformed++;
      return;
    }
    if (!isKnown) this.source = { host, port };
    this.#counters.packetsReceived++;
    this.#counters.bytesReceived += packet.length;
    this.#silentTicks = 0;
    this.#take(packet, session);
  }

  /** The next 20 ms; the array is used again. */
  read(): Int16Array {
    this.#silentTicks++;
    this.#allowance = Math.min(MAX_ALLOWANCE, Math.max(0, this.#allowance) + ALLOWANCE_A_TICK);
    this.#strange = Math.min(MAX_STRANGE, Math.max(0, this.#strange) + STRANGE_A_TICK);
    this.#digits.step();
    if (this.#oldSrtp !== undefined && --this.#oldKeyTicks <= 0) this.#oldSrtp = undefined;
    if (this.#session === undefined || !receivesIn(this.#session.direction)) return this.#silence.fill(0);
    const isHeard = this.#jitter.read(this.#decoded);
    if (!isHeard && this.#noise.isOn) this.#noise.fill(this.#decoded);
    return this.#resampler === undefined ? this.#decoded : this.#resampler.process(this.#decoded);
  }

  [Symbol.dispose](): void {
    this.#decoder[Symbol.dispose]?.();
  }

  /** RFC 4568 §7.1.4: the peer goes on with its old key until it has our answer. Never from keys to none, nor for another peer. */
  #changeKey(srtp: SrtpSession | undefined, keepsPeer: boolean): void {
    this.#oldSrtp = keepsPeer && srtp !== undefined ? this.#srtp : undefined;
    this.#oldKeyTicks = OLD_KEY_TICKS;
    this.#srtp = receiverFor(srtp);
  }

  #changeCodec(codec: AudioCodec): void {
    const [rate, wireRate] = [rateOf(codec), wireRateOf(codec)];
    this.#decoder[Symbol.dispose]?.();
    this.#decoder = decoderFor(codec);
    this.#lateBefore += this.#jitter.late;
    this.#jitter = new JitterBuffer(wireRate, CODECS[codec].clockRate);
    this.#ticksPerMs = CODECS[codec].clockRate / 1000;
    this.#decoded = new Int16Array(samplesOf(wireRate));
    this.#silence = new Int16Array(samplesOf(rate));
    this.#resampler = rate === wireRate ? undefined : new Resampler(wireRate, rate);
  }

  /**
   * An address that is not the source. With `latch`, the first packet that proves good settles the source: by its key from anywhere, without one only from the SDP's host.
   * Later a source that fell silent may come back from elsewhere, as behind a NAT that has forgotten it; only its key proves that. Without
   * one, the very address of the SDP takes the place of another port that was quicker: what an earlier call left behind, perhaps.
   */
  #mayHear({ isAddressFixed = false }: NegotiatedAudio, remote: HostPort, host: string, port: number): boolean {
    const { source } = this;
    const mayLatch = this.#mayLatch && !isAddressFixed;
    const mayMove = mayLatch && this.#srtp !== undefined;
    const isTold = remote.port === port && remote.host === host;
    if (source !== undefined) return this.#srtp === undefined ? isTold : mayMove && this.#silentTicks >= MOVED_TICKS;
    return isTold || mayMove || (mayLatch && remote.host === host);
  }

  /** The length of the RTP packet, or 0: nothing to be heard, and counted. */
  #unprotect(packet: Uint8Array): number {
    if (this.#srtp === undefined) return packet.length;
    const length = this.#srtp.unprotect(packet, packet.length);
    if (length > 0) {
      this.#oldSrtp = undefined;
      return length;
    }
    const oldLength = this.#oldSrtp?.unprotect(packet, packet.length) ?? 0;
    if (oldLength > 0) return oldLength;
    if (this.#srtp.fault === 'not-authentic') this.#counters.authFailures++;
    else if (this.#srtp.fault === 'replayed') this.#counters.replays++;
    else this.#counters.malformed++;
    return 0;
  }

  #take(packet: Uint8Array, session: NegotiatedAudio): void {
    const { ssrc, sequence, timestamp, payloadType, payloadStart, payloadEnd } = this.#header;
    const arrival = Math.round(this.#clock.monotonic() * this.#ticksPerMs);
    const isEvent = payloadType === session.telephoneEvent?.receive;
    // All packets of a press have the timestamp of its beginning: no jitter can be told from them.
    this.#reception.note(ssrc, sequence, isEvent ? undefined : timestamp, arrival);
    if (isEvent) {
      if (ssrc !== this.#eventSsrc) this.#digits.restart();
      this.#eventSsrc = ssrc;
      this.#digits.handle(packet, payloadStart, payloadEnd, timestamp);
      return;
    }
    if (payloadType === COMFORT_NOISE_TYPE && session.payloadTypes.receive !== COMFORT_NOISE_TYPE) {
      this.#noise.set(packet, payloadStart, payloadEnd);
      return;
    }
    const decoder = this.#decoderOf(payloadType, session);
    if (decoder === undefined) {
      this.#counters.unknownPayload++;
      return;
    }
    if (ssrc !== this.#audioSsrc) this.#jitter.restart();
    this.#audioSsrc = ssrc;
    this.#noise.stop();
    this.#jitter.push(this.#header, packet, decoder);
  }

  /** Of the negotiated type, or of the other law by its static type: some peers send what they were not asked for. */
  #decoderOf(payloadType: number, { codec, payloadTypes }: NegotiatedAudio): PayloadDecoder | undefined {
    if (payloadType === payloadTypes.receive) return this.#decoder;
    if (codec !== 'PCMU' && codec !== 'PCMA') return undefined;
    if (payloadType === pcmu.payloadType) return pcmuDecoder;
    return payloadType === pcma.payloadType ? pcmaDecoder : undefined;
  }
}

function receiverFor(srtp: SrtpSession | undefined): SrtpReceiver | undefined {
  return srtp === undefined ? undefined : new SrtpReceiver(srtp.suite, srtp.remote.master, srtp.remote.mkiBytes);
}

function isSameReceiveKey(a: SrtpSession | undefined, b: SrtpSession | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.suite === b.suite && isSameKey(a.remote, b.remote);
}
