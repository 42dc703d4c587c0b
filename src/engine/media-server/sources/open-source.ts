// From a playback argument to audio: schemes, texts to speak, `{…}` and `@@offset`, files by absolute path or under the sounds folder.
import { statSync } from 'node:fs';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { fileSource } from './file.ts';
import { localStream, streamFolder } from './local-stream.ts';
import type { AudioSource } from './source.ts';
import type { SpeakerDefaults, Speech } from './speech.ts';
import { speechSource, spokenText } from './speech.ts';
import { silenceSource, toneSource } from './tone-stream.ts';

/** Files that one playback may join. */
const MAX_PARTS = 64;

/** What opening needs of the server. */
export interface SoundsHost {
  readonly soundsFolder: string;
  /** Where music on hold is; the sounds folder when absent. */
  readonly streamsFolder?: string;
  readonly supervise: (work: Promise<unknown>) => void;
  readonly speech?: Speech | undefined;
  readonly speaker?: SpeakerDefaults;
}

export interface Opened {
  /** As events name it. */
  readonly path: string;
  readonly source: AudioSource;
  /** Samples before the place where it begins. */
  readonly skipped?: number;
}

/** The parts of a playback argument: `file_string://a!b`, or by the channel's `playback_delimiter`. */
export function splitParts(argument: string, delimiter: string | undefined): string[] {
  const text = argument.trim();
  if (text.startsWith('file_string://')) return text.slice('file_string://'.length).split('!').slice(0, MAX_PARTS);
  const parts = delimiter === undefined || delimiter === '' ? [text] : text.split(delimiter);
  return parts.filter((part) => part !== '').slice(0, MAX_PARTS);
}

/** One part's audio; undefined when there is none. Streams answer at once, files when they are read. */
export function openSource(
  part: string,
  { soundsFolder, streamsFolder = soundsFolder, supervise, speech, speaker = {} }: SoundsHost,
  rateKhz = 8,
): Opened | undefined | Promise<Opened | undefined> {
  const spoken = spokenText(part, speaker);
  // A text may be anything: events name its kind alone.
  if (spoken !== undefined) return openLater('tts', speechSource(spoken, speech, rateKhz));
  const [, name = '', offset] = /^(?:\{[^}]*\})?(.*?)(?:@@(\d+))?$/s.exec(part) ?? [];
  const samples = Math.min(Number(offset ?? 0), Number.MAX_SAFE_INTEGER);
  const scheme = /^([a-z_]+):\/\//.exec(name)?.[1];
  if (scheme === undefined) return openFile(name, soundsFolder, samples, rateKhz);
  const text = name.slice(scheme.length + 3);
  if (scheme === 'local_stream') return openLater(name, localStream(text, streamsFolder, rateKhz, supervise));
  const source = STREAMS[scheme]?.(text, rateKhz);
  if (source === undefined) return undefined;
  source.skip(samples);
  return { path: name, source, skipped: samples };
}

async function openLater(path: string, opening: Promise<AudioSource | undefined>): Promise<Opened | undefined> {
  const source = await opening;
  return source === undefined ? undefined : { path, source };
}

const STREAMS: Readonly<Record<string, (text: string, rateKhz: number) => AudioSource | undefined>> = {
  tone_stream: toneSource,
  silence_stream: silenceSource,
};

async function openFile(
  name: string,
  soundsFolder: string,
  skip: number,
  rateKhz: number,
): Promise<Opened | undefined> {
  for (const path of candidates(name, soundsFolder, rateKhz)) {
    const source = await fileSource(path, rateKhz);
    if (source === undefined) continue;
    source.skip(skip);
    return { path, source, skipped: skip };
  }
  return undefined;
}

/** Whether there is something by that name; what is in it is not looked at. */
export function isPlayable(part: string, soundsFolder: string): boolean {
  if (spokenText(part, {}) !== undefined) return true;
  const name = part.replace(/^\{[^}]*\}/, '').replace(/@@\d+$/, '');
  const scheme = /^([a-z_]+):\/\//.exec(name)?.[1];
  if (scheme === 'local_stream') {
    const folder = streamFolder(name.slice('local_stream://'.length), soundsFolder);
    return folder !== undefined && statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
  }
  if (scheme !== undefined) return STREAMS[scheme]?.(name.slice(scheme.length + 3), 8) !== undefined;
  return candidates(name, soundsFolder, 8).some((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

/** mod_sndfile looks into the rate's folder first; a name without ending is a WAV; a relative one never leaves the sounds folder. */
function candidates(name: string, soundsFolder: string, rateKhz: number): string[] {
  if (isAbsolute(name)) return extname(name) === '' ? [name, `${name}.wav`] : [name];
  const path = resolve(soundsFolder, extname(name) !== '' ? name : `${name}.wav`);
  if (relative(soundsFolder, path).startsWith('..')) return [];
  const inRate = (rate: string) => join(dirname(path), rate, basename(path));
  return rateKhz === 16 ? [inRate('16000'), path, inRate('8000')] : [inRate('8000'), path, inRate('16000')];
}
