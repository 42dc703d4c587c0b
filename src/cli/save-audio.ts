// Writes the sound of a message or recording into a file of its owner's alone (0600), as WAV; a file that is there is not touched.
import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { wavRange } from '../api/audio/stream.ts';
import { wavBytes } from '../api/audio/wav.ts';
import { WardlineError } from '../kernel/errors.ts';
import type { ArtifactId } from '../kernel/id.ts';
import type { Vault } from '../vault/contract.ts';
import type { Caller } from '../vault/shapes.ts';
import { notWritable } from './files.ts';

/**
 * Answers the bytes written. The copy is on record before its first byte is.
 * @throws WardlineError `file-exists`, `file-unwritable`, and what `artifact.audio` says
 */
export async function saveAudio(
  vault: Vault,
  caller: Caller,
  artifactId: ArtifactId,
  path: string,
  onProgress: (done: number, all: number) => void = () => undefined,
): Promise<number> {
  await using file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    throw notWritable(path, cause);
  });
  try {
    const ask = { caller, artifactId, fromSample: 0, samples: 1, play: 'export' } as const;
    const shape = await vault.ask('artifact.audio', ask);
    const all = wavBytes(shape);
    let done = 0;
    for await (const piece of wavRange({ vault, caller, artifactId, shape }, { first: 0, last: all - 1 })) {
      await file.write(piece);
      done += piece.length;
      onProgress(done, all);
    }
    await file.sync();
    return done;
  } catch (thrown) {
    rmSync(path, { force: true }); // half a copy is none
    throw thrown instanceof WardlineError ? thrown : notWritable(path, thrown);
  }
}
