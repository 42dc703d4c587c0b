// The codecs of a leg: each tick of 20 ms is 160 bytes on the wire, of 160 samples (G.711) or 320 (G.722, RFC 3551 §4.5.2).
import type { G711 } from '../../../protocol/rtp/g711.ts';
import { pcma, pcmu } from '../../../protocol/rtp/g711.ts';
import { G722Encoder } from '../../../protocol/rtp/g722.ts';
import type { AudioCodec } from '../../../protocol/sdp/audio.ts';

/** Of every codec spoken here: one byte a tick of its RTP clock, which for G.722 counts 8 kHz too. */
export const STEP_BYTES = 160;

/** Undefined: decoded and encoded with a state of its own. */
export const G711_CODECS: Readonly<Partial<Record<AudioCodec, G711>>> = {
  PCMU: pcmu,
  PCMA: pcma,
};

export function rateOf(codec: AudioCodec): number {
  return codec === 'G722' ? 16_000 : 8_000;
}

/** Samples of 20 ms. */
export function samplesOf(codec: AudioCodec): number {
  return rateOf(codec) / 50;
}

export interface StepEncoder {
  encode(from: Int16Array, count: number, into: Uint8Array, at: number): void;
}

/** One for each codec that a stream changes to: G.722 starts from silence. */
export function encoderFor(codec: AudioCodec): StepEncoder {
  return G711_CODECS[codec] ?? new G722Encoder();
}
