// A range of an artifact's WAV file, made piece by piece as the browser takes it; the audio touches no disk.
import type { ArtifactId } from '../../kernel/id.ts';
import type { Vault } from '../../vault/contract.ts';
import type { Caller } from '../../vault/shapes.ts';
import type { ByteRange } from './range.ts';
import type { AudioShape } from './wav.ts';
import { frameBytes, toPcm, WAV_HEADER_BYTES, wavHeader } from './wav.ts';

/** Samples per channel asked of the vault at a time: 10 s at 8 kHz. */
export const PIECE_SAMPLES = 80_000;

export interface AudioSource {
  readonly vault: Vault;
  readonly caller: Caller;
  readonly artifactId: ArtifactId;
  readonly shape: AudioShape;
}

/** The bytes `range` of the WAV file; waits for the reader between pieces. */
export async function* wavRange(source: AudioSource, range: ByteRange): AsyncGenerator<Buffer> {
  if (range.first < WAV_HEADER_BYTES) yield wavHeader(source.shape).subarray(range.first, range.last + 1);
  const bytes = frameBytes(source.shape);
  let at = Math.max(0, range.first - WAV_HEADER_BYTES);
  const end = range.last + 1 - WAV_HEADER_BYTES;
  while (at < end) {
    const fromSample = Math.floor(at / bytes);
    const samples = Math.min(PIECE_SAMPLES, Math.ceil(end / bytes) - fromSample);
    const pcm = await readPcm(source, fromSample, samples);
    const start = at - fromSample * bytes;
    const piece = pcm.subarray(start, start + end - at);
    if (piece.length === 0) throw new Error('the vault gave less audio than it said it has');
    yield piece;
    at += piece.length;
  }
}

async function readPcm({ vault, caller, artifactId, shape }: AudioSource, fromSample: number, samples: number) {
  const { body } = await vault.askForBytes('artifact.audio', { caller, artifactId, fromSample, samples, play: false });
  return toPcm(shape.encoding, body);
}
