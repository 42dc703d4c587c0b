// Applications that set something or only wait: variables, mute, sleep, park, hangup, digits to the party.
import { expand, splitAssignment, splitAssignments, splitWords } from '../../../protocol/event-socket/arguments.ts';
import { DEFAULT_DIGIT_MS, EVENT_TICKS_A_MS } from '../../../protocol/rtp/telephone-event.ts';
import { TICK_MS } from '../../../protocol/rtp/tick.ts';
import type { Execution, RunningApplication } from '../channel/application.ts';
import { setGlobalVariable } from '../channel/global-variables.ts';
import { transferChannel } from '../channel/transfer.ts';
import { isTrue } from '../channel/variables.ts';
import { levelOf } from '../host/consoles.ts';

/** Arguments of `set` are expanded twice on FreeSWITCH. */
export function set({ channel, argument }: Execution): undefined {
  const { name, value } = splitAssignment(argument);
  channel.variables.set(
    name,
    expand(value, (other) => channel.valueOf(other)),
  );
}

export function multiset({ channel, argument }: Execution): undefined {
  for (const { name, value } of splitAssignments(argument)) channel.variables.set(name, value);
}

export function unset({ channel, argument }: Execution): undefined {
  channel.variables.set(argument.trim(), '');
}

/** Nothing is left to do: the call is answered already, no digit waits, variables are put in before. */
export function nothing(): undefined {}

export function hangup({ channel, argument }: Execution): undefined {
  channel.hangup(argument.trim() === '' ? 'NORMAL_CLEARING' : argument.trim());
}

/** `read true`: nothing is heard from the party; `write` is accepted and does nothing. */
export function setMute({ channel, argument }: Execution): undefined {
  const [direction = '', value = ''] = argument.trim().split(/\s+/);
  if (direction === 'read') channel.audio.isReadMuted = isTrue(value);
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

/** A channel that waits for commands is parked already. */
export function park(): undefined {}

/** `<destination> [<dialplan>]`: an inline extension, which begins when this has ended. */
export function transfer({ channel, argument, complete }: Execution): undefined {
  const args = splitWords(argument);
  if (args.at(-1) !== 'inline') {
    complete('-ERR Cannot transfer there');
    return;
  }
  complete();
  transferChannel(channel, args);
}

/** Ends what plays or records. */
export function breakOff({ channel, complete }: Execution): undefined {
  complete();
  channel.applications.break(false);
}

/** Digits as if the party had pressed them. */
export function queueDtmf({ channel, argument, complete }: Execution): undefined {
  const [digits = '', duration] = argument.trim().split('@');
  complete();
  const ticks = (Number(duration) || DEFAULT_DIGIT_MS) * EVENT_TICKS_A_MS;
  for (const digit of digits) if (/[0-9*#A-D]/i.test(digit)) channel.digits.receive(digit.toUpperCase(), ticks, 'APP');
}

/** `name=value`, for every call. */
export function setGlobal({ channel, argument }: Execution): undefined {
  const { name, value } = splitAssignment(argument);
  if (name !== '') setGlobalVariable(name, value, channel.host);
}

/** `[nolocal:]name=value`: what a call made by `bridge` is given as well is told in `export_vars`. */
export function exportVariable({ channel, argument }: Execution): undefined {
  const { name, value } = splitAssignment(argument);
  const own = name.replace(/^nolocal:/, '');
  if (own === '') return;
  const exported = new Set((channel.variables.get('export_vars') ?? '').split(',').filter((each) => each !== ''));
  channel.variables.set('export_vars', [...exported.add(name)].join(','));
  channel.variables.set(
    name,
    expand(value, (other) => channel.valueOf(other)),
  );
}

/** `<level> <text>`: to those who watch the log. */
export function log({ channel, argument }: Execution): undefined {
  const [, level = 'DEBUG', text = argument] = /^\s*(\S+)\s+(.*)$/s.exec(argument) ?? [];
  channel.host.consoles.tell(levelOf(level), text.replaceAll(/[\r\n]+/g, ' '), channel.uuid);
}
