// Moving a channel, or both of a bridge, to an inline extension (`uuid_transfer`, `transfer`, `sched_transfer`), and playing to them (`uuid_broadcast`).

import { newUuid } from '../host/host.ts';
import type { Channel } from './channel.ts';
import { parseInline } from './dialplan.ts';

/** `[-both|-bleg] app:args,… inline`; false for anything else: this server has no other dialplan. */
export function transferChannel(channel: Channel, args: readonly string[]): boolean {
  const flag = args[0]?.startsWith('-') ? args[0] : '';
  const [destination, dialplan] = flag === '' ? args : args.slice(1);
  const steps = dialplan === 'inline' ? parseInline(destination ?? '') : [];
  if (steps.length === 0) return false;
  const { bridge: joined } = channel;
  if (joined === undefined) channel.transfer(steps);
  else joined.transfer(flag === '-bleg' ? joined.otherOf(channel) : channel, flag === '-both', steps);
  return true;
}

/** To the channel (`aleg`), to the other party of its bridge (`bleg`) or both; whoever is bridged hears it instead of the other. */
export function broadcastTo(channel: Channel, path: string, legs: string): void {
  const other = channel.bridge?.otherOf(channel);
  for (const to of [legs === 'bleg' ? undefined : channel, legs === 'aleg' ? undefined : other]) {
    to?.execute('playback', path, newUuid(channel.host.random));
  }
}
