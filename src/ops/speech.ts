// Speaks a menu's own text with a text-to-speech program of the system, when it is edited; the text never reaches a command line or a disk.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { codeOf, WardlineError } from '../kernel/errors.ts';
import { decodeWave, encodeWave, finishPrompt } from './wave.ts';

export interface SpeechOptions {
  /** `flite`, `text2wave` (festival), `espeak-ng`, or a path to one of them; the first of them that is installed when absent. */
  readonly program?: string;
  /** A voice of flite's own, `slt` when absent; or of espeak-ng's, `en` when absent. */
  readonly voice?: string;
  /** A folder on RAM for the text and the sound while they pass through; `/dev/shm` when absent. */
  readonly ramFolder?: string;
}

const PROGRAMS = ['flite', 'text2wave', 'espeak-ng'] as const;
const LONGEST_TEXT = 2_000;
const LONGEST_SECONDS = 300;
const MOST_WAVE_BYTES = 64 * 1024 * 1024;
const PATIENCE_MS = 60_000;
const EDGE_MS = 100;
const INSTALL = 'install one with "apt-get install flite" (or festival, or espeak-ng), or record the prompt as a file.';

/** `text` as 16 kHz mono PCM16 WAV, at the level of the standard prompts. */
export async function speak(text: string, options: SpeechOptions = {}): Promise<Uint8Array> {
  const spoken = speakable(text);
  const folder = await mkdtemp(join(ramFolder(options), 'wardline-speech-'));
  try {
    const textFile = join(folder, 'text');
    const waveFile = join(folder, 'wave');
    await writeFile(textFile, spoken, { mode: 0o600 });
    const programs = options.program === undefined ? PROGRAMS : [options.program];
    await runFirst(programs, (program) => argumentsFor(program, textFile, waveFile, options.voice), folder);
    return await finished(waveFile);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Programs by FreeSWITCH's names for text-to-speech engines. */
const ENGINES: Readonly<Record<string, (typeof PROGRAMS)[number]>> = {
  flite: 'flite',
  festival: 'text2wave',
  espeak: 'espeak-ng',
  'espeak-ng': 'espeak-ng',
};
/** flite's voices: a name that it lacks, or a path, it would try to load. */
const VOICES: readonly string[] = ['slt', 'kal', 'kal16', 'awb', 'rms'];
/** espeak-ng's are languages: `en`, `en-us`, `en+f3`. */
const ESPEAK_VOICE = /^[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,3}(?:\+[a-z][a-z0-9]{1,7})?$/;

/** What the media server's `speak` asks for; undefined when there is no such engine or the text cannot be said. */
export async function speakFor(asked: {
  readonly engine: string;
  readonly voice: string;
  readonly text: string;
}): Promise<Uint8Array | undefined> {
  const program = ENGINES[asked.engine];
  const isKnown = program === 'espeak-ng' ? ESPEAK_VOICE.test(asked.voice) : VOICES.includes(asked.voice);
  const voice = isKnown ? { voice: asked.voice } : {};
  return program === undefined ? undefined : await speak(asked.text, { program, ...voice }).catch(() => undefined);
}

/** The name under which the spoken form of `text` is kept: the same text, the same key. */
export function promptKey(text: string): string {
  return createHash('sha256')
    .update('wardline prompt 1\0')
    .update(text.trim().normalize('NFC'))
    .digest('hex')
    .slice(0, 32);
}

function speakable(text: string): string {
  const spoken = text
    .normalize('NFC')
    .replaceAll(/\p{C}+|\s+/gu, ' ')
    .trim();
  if (!/[\p{L}\p{N}]/u.test(spoken)) {
    throw new WardlineError('speech-empty', 'There is nothing to say in this prompt; write a sentence.');
  }
  if (spoken.length > LONGEST_TEXT) {
    throw new WardlineError('speech-too-long', `A spoken prompt has at most ${LONGEST_TEXT} characters; shorten it.`);
  }
  return `${spoken}\n`;
}

function ramFolder(options: SpeechOptions): string {
  const folder = options.ramFolder ?? '/dev/shm';
  if (existsSync(folder)) return folder;
  throw new WardlineError(
    'speech-no-ram',
    `${folder} does not exist, and prompts are spoken on RAM alone; mount a tmpfs there.`,
  );
}

async function runFirst(
  programs: readonly string[],
  argumentsOf: (program: string) => string[],
  folder: string,
): Promise<void> {
  for (const program of programs) {
    try {
      return await run(program, argumentsOf(program), folder);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
  throw new WardlineError(
    'speech-no-program',
    `There is no text-to-speech program (${programs.join(', ')}) on this machine; ${INSTALL}`,
  );
}

/** All read and write files by name; not each opens the sockets that Node gives a child as its standard input. */
function argumentsFor(program: string, textFile: string, waveFile: string, voice?: string): string[] {
  const name = basename(program);
  if (name === 'text2wave') return [textFile, '-o', waveFile];
  if (name === 'espeak-ng') return ['-v', voice ?? 'en', '-f', textFile, '-w', waveFile];
  return ['-voice', voice ?? 'slt', '-f', textFile, '-o', waveFile];
}

/** Resolves when the program ended well; its own words are not repeated, for they may hold the text. */
function run(program: string, args: readonly string[], folder: string): Promise<void> {
  const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: folder, TMPDIR: folder, LANG: 'C.UTF-8' };
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'ignore', env });
    // Not spawn's own timeout, which goes on when the program was not even found.
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    const end = (error?: Error) => {
      clearTimeout(timer);
      if (error === undefined) resolve();
      else reject(error);
    };
    child.once('error', end);
    child.once('close', (code, signal) => end(code === 0 ? undefined : failure(program, code, signal)));
  });
}

function failure(program: string, code: number | null, signal: NodeJS.Signals | null): WardlineError {
  const how = signal === null ? `with code ${code}` : `by ${signal}`;
  const sentence = `${basename(program)} ended ${how} instead of speaking; try a shorter, plainer text.`;
  return new WardlineError('speech-failed', sentence);
}

async function finished(waveFile: string): Promise<Uint8Array> {
  const { size } = await stat(waveFile).catch(() => ({ size: 0 }));
  const sound = size > 0 && size <= MOST_WAVE_BYTES ? decodeWave(await readFile(waveFile)) : undefined;
  const seconds = sound === undefined ? 0 : sound.samples.length / sound.rate;
  if (sound === undefined || seconds === 0) {
    throw new WardlineError(
      'speech-failed',
      'The text-to-speech program gave no sound; write the prompt in plain words.',
    );
  }
  if (seconds > LONGEST_SECONDS) {
    throw new WardlineError(
      'speech-too-long',
      `This prompt takes longer than ${LONGEST_SECONDS / 60} minutes to say; shorten it.`,
    );
  }
  return encodeWave(finishPrompt(sound, EDGE_MS));
}
