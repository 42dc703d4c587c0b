// Applications that set something or only wait: variables, mute, sleep, park, hangup, digits to the party.
import { expand, splitAssignment, splitAssignments } from '../../../protocol/event-socket/arguments.ts';
import type { Execution, RunningApplication } from '../application.ts';
import { globalVariable } from '../global-variables.ts';

const TICK_MS = 20;
const DEFAULT_DIGIT_MS = 250;

/** Arguments of `set` are expanded twice on FreeSWITCH. */
export function set({ channel, argument }: Execution): undefined {
  const { name, value } = splitAssignment(argument);
  channel.variables.set(
    name,
    expand(value, (other) => channel.variables.get(other) ?? globalVariable(other, channel.host)),
  );
}

export function multiset({ channel, argument }: Execution): undefined {
  for (const { name, value } of splitAssignments(argument)) channel.variables.set(name, value);
}

export function unset({ channel, argument }: Execution): undefined {
  channel.variables.set(argument.trim(), '');
}

/** The mrf dialplan has answered already. */
export function answer(): undefined {}

export function hangup({ channel, argument }: Execution): undefined {
  channel.hangup(argument.trim() === '' ? 'NORMAL_CLEARING' : argument.trim());
}

/** `read true`: nothing is heard from the party; `write` is accepted and does nothing. */
export function setMute({ channel, argument }: Execution): undefined {
  const [direction = '', value = ''] = argument.trim().split(/\s+/);
  if (direction === 'read') channel.audio.isReadMuted = /^(true|on|yes|1)$/i.test(value);
}

export function sendDtmf({ channel, argument }: Execution): undefined {
  const [digits = '', duration] = argument.trim().split('@');
  for (const digit of digits) channel.leg.sendDigit(digit, Number(duration) || DEFAULT_DIGIT_MS);
}

/** From here on digits are looked for in the audio too. */
export function startDtmf({ channel }: Execution): undefined {
  channel.digits.detectTones(true);
}

export function stopDtmf({ channel }: Execution): undefined {
  channel.digits.detectTones(false);
}

export function sleep({ argument, complete }: Execution): RunningApplication {
  let leftMs = Number.parseInt(argument, 10) || 0;
  return {
    tick() {
      leftMs -= TICK_MS;
      if (leftMs <= 0) complete();
    },
    onBreak: () => complete(),
  };
}

/** Waits until it is broken, moved or hung up. */
export function park({ complete }: Execution): RunningApplication {
  return { onBreak: () => complete() };
}
