// One party's audio: RTP or SRTP on a port of its own, moved on in 20 ms ticks by its owner's media clock (RFC 3550, RFC 3711).
import type { Clock } from '../../../kernel/clock.ts';
import type { HostPort } from '../../../kernel/ip.ts';
import { isRtcp } from '../../../protocol/rtp/packet.ts';
import type { NegotiatedAudio } from '../../../protocol/sdp/audio.ts';
import { DtlsTransport, isHandshake } from '../../runtime/dtls-transport.ts';
import type { MediaPorts, MediaSocket } from '../../runtime/media-socket.ts';
import { rateOf } from './codec.ts';
import { noCounts } from './counters.ts';
import { InboundAudio } from './inbound.ts';
import { OutboundAudio } from './outbound.ts';
import { LegRtcp } from './rtcp.ts';
import { type AudioStats, liveStats } from './stats.ts';

/** Samples of one tick: 20 ms at 8 kHz. */
export const TICK_SAMPLES = 160;

/**
 * One party's audio. Each tick of 20 ms the owner calls `read` once and then `write` at most once; nothing else moves time.
 * Neither call throws, allocates buffers for the caller to keep, or waits.
 */
export interface AudioLeg extends Disposable {
  /** The bound RTP address. */
  readonly local: HostPort;
  /** After each offer and answer. Unchanged keys keep their SRTP state; before the first call nothing is sent or heard. */
  configure(session: NegotiatedAudio): void;
  /** Of what `read` gives: 8000 while the codec is G.711 or L16 of that rate, else 16000. */
  readonly rate: number;
  /** The next 20 ms heard: 160 samples at 8 kHz, 320 at 16 kHz; silence when nothing came. The array is reused by the next `read`. */
  read(): Int16Array;
  /** Sends 20 ms (160 samples at 8 kHz, or 320 at 16 kHz, whatever the codec) now, or a digit's event packet in its place while one is being sent. */
  write(samples: Int16Array): void;
  /** Queues a digit (0-9 * # A-D) as RFC 4733; false when the peer lacks it, the digit is none, or the queue is full. */
  sendDigit(digit: string, durationMs: number): boolean;
  /** Called once a press, when it ended; `durationTicks` in RTP ticks (8 a millisecond), as FreeSWITCH reports it. */
  onDigit: ((digit: string, durationTicks: number) => void) | undefined;
  /** Called once when the audio is gone for good: the thread that carried it has died. Not after disposal. */
  onLost?: (() => void) | undefined;
  readonly stats: AudioStats;
  /** Stops at once; the port stays bound until the peer has been silent for a second, so that no stale audio reaches the next call. */
  [Symbol.dispose](): void;
}

/** A leg on this thread tells more. */
export interface LocalLeg extends AudioLeg {
  /** True while digits are queued or being sent. */
  readonly isSendingDigits: boolean;
  /** Where packets come from now; undefined before the first that was accepted. */
  readonly remote: HostPort | undefined;
}

/**
 * `strict`: only the address of the SDP is heard. `latch`: once a configuration, the first good packet's address replaces it;
 * with SRTP that may come from anywhere, for its key proves it; plain RTP only from another port of the SDP's host.
 */
export type NatPolicy = 'strict' | 'latch';

export interface AudioLegOptions {
  readonly ports: MediaPorts;
  readonly clock: Clock;
  /** `count` random bytes, for SSRC, first sequence number and first timestamp. */
  readonly random: (count: number) => Uint8Array;
  readonly nat: NatPolicy;
}

/** Binds a port and gives the leg that owns it. Rejects with `media-ports-exhausted`. */
export async function openAudioLeg(options: AudioLegOptions): Promise<LocalLeg> {
  return new RtpLeg(await options.ports.open(), options);
}

class RtpLeg implements LocalLeg {
  readonly local: HostPort;
  readonly stats: AudioStats;
  onDigit: AudioLeg['onDigit'];
  readonly #socket: MediaSocket;
  readonly #inbound: InboundAudio;
  readonly #outbound: OutboundAudio;
  readonly #rtcp: LegRtcp;
  readonly #options: AudioLegOptions;
  /** Only of a party whose keys come by DTLS. */
  #dtls: DtlsTransport | undefined;
  #session: NegotiatedAudio | undefined;
  #isClosed = false;

  constructor(socket: MediaSocket, options: AudioLegOptions) {
    const { clock, random, nat } = options;
    const counters = noCounts();
    this.#options = options;
    this.local = socket.local;
    this.#socket = socket;
    this.#outbound = new OutboundAudio(socket, counters, random);
    this.#inbound = new InboundAudio(clock, counters, nat === 'latch', (digit, ticks) => {
      counters.digitsReceived++;
      this.onDigit?.(digit, ticks);
    });
    const [inbound, outbound] = [this.#inbound, this.#outbound];
    const rtcp = new LegRtcp({ socket, clock, random, counters, inbound, outbound });
    this.#rtcp = rtcp;
    this.stats = liveStats(counters, inbound, rtcp, socket);
    socket.onPacket = (packet, host, port) => {
      if (this.#dtls !== undefined && isHandshake(packet)) this.#dtls.accept(packet, host, port);
      else if (isRtcp(packet)) rtcp.accept(packet, host, port, true);
      else inbound.accept(packet, host, port);
    };
    socket.onRtcp = (packet, host, port) => rtcp.accept(packet, host, port, false);
  }

  configure(session: NegotiatedAudio): void {
    if (this.#isClosed) return;
    if (session.dtls === undefined) {
      this.#dtls?.[Symbol.dispose]();
      this.#dtls = undefined;
      this.#apply(session);
      return;
    }
    this.#dtls ??= this.#newTransport();
    this.#dtls.configure(session.dtls);
    this.#apply({ ...session, ...this.#dtls.secured });
  }

  #newTransport(): DtlsTransport {
    const [socket, { clock, random }] = [this.#socket, this.#options];
    return new DtlsTransport({
      socket,
      clock,
      random,
      onSecured: (secured) => {
        if (this.#session !== undefined) this.#apply({ ...this.#session, ...secured });
      },
    });
  }

  #apply(session: NegotiatedAudio): void {
    this.#session = session;
    this.#inbound.configure(session);
    this.#outbound.configure(session);
    this.#rtcp.configure(session);
  }

  read(): Int16Array {
    this.#dtls?.tick();
    this.#outbound.tick();
    this.#rtcp.tick();
    return this.#inbound.read();
  }

  write(samples: Int16Array): void {
    if (this.#isClosed) return;
    const { remote, dtls } = this.#session ?? {};
    // Where they send from is where they listen, once that is settled (RFC 4961); with ICE that is what it chose.
    const isSettled = remote === undefined || dtls !== undefined;
    this.#outbound.write(samples, isSettled ? remote : (this.#inbound.source ?? remote));
  }

  sendDigit(digit: string, durationMs: number): boolean {
    return !this.#isClosed && this.#outbound.sendDigit(digit, durationMs);
  }

  get rate(): number {
    return rateOf(this.#session?.codec ?? 'PCMU');
  }

  get isSendingDigits(): boolean {
    return this.#outbound.isSendingDigits;
  }

  get remote(): HostPort | undefined {
    return this.#inbound.source;
  }

  [Symbol.dispose](): void {
    if (!this.#isClosed) this.#rtcp.sayGoodbye();
    this.#isClosed = true;
    this.#dtls?.[Symbol.dispose]();
    this.onDigit = undefined;
    this.#inbound[Symbol.dispose]();
    this.#outbound[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
  }
}
