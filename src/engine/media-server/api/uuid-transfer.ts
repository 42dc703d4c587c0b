// What moves a call or plays to it: `uuid_bridge`, `uuid_transfer`, `uuid_dual_transfer`, `uuid_broadcast`.
import { splitWords } from '../../../protocol/event-socket/arguments.ts';
import { Bridge } from '../channel/bridge.ts';
import type { Channel } from '../channel/channel.ts';
import { parseInline } from '../channel/dialplan.ts';
import { broadcastTo, transferChannel } from '../channel/transfer.ts';
import { type ApiContext, usageOf } from './command.ts';

export function bridge(line: string, { channels }: ApiContext): string {
  const [a, b] = splitWords(line);
  if (a === undefined || b === undefined) return usageOf('<uuid> <other_uuid>');
  const [first, second] = [channels.find(a), channels.find(b)];
  if (first === undefined || second === undefined || first === second) return '-ERR Invalid uuid\n';
  Bridge.join(first, second);
  return `+OK ${second.uuid}\n`;
}

export function transfer(channel: Channel, args: readonly string[]): string {
  return transferChannel(channel, args) ? '+OK\n' : '-ERR Cannot transfer there\n';
}

/** `<dest>/inline` each. */
export function transferBoth(channel: Channel, args: readonly string[]): string {
  const plans = args.slice(0, 2).map((arg) => parseInline(/^(.*)\/inline$/s.exec(arg)?.[1] ?? ''));
  const [own = [], others = []] = plans;
  if (own.length === 0 || others.length === 0) return '-ERR Cannot transfer there\n';
  const other = channel.bridge?.otherOf(channel);
  channel.bridge?.transfer(channel, true, [{ application: 'park', data: '' }]);
  channel.transfer(own);
  other?.transfer(others);
  return '+OK\n';
}

export function broadcast(channel: Channel, [path = '', legs = 'aleg']: readonly string[]): string {
  broadcastTo(channel, path, legs);
  return '+OK Message sent\n';
}
