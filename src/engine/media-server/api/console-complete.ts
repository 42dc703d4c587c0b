// What a console shows on TAB: `console_complete <line>`, as fs_cli of FreeSWITCH asks and reads it.
import type { ApiCommand, ApiContext } from './command.ts';

const PER_ROW = 4;
const WIDTH = 20;
const CURSOR = /c=(\d+);(.*)$/s;

/** `c=<cursor>;<line>` or a line alone. Answers the words that fit, four a row, and what takes the place of the last one. */
export function consoleComplete(args: string, commands: ReadonlyMap<string, ApiCommand>, context: ApiContext): string {
  const [, cursor, line = args] = CURSOR.exec(args) ?? [];
  const typed = line.slice(0, cursor === undefined ? undefined : Number(cursor)).trimStart();
  const words = typed.split(/\s+/);
  const last = words.pop() ?? '';
  const candidates = words.length === 0 ? commands.keys() : nextWords(words, commands, context);
  const fitting = [...candidates].filter((word) => word.startsWith(last)).sort();
  if (fitting.length === 0) return '\n\n\n\n';
  const cells = fitting.map((word, i) => `[${word.padStart(WIDTH)}]\t${(i + 1) % PER_ROW === 0 ? '\n' : ''}`);
  const only = fitting.length === 1 ? ' ' : '';
  const start = commonStart(fitting);
  return `\n\n${cells.join('')}\n\n${start === '' ? '' : `write=${last.length}:${start}${only}`}`;
}

/** Calls where a command is about one, else the words that its usage offers at that place. */
function nextWords(
  [name = '', ...before]: readonly string[],
  commands: ReadonlyMap<string, ApiCommand>,
  { channels }: ApiContext,
): readonly string[] {
  const place = commands.get(name)?.usage.split(' ')[before.length] ?? '';
  if (place.startsWith('<uuid>')) return channels.list.map(({ uuid }) => uuid);
  const words = place.replace(/^\[|\]$/g, '').split('|');
  return words.every((word) => /^[a-z_]+$/.test(word)) ? words : [];
}

function commonStart(words: readonly string[]): string {
  let [start = ''] = words;
  for (const word of words) while (!word.startsWith(start)) start = start.slice(0, -1);
  return start;
}
