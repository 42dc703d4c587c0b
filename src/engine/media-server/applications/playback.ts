// `playback`, `endless_playback`, `speak`: sound to the party.
import type { Execution, RunningApplication } from '../channel/application.ts';
import type { Channel } from '../channel/channel.ts';
import type { PlayResult } from '../channel/player.ts';
import { Player } from '../channel/player.ts';
import { soundsHostOf } from '../channel/sound-settings.ts';
import { speakerOf } from '../sources/speech.ts';

export function playback({ channel, argument, complete }: Execution): RunningApplication | undefined {
  if (argument.trim() === '') {
    complete('PLAYBACK ERROR');
    return undefined;
  }
  return playing(channel, new Player(channel, argument, complete));
}

export function endlessPlayback({ channel, argument, complete }: Execution): RunningApplication {
  return playing(channel, new Player(channel, argument, complete, { isEndless: true }));
}

/** `<tones>[|<loops>]`: a tone stream without its scheme; tells nothing of how it ended. */
export function gentones({ channel, argument, complete }: Execution): RunningApplication {
  const [tones = '', loops] = argument.split('|');
  const times = /^-?\d{1,6}$/.test(loops ?? '') ? `;loops=${loops}` : '';
  return playing(channel, new Player(channel, `tone_stream://${tones}${times}`, () => complete()));
}

/** `[engine|[voice|]]text`; what is not told is what `tts_engine` and `tts_voice` say. */
export function speak({ channel, argument, complete }: Execution): RunningApplication | undefined {
  if (channel.host.speech === undefined) {
    complete('-ERR no speech engine');
    return undefined;
  }
  const { speaker = {} } = soundsHostOf(channel);
  const { engine, voice, text } = speakerOf(argument, speaker);
  const done = (result: PlayResult) => complete(result === 'FILE NOT FOUND' ? '-ERR speech failed' : undefined);
  return playing(channel, new Player(channel, `tts://${engine}|${voice}|${text}`, done, { isSpeech: true }));
}

function playing(channel: Channel, player: Player): RunningApplication {
  player.start();
  return {
    tick: (_heard, out) => player.tick(out),
    onDigit(digit) {
      if (!terminatorsOf(channel).includes(digit)) return;
      channel.variables.set('playback_terminator_used', digit);
      player.break();
    },
    onBreak: () => player.break(),
    onHangup: () => player.abort(),
  };
}

/** The digits that end a playback or a recording; the mrf dialplan sets none. */
export function terminatorsOf(channel: Channel): string {
  const value = channel.variables.get('playback_terminators') ?? '*';
  if (value === 'none') return '';
  return value === 'any' ? '1234567890*#ABCD' : value;
}
