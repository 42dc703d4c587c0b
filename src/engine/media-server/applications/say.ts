// `say`: numbers, dates, times and spellings put together from sound files, by FreeSWITCH's names for them or by those of our prompts.
import { join } from 'node:path';
import { splitWords } from '../../../protocol/event-socket/arguments.ts';
import type { Execution, RunningApplication } from '../channel/application.ts';
import type { Channel } from '../channel/channel.ts';
import { Player } from '../channel/player.ts';
import { soundsFolderOf } from '../channel/sound-settings.ts';
import type { SayMethod } from '../say/english.ts';
import { sayEnglish } from '../say/english.ts';
import { ourName } from '../say/sound-names.ts';
import { isPlayable } from '../sources/open-source.ts';

const METHODS: Readonly<Record<string, SayMethod>> = {
  pronounced: 'pronounced',
  iterated: 'iterated',
  counted: 'counted',
  pronounced_year: 'pronounced_year',
  'n/a': 'pronounced',
};

/** `<language> <type> <method> [gender] <text>`. */
export function say({ channel, argument, complete }: Execution): RunningApplication | undefined {
  const words = splitWords(argument);
  const text = words.length > 4 ? words[4] : words[3];
  const sounds = text === undefined ? [] : soundsOf(channel, words[1] ?? '', words[2] ?? '', text);
  if (sounds.length === 0) {
    complete('-ERR nothing to say');
    return undefined;
  }
  const player = new Player(channel, `file_string://${sounds.join('!')}`, () => complete(), { pauseMs: 0 });
  player.start();
  return {
    tick: (_heard, out) => player.tick(out),
    onBreak: () => player.break(),
    onHangup: () => player.abort(),
  };
}

function soundsOf(channel: Channel, type: string, method: string, text: string): string[] {
  const { host, variables } = channel;
  const soundsFolder = soundsFolderOf(channel);
  const timeZone = variables.get('timezone');
  const saying = {
    type: type.toUpperCase(),
    method: METHODS[method.toLowerCase()] ?? 'pronounced',
    text,
    nowMs: host.clock.now(),
    ...(timeZone === undefined ? {} : { timeZone }),
  };
  return sayEnglish(saying).map((name) => (name.includes('://') ? name : fileOf(name, soundsFolder, host.wordsFolder)));
}

/** By FreeSWITCH's name or by ours, among the sounds, else among the spare words. */
function fileOf(name: string, soundsFolder: string, wordsFolder: string | undefined): string {
  const names = [name, ourName(name) ?? name].map((each) => `${each}.wav`);
  const findIn = (folder: string) => names.find((each) => isPlayable(each, folder));
  const spare = wordsFolder === undefined ? undefined : findIn(wordsFolder);
  const found = findIn(soundsFolder) ?? (wordsFolder && spare && join(wordsFolder, spare));
  return found ?? names[1] ?? '';
}
