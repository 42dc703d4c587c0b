// Opus for calls (RFC 6716, RFC 7587): libopus as WebAssembly, at 16 kHz and one channel, with in-band FEC and its own concealment.
import type { OpusDecoderHandle, OpusEncoderHandle } from 'libopus-wasm';
import { Application, Bandwidth, createDecoder, createEncoder, loadLibopus } from 'libopus-wasm';
import type { PayloadDecoder } from './payload-decoder.ts';

/** Speech is wide-band and mono here (decisions/audio-band.md); libopus brings whatever was sent to it. */
export const OPUS_RATE = 16_000;
/** RFC 6716 §2.1.4: durations are whole numbers of 2.5 ms. */
const UNIT = OPUS_RATE / 400;
const SILK_MS = [10, 20, 40, 60];
const CELT_MS = [2.5, 5, 10, 20];
const FIRST_HYBRID = 12;
const FIRST_CELT = 16;
const MAX_PACKET_MS = 120;
/** RFC 6716 §3.2.1. */
const MAX_FRAME_BYTES = 1275;
/** What libopus makes of silence under DTX; a packet so short need not be sent. */
const MAX_UNSENT_BYTES = 2;

/** Samples at `OPUS_RATE` in `packet[start..end)` by its first bytes (RFC 6716 §3.1, §3.2); 0 when it is no Opus packet. */
export function opusSamples(packet: Uint8Array, start: number, end: number): number {
  if (end <= start) return 0;
  const toc = packet[start] ?? 0;
  const config = toc >> 3;
  const frameMs = config < FIRST_CELT ? silkMs(config) : CELT_MS[config & 3];
  const code = toc & 3;
  const frames = code === 3 ? (packet[start + 1] ?? 0) & 0x3f : code === 0 ? 1 : 2;
  const ms = (frameMs ?? 0) * frames;
  return ms > MAX_PACKET_MS || (code === 3 && end - start < 2) ? 0 : (ms * OPUS_RATE) / 1000;
}

function silkMs(config: number): number | undefined {
  return config < FIRST_HYBRID ? SILK_MS[config & 3] : SILK_MS[config & 1];
}

/** Loads the library, so that the first call does not wait for it: some 10 ms and 10 MB. */
export async function loadOpus(): Promise<void> {
  await loadLibopus();
}

/** Ready a turn of the event loop after it was made, once the library is loaded; until then every packet is broken to it. */
export class OpusPayloadDecoder implements PayloadDecoder, Disposable {
  #handle: OpusDecoderHandle | undefined;
  #isClosed = false;

  constructor() {
    createDecoder({ channels: 1, sampleRate: OPUS_RATE }).then(
      (handle) => {
        if (this.#isClosed) handle.free();
        else this.#handle = handle;
      },
      // No memory: the leg stays silent, as with a codec that it lacks.
      () => undefined,
    );
  }

  samplesIn(packet: Uint8Array, start: number, end: number): number {
    return opusSamples(packet, start, end);
  }

  decode(packet: Uint8Array, start: number, end: number, into: Int16Array, at: number): number {
    return this.#decode(packet.subarray(start, end), {}, into, at);
  }

  recover(packet: Uint8Array, start: number, end: number, into: Int16Array, at: number, count: number): number {
    if (count % UNIT !== 0) return 0;
    return this.#decode(packet.subarray(start, end), { decodeFec: true, frameSize: count }, into, at);
  }

  conceal(into: Int16Array, at: number, count: number): number {
    return this.#decode(null, { frameSize: Math.ceil(count / UNIT) * UNIT }, into, at);
  }

  #decode(
    packet: Uint8Array | null,
    options: { frameSize?: number; decodeFec?: boolean },
    into: Int16Array,
    at: number,
  ) {
    try {
      const samples = this.#handle?.decode(packet, options);
      if (samples === undefined || at + samples.length > into.length) return 0;
      into.set(samples, at);
      return samples.length;
    } catch {
      return 0;
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#handle?.free();
    this.#handle = undefined;
  }
}

export interface OpusEncoderOptions {
  /** The peer's `maxplaybackrate`. */
  readonly maxPlaybackRate: number;
  /** Bits a second at most; `BITRATE` when absent. */
  readonly maxAverageBitrate?: number;
  readonly wantsFec: boolean;
  readonly wantsConstantBitrate: boolean;
  readonly wantsDtx: boolean;
}

/** Enough for wide-band speech with its FEC (RFC 7587 §3.1.1). */
const BITRATE = 32_000;
/** Half of libopus's work for a difference that nobody hears on a phone. */
const COMPLEXITY = 5;
/** FEC is made for so much loss before the peer has told of any. */
const EXPECTED_LOSS_PERCENT = 5;

/** Ready like the decoder; until then nothing is sent. */
export class OpusPayloadEncoder implements Disposable {
  #handle: OpusEncoderHandle | undefined;
  #lossPercent = EXPECTED_LOSS_PERCENT;
  #isClosed = false;

  constructor(options: OpusEncoderOptions) {
    const { maxPlaybackRate, maxAverageBitrate, wantsFec, wantsConstantBitrate, wantsDtx } = options;
    createEncoder({
      channels: 1,
      sampleRate: OPUS_RATE,
      application: Application.Voip,
      bitrate: Math.min(BITRATE, maxAverageBitrate ?? BITRATE),
      complexity: COMPLEXITY,
      fec: wantsFec,
      packetLossPercent: wantsFec ? this.#lossPercent : 0,
      maxBandwidth: bandwidthOf(maxPlaybackRate),
      vbr: !wantsConstantBitrate,
      dtx: wantsDtx,
    }).then(
      (handle) => {
        if (this.#isClosed) handle.free();
        else this.#handle = handle;
      },
      () => undefined,
    );
  }

  /** `count` samples, 10, 20, 40 or 60 ms, into `into` from `at` on; answers how many bytes, 0 when there is nothing to send. */
  encode(from: Int16Array, count: number, into: Uint8Array, at: number): number {
    const maxPacketBytes = Math.min(MAX_FRAME_BYTES, into.length - at);
    try {
      const packet = this.#handle?.encode(from.length === count ? from : from.subarray(0, count), {
        frameSize: count,
        maxPacketBytes,
      });
      if (packet === undefined || packet.length <= MAX_UNSENT_BYTES) return 0;
      into.set(packet, at);
      return packet.length;
    } catch {
      return 0;
    }
  }

  /** What the peer reports to have lost, 0 to 1: FEC is made for it. */
  expectLoss(share: number): void {
    const percent = Math.max(EXPECTED_LOSS_PERCENT, Math.min(50, Math.round(share * 100)));
    if (percent === this.#lossPercent) return;
    this.#lossPercent = percent;
    this.#handle?.setPacketLossPercent(percent);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#handle?.free();
    this.#handle = undefined;
  }
}

function bandwidthOf(rate: number): Bandwidth {
  if (rate < 12_000) return Bandwidth.Narrowband;
  return rate < 16_000 ? Bandwidth.Mediumband : Bandwidth.Wideband;
}
