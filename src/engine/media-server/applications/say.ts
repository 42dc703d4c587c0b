// `say`: numbers and digits put together from prompt files, by the names that FreeSWITCH's English sounds have (`digits/7.wav`).
import { splitWords } from '../../../protocol/event-socket/arguments.ts';
import type { Execution, RunningApplication } from '../application.ts';
import { Player } from '../player.ts';

const MAX_CHARACTERS = 40;
const SCALES: ReadonlyArray<readonly [value: number, name: string]> = [
  [1_000_000, 'million'],
  [1000, 'thousand'],
  [100, 'hundred'],
];

/** `<language> <type> <method> [gender] <text>`. */
export function say({ channel, argument, complete }: Execution): RunningApplication | undefined {
  const words = splitWords(argument);
  const [type = '', method = ''] = [words[1]?.toUpperCase(), words[2]?.toLowerCase()];
  const text = words.length > 4 ? words[4] : words[3];
  const sounds = text === undefined ? [] : soundsOf(type, method, text);
  if (sounds.length === 0) {
    complete('-ERR nothing to say');
    return undefined;
  }
  const argumentOfPlayer = `file_string://${sounds.map((sound) => `${sound}.wav`).join('!')}`;
  const player = new Player(channel, argumentOfPlayer, () => complete(), { pauseMs: 0 });
  player.start();
  return {
    tick: (_heard, out) => player.tick(out),
    onBreak: () => player.break(),
    onHangup: () => player.abort(),
  };
}

/** The prompts for a text, without their ending; none when it cannot be said. */
export function soundsOf(type: string, method: string, text: string): string[] {
  const plain = text.replace(/[\s,()-]/g, '').slice(0, MAX_CHARACTERS);
  const isNumber = /^\d{1,9}(?:\.\d+)?$/.test(plain);
  if ((type === 'NUMBER' || type === 'ITEMS' || type === 'CURRENCY') && method !== 'iterated' && isNumber) {
    return numberSounds(plain);
  }
  if (type === 'NUMBER' || type === 'TELEPHONE_NUMBER' || type === 'ITEMS' || type === 'ACCOUNT_NUMBER') {
    return spelt(plain, /^[\d.*#+]$/);
  }
  return type === 'NAME_SPELLED' || type === 'NAME_PHONETIC' ? spelt(plain, /^[a-z\d.*#+]$/i) : [];
}

const SIGNS: Readonly<Record<string, string>> = { '.': 'point', '*': 'star', '#': 'pound', '+': 'plus' };

function spelt(text: string, allowed: RegExp): string[] {
  return [...text]
    .filter((character) => allowed.test(character))
    .map((character) => {
      if (/[a-z]/i.test(character)) return `ascii/${character.toLowerCase().charCodeAt(0)}`;
      return `digits/${SIGNS[character] ?? character}`;
    });
}

function numberSounds(text: string): string[] {
  const [whole = '0', fraction] = text.split('.');
  const sounds = Number(whole) === 0 ? ['digits/0'] : counted(Number(whole));
  return fraction === undefined ? sounds : [...sounds, 'digits/point', ...spelt(fraction, /\d/)];
}

/** 1,234 is one thousand two hundred thirty four. */
function counted(value: number): string[] {
  for (const [scale, name] of SCALES) {
    if (value >= scale) {
      return [...counted(Math.floor(value / scale)), `digits/${name}`, ...counted(value % scale)];
    }
  }
  if (value === 0) return [];
  if (value <= 20 || value % 10 === 0) return [`digits/${value}`];
  return [`digits/${value - (value % 10)}`, `digits/${value % 10}`];
}
