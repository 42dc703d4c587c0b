// `playback`, `endless_playback`, `speak`: sound to the party.
import type { Execution, RunningApplication } from '../application.ts';
import type { Channel } from '../channel.ts';
import { Player } from '../player.ts';

export function playback({ channel, argument, complete }: Execution): RunningApplication {
  return playing(channel, new Player(channel, argument, complete));
}

export function endlessPlayback({ channel, argument, complete }: Execution): RunningApplication {
  return playing(channel, new Player(channel, argument, () => complete(), { isEndless: true }));
}

/** There is no speech synthesis in here: prompts are files. */
export function speak({ complete }: Execution): undefined {
  complete('-ERR no speech engine');
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
