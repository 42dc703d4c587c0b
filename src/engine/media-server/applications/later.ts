// `sched_hangup`, `sched_broadcast`, `sched_transfer`: what a channel does after a while, unless it has ended by then.
import { splitWords } from '../../../protocol/event-socket/arguments.ts';
import type { Execution, StartApplication } from '../channel/application.ts';
import type { Channel } from '../channel/channel.ts';
import { broadcastTo, transferChannel } from '../channel/transfer.ts';

const LATEST_SECONDS = 7 * 24 * 3600;

/** `+60 …`: in a minute; without a sign: a time of day in UTC seconds. */
function later(act: (channel: Channel, args: readonly string[]) => void): StartApplication {
  return ({ channel, argument, complete }: Execution) => {
    const [when = '', ...args] = splitWords(argument);
    if (!/^\+?\d{1,12}$/.test(when)) {
      complete('-ERR no time');
      return undefined;
    }
    const { clock } = channel.host;
    const seconds = when.startsWith('+') ? Number(when) : Number(when) - clock.now() / 1000;
    const isTaken = channel.tasks.after(Math.max(0, Math.min(LATEST_SECONDS, seconds)) * 1000, () =>
      act(channel, args),
    );
    if (!isTaken) complete('-ERR too many tasks');
    return undefined;
  };
}

export const schedHangup = later((channel, [cause = 'ALLOTTED_TIMEOUT']) => channel.hangup(cause));
export const schedBroadcast = later((channel, [path = '', legs = 'aleg']) => broadcastTo(channel, path, legs));
export const schedTransfer = later((channel, args) => void transferChannel(channel, args));
