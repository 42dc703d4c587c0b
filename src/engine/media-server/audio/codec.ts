// What a leg needs to know of each codec: the rate that the server works at, the rate on the wire, its decoder and its encoder.
import { pcma, pcmu } from '../../../kernel/g711.ts';
import { G722Encoder } from '../../../protocol/rtp/g722.ts';
import { encodeL16 } from '../../../protocol/rtp/l16.ts';
import { OPUS_RATE, OpusPayloadDecoder, OpusPayloadEncoder } from '../../../protocol/rtp/opus.ts';
import type { PayloadDecoder } from '../../../protocol/rtp/payload-decoder.ts';
import { g722Decoder, l16Decoder, pcmaDecoder, pcmuDecoder } from '../../../protocol/rtp/payload-decoder.ts';
import { NARROW_RATE, WIDE_RATE } from '../../../protocol/rtp/tick.ts';
import type { AudioCodec, NegotiatedAudio, OpusParameters } from '../../../protocol/sdp/audio.ts';
import { CODECS } from '../../../protocol/sdp/codecs.ts';

/** Samples a second of what is encoded and decoded. */
export function wireRateOf(codec: AudioCodec): number {
  if (codec === 'G722') return WIDE_RATE;
  return codec === 'opus' ? OPUS_RATE : CODECS[codec].clockRate;
}

/** Samples a second of what a leg gives and takes: 8 or 16 kHz. */
export function rateOf(codec: AudioCodec): number {
  return wireRateOf(codec) === NARROW_RATE ? NARROW_RATE : WIDE_RATE;
}

/** G.722 and Opus start from silence: one for each codec that a stream changes to. */
export function decoderFor(codec: AudioCodec): PayloadDecoder & Partial<Disposable> {
  if (codec === 'PCMU') return pcmuDecoder;
  if (codec === 'PCMA') return pcmaDecoder;
  if (codec === 'opus') return new OpusPayloadDecoder();
  return codec === 'G722' ? g722Decoder() : l16Decoder;
}

export interface PayloadEncoder extends Partial<Disposable> {
  /** The first `count` samples of `from` into `into` from `at` on; answers how many bytes, 0 when there is nothing to send. */
  encode(from: Int16Array, count: number, into: Uint8Array, at: number): number;
  /** What share of what was sent the peer has lost. */
  expectLoss?(share: number): void;
}

const L16: PayloadEncoder = { encode: encodeL16 };
const FULL_BAND: OpusParameters = {
  maxPlaybackRate: 48_000,
  wantsFec: true,
  wantsConstantBitrate: false,
  wantsDtx: false,
};

export function encoderFor({ codec, opus = FULL_BAND }: Pick<NegotiatedAudio, 'codec' | 'opus'>): PayloadEncoder {
  if (codec === 'PCMU') return pcmu;
  if (codec === 'PCMA') return pcma;
  if (codec === 'opus') return new OpusPayloadEncoder(opus);
  return codec === 'G722' ? new G722Encoder() : L16;
}
