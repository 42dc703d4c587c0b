// The intake protocol: what whoever captures asks of the vault over a link, to hand it sealed audio. FORMAT.md §6.
import type { Ends } from './segment.ts';

/** Raw audio as the vault keeps it; the artifact's sealed header says which. */
export type CaptureEncoding = 'ulaw-8000' | 'l16-16000';

/** The name of a file on the RAM-backed spool, for who captures through one: the artifact's id. */
export const SPOOL_FILE = /^([a-z2-7]{26})\.ul$/;

/**
 * Requests and answers by type. Every one may be sent again: the vault knows a segment by (artifact, segment) and a chunk
 * by (artifact, segment, chunk), and acknowledges after commit.
 */
export interface IntakeRequests {
  /** Refused with `artifact-unknown` and `artifact-closed`. */
  'intake.begin': { ask: { artifactId: string }; answer: IntakeGrant };
  /** Body: the segment's key sealed to the epoch (80 bytes), then the secretstream header (24 bytes). */
  'intake.segment': { ask: SegmentAsk; answer: Record<string, never> };
  /** Body: the chunk's ciphertext. */
  'intake.chunk': { ask: ChunkAsk; answer: Record<string, never> };
  /** The capture is over and every chunk is in. */
  'intake.end': { ask: { artifactId: string; segments: number; chunks: number }; answer: Record<string, never> };
}

/** What a capture needs to seal: the epoch's public key alone. */
export interface IntakeGrant {
  readonly epoch: string;
  /** X25519, base64. */
  readonly publicKey: string;
  readonly encoding: CaptureEncoding;
  readonly channels: 1 | 2;
  /** The first segment number that is free; a writer that restarts goes on there. */
  readonly nextSegment: number;
  /** Per channel: what lies before it is there already. */
  readonly nextSample: number;
}

export interface SegmentAsk {
  readonly artifactId: string;
  readonly segment: number;
  readonly epoch: string;
  readonly firstSample: number;
}

export interface ChunkAsk {
  readonly artifactId: string;
  readonly segment: number;
  readonly chunk: number;
  readonly firstSample: number;
  /** Per channel. */
  readonly samples: number;
  readonly ends: Ends;
}

export type IntakeType = keyof IntakeRequests;

/** Bytes of one sample on all channels. */
export function bytesPerSample(encoding: CaptureEncoding, channels: 1 | 2): number {
  return (encoding === 'ulaw-8000' ? 1 : 2) * channels;
}

export function sampleRate(encoding: CaptureEncoding): 8000 | 16000 {
  return encoding === 'ulaw-8000' ? 8000 : 16000;
}
