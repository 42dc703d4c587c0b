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
  let played = '';
  const open = async (): Promise<AudioSource | undefined> => {
    const names = await soundsIn(folder);
    const first = names.findIndex((name) => name > played);
    for (const name of [...names.slice(Math.max(0, first)), ...names.slice(0, Math.max(0, first))]) {
      const source = await fileSource(join(folder, name), rateKhz);
      if (source === undefined) continue;
      played = name;
      return source;
    }
    return undefined;
  };
  const first = await open();
  return first === undefined ? undefined : endless(first, open, rateKhz, supervise);
}

/** Looked up for each file: what was put into the folder meanwhile is played, what was taken out is not. */
async function soundsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((file) => PLAYABLE.test(file)).toSorted();
  return files.slice(0, MAX_FILES);
}

/** Reads between two looks for something to play, when there was nothing: a second. */
const RETRY_READS = 50;

/** The next file is opened while one plays; until it is there, silence. */
function endless(
  first: AudioSource,
  open: () => Promise<AudioSource | undefined>,
  rateKhz: number,
  supervise: (work: Promise<unknown>) => void,
): AudioSource {
  let current = first;
  let next: AudioSource | undefined;
  let readsLeft = 0;
  const prepare = () => {
    next = undefined;
    readsLeft = RETRY_READS;
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
      if (count === into.length) return count;
      if (next !== undefined) {
        current = next;
        prepare();
      } else if (--readsLeft <= 0) prepare();
      return into.length;
    },
  };
}
