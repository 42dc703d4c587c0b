// `local_stream://name`: music on hold, the sound files of a folder one after the other without end.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSource } from './file.ts';
import { PLAYABLE } from './layout.ts';
import type { AudioSource } from './source.ts';

const MAX_FILES = 256;

/** The folder of a stream: `<sounds>/music/<name>`. Undefined when the name is none. */
export function streamFolder(name: string, soundsFolder: string): string | undefined {
  return /^[A-Za-z0-9_-]{1,64}$/.test(name) ? join(soundsFolder, 'music', name) : undefined;
}

/** Undefined when there is no such folder, or nothing in it that can be played. */
export async function localStream(
  name: string,
  soundsFolder: string,
  rateKhz: number,
  supervise: (work: Promise<unknown>) => void,
): Promise<AudioSource | undefined> {
  const folder = streamFolder(name, soundsFolder);
  if (folder === undefined) return undefined;
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((file) => PLAYABLE.test(file)).toSorted();
  const paths = files.slice(0, MAX_FILES).map((file) => join(folder, file));
  let at = 0;
  const open = async (): Promise<AudioSource | undefined> => {
    for (let tried = 0; tried < paths.length; tried++) {
      const source = await fileSource(paths[at++ % paths.length] ?? '', rateKhz);
      if (source !== undefined) return source;
    }
    return undefined;
  };
  const first = await open();
  return first === undefined ? undefined : endless(first, open, rateKhz, supervise);
}

/** The next file is opened while one plays; until it is there, silence. */
function endless(
  first: AudioSource,
  open: () => Promise<AudioSource | undefined>,
  rateKhz: number,
  supervise: (work: Promise<unknown>) => void,
): AudioSource {
  let current = first;
  let next: AudioSource | undefined;
  const prepare = () => {
    next = undefined;
    supervise(open().then((source) => (next = source)));
  };
  prepare();
  return {
    fileType: 'local_stream',
    rateKhz,
    totalSamples: Number.POSITIVE_INFINITY,
    skip: (samples) => first.skip(samples),
    read(into) {
      const count = current.read(into);
      into.fill(0, count);
      if (count < into.length && next !== undefined) {
        current = next;
        prepare();
      }
      return into.length;
    },
  };
}
