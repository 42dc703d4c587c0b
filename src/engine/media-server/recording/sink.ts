// Where recorded audio goes: a file, as FreeSWITCH writes it, or the vault's intake for a path that is an artifact's id.
import { basename, dirname, extname, resolve } from 'node:path';
import type { ArtifactId } from '../../../kernel/id.ts';
import { parseId } from '../../../kernel/id.ts';
import { clip } from '../../../protocol/rtp/tick.ts';

/** What of a call is recorded: what is heard from the phone, what is sent to it, both mixed, or left the one and right the other. */
export type RecordingLayout = 'heard' | 'sent' | 'mixed' | 'stereo' | 'swapped';

export function channelsOf(layout: RecordingLayout): 1 | 2 {
  return layout === 'stereo' || layout === 'swapped' ? 2 : 1;
}

export interface RecordingSink {
  /** Takes one tick, `channels` interleaved, before the next one is built in the same array. Never waits. */
  write(samples: Int16Array): void;
  /** No more follows. Settles when all of it is written or acknowledged. */
  end(): Promise<void>;
  /** Bytes of audio taken. */
  readonly bytes: number;
  /** Called once when the audio cannot be kept. */
  onFailure: (() => void) | undefined;
}

/** The artifact that a path means, when it is `<spool>/<artifactId>.ul`. */
export function artifactOf(path: string, spoolFolder: string | undefined): ArtifactId | undefined {
  if (spoolFolder === undefined || resolve(dirname(path)) !== resolve(spoolFolder)) return undefined;
  return extname(path) === '.ul' ? parseId<'artifact'>(basename(path, '.ul')) : undefined;
}

/** One tick of a recording in the samples that its sink takes. Answers `into`. */
export function interleave(layout: RecordingLayout, heard: Int16Array, sent: Int16Array, into: Int16Array): Int16Array {
  if (layout === 'heard' || layout === 'sent') {
    into.set(layout === 'heard' ? heard : sent);
    return into;
  }
  if (layout === 'mixed') {
    for (let i = 0; i < heard.length; i++) {
      into[i] = clip((heard[i] ?? 0) + (sent[i] ?? 0));
    }
    return into;
  }
  const [left, right] = layout === 'swapped' ? [sent, heard] : [heard, sent];
  for (let i = 0; i < left.length; i++) {
    into[2 * i] = left[i] ?? 0;
    into[2 * i + 1] = right[i] ?? 0;
  }
  return into;
}
