// Text as audio: `tts://engine|voice|text`, `speak:engine|voice|text` and `say:text` in a playback, by the server's text-to-speech program.
import { bytesSource } from './file.ts';
import type { AudioSource } from './source.ts';

export interface SpokenText {
  /** The program: `flite`, or another that the server knows. */
  readonly engine: string;
  readonly voice: string;
  readonly text: string;
}

/** WAV bytes; undefined when it cannot be spoken. Never rejects. */
export type Speech = (spoken: SpokenText) => Promise<Uint8Array | undefined>;

/** What a channel's variables say where a text names none. */
export interface SpeakerDefaults {
  readonly engine?: string | undefined;
  readonly voice?: string | undefined;
}

const DEFAULT_ENGINE = 'flite';
const DEFAULT_VOICE = 'slt';
const MAX_TEXT = 2_000;
/** Texts that are spoken at a time, for the whole server; more than these are refused. */
const MAX_AT_ONCE = 4;

let atOnce = 0;

/** Undefined: it is no text to be spoken. */
export function spokenText(part: string, defaults: SpeakerDefaults): SpokenText | undefined {
  const { engine = DEFAULT_ENGINE, voice = DEFAULT_VOICE } = defaults;
  const said = /^say:(?!\/\/)(.+)$/s.exec(part)?.[1];
  if (said !== undefined) return { engine, voice, text: said };
  const named = /^(?:tts:\/\/|speak:)(.+)$/s.exec(part)?.[1];
  return named === undefined ? undefined : speakerOf(named, { engine, voice });
}

/** `engine|voice|text`, or fewer of them. */
export function speakerOf(
  argument: string,
  { engine = DEFAULT_ENGINE, voice = DEFAULT_VOICE }: SpeakerDefaults,
): SpokenText {
  const parts = argument.split('|');
  if (parts.length === 1) return { engine, voice, text: argument };
  if (parts.length === 2) return { engine: parts[0] || engine, voice, text: parts[1] ?? '' };
  return { engine: parts[0] || engine, voice: parts[1] || voice, text: parts.slice(2).join('|') };
}

export async function speechSource(
  spoken: SpokenText,
  speech: Speech | undefined,
  rateKhz: number,
): Promise<AudioSource | undefined> {
  if (speech === undefined || spoken.text.length > MAX_TEXT || atOnce >= MAX_AT_ONCE) return undefined;
  atOnce++;
  try {
    const wave = await speech(spoken);
    const source = wave === undefined ? undefined : bytesSource('speech.wav', Buffer.from(wave), rateKhz);
    return source === undefined ? undefined : { ...source, fileType: 'tts_stream' };
  } finally {
    atOnce--;
  }
}
