// The commands of `api` and `bgapi`, by FreeSWITCH's names and with its replies (contract §1.3, §3, §7.1).

import { splitWords, takeBraces } from '../../protocol/event-socket/arguments.ts';
import { encodeHeaderBlock } from '../../protocol/event-socket/frame.ts';
import { Bridge } from './bridge.ts';
import type { Channel } from './channel.ts';
import { runConferenceApi } from './conference/api.ts';
import type { Conferences } from './conference/conferences.ts';
import { mediaStatistics } from './media-statistics.ts';
import type { Registry } from './registry.ts';
import { showChannels, sofiaStatus, statusText, VERSION } from './status-text.ts';

export interface ApiContext {
  readonly registry: Registry;
  readonly conferences: Conferences;
  /** Where INVITEs are taken, `host:port`. */
  readonly sipAddress: string;
}

type ApiCommand = (args: string, context: ApiContext) => string;

const NO_CHANNEL = '-ERR No such channel!\n';
const DEFAULT_DIGIT_MS = 250;
const TICKS_A_MS = 8;

const COMMANDS: ReadonlyMap<string, ApiCommand> = new Map<string, ApiCommand>([
  ['sofia', (args, { sipAddress }) => (args.startsWith('status') ? sofiaStatus(sipAddress) : '-USAGE: sofia status\n')],
  ['status', (_args, { registry }) => statusText(registry)],
  ['version', () => `FreeSWITCH Version ${VERSION} (64bit)\n`],
  ['show', show],
  ['hupall', hupAll],
  ['conference', (args, { conferences }) => runConferenceApi(args, conferences)],
  ['uuid_exists', (args, { registry }) => String(registry.find(args.trim()) !== undefined)],
  ['uuid_kill', onChannel(kill)],
  ['uuid_break', onChannel(breakOff)],
  ['uuid_dump', onChannel((channel) => `${encodeHeaderBlock(channel.dump())}\n`)],
  ['uuid_setvar', onChannel(setVariable)],
  ['uuid_setvar_multi', onChannel(setVariables)],
  ['uuid_getvar', onChannel((channel, [name = '']) => channel.variables.get(name) ?? '_undef_')],
  ['uuid_set_media_stats', onChannel(setMediaStatistics)],
  ['uuid_send_dtmf', onChannel(sendDigits)],
  ['uuid_recv_dtmf', onChannel(receiveDigits)],
  ['uuid_bridge', bridge],
  ['uuid_transfer', onChannel(transfer)],
  ['uuid_record', onChannel(recordSession, '-ERR Cannot locate session!\n')],
  ['uuid_park', onChannel((channel) => transfer(channel, ['park', 'inline']))],
]);

/** Runs one command line; the answer is the body of the reply. */
export function runApi(line: string, context: ApiContext): string {
  const [, name = '', args = ''] = /^\s*(\S+)\s*(.*)$/s.exec(line) ?? [];
  const command = COMMANDS.get(name);
  return command === undefined ? `-ERR ${name} Command not found!\n` : command(args, context);
}

function onChannel(
  act: (channel: Channel, args: readonly string[], rest: string) => string,
  unknown = NO_CHANNEL,
): ApiCommand {
  return (args, { registry }) => {
    const [, uuid = '', rest = ''] = /^\s*(\S+)\s*(.*)$/s.exec(args) ?? [];
    const channel = registry.find(uuid);
    return channel === undefined ? unknown : act(channel, splitWords(rest), rest);
  };
}

function show(args: string, { registry }: ApiContext): string {
  const [what, as, format] = splitWords(args);
  if (what !== 'channels' && what !== 'calls') return '-USAGE: show channels [as json]\n';
  return showChannels(registry.list, as === 'as' && format === 'json');
}

function hupAll(args: string, { registry }: ApiContext): string {
  const [cause = 'MANAGER_REQUEST'] = splitWords(args);
  for (const channel of registry.list) channel.hangup(cause);
  return '+OK hangup all channels with cause '.concat(cause, '\n');
}

function kill(channel: Channel, [cause = 'NORMAL_CLEARING']: readonly string[]): string {
  channel.hangup(cause);
  return '+OK\n';
}

function breakOff(channel: Channel, [all]: readonly string[]): string {
  channel.applications.break(all === 'all');
  return '+OK\n';
}

function setMediaStatistics(channel: Channel): string {
  channel.variables.setAll(mediaStatistics(channel.leg.stats));
  return '+OK:\n';
}

function setVariable(channel: Channel, args: readonly string[], rest: string): string {
  const [name] = args;
  if (name === undefined) return '-USAGE: <uuid> <var> [value]\n';
  channel.variables.set(name, rest.slice(rest.indexOf(name) + name.length).trim());
  return '+OK\n';
}

function setVariables(channel: Channel, _args: readonly string[], rest: string): string {
  for (const pair of rest.split(';')) {
    const at = pair.indexOf('=');
    if (at > 0) channel.variables.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  }
  return '+OK\n';
}

function sendDigits(channel: Channel, [digits = '']: readonly string[]): string {
  const [keys = '', duration] = digits.split('@');
  for (const key of keys) channel.leg.sendDigit(key, Number(duration) || DEFAULT_DIGIT_MS);
  return `+OK ${channel.uuid} sent DTMF ${keys}.\n`;
}

function receiveDigits(channel: Channel, [digits = '']: readonly string[]): string {
  const [keys = '', duration] = digits.split('@');
  const ticks = (Number(duration) || DEFAULT_DIGIT_MS) * TICKS_A_MS;
  for (const key of keys) if (/[0-9*#A-D]/i.test(key)) channel.receiveDigit(key, ticks, 'APP');
  return `+OK ${channel.uuid} received DTMF ${keys}.\n`;
}

function bridge(args: string, { registry }: ApiContext): string {
  const [a = '', b = ''] = splitWords(args);
  const [first, second] = [registry.find(a), registry.find(b)];
  if (first === undefined || second === undefined || first === second) return '-ERR Invalid uuid\n';
  Bridge.join(first, second);
  return `+OK ${second.uuid}\n`;
}

/** Only `[-both|-bleg] park inline`: this server has no other dialplan. */
function transfer(channel: Channel, args: readonly string[]): string {
  const flag = args[0]?.startsWith('-') ? args[0] : '';
  const [destination, dialplan] = flag === '' ? args : args.slice(1);
  if (destination !== 'park' || dialplan !== 'inline') return '-ERR Cannot transfer there\n';
  const { bridge: joined } = channel;
  if (joined === undefined) channel.park();
  else joined.transfer(flag === '-bleg' ? joined.otherOf(channel) : channel, flag === '-both');
  return '+OK\n';
}

function asMap(list: readonly { readonly name: string; readonly value: string }[]): ReadonlyMap<string, string> {
  return new Map(list.map(({ name, value }) => [name, value]));
}

function recordSession(channel: Channel, _args: readonly string[], rest: string): string {
  const { rest: words, variables } = takeBraces(rest);
  const [act = '', path = '', seconds] = splitWords(words);
  switch (act) {
    case 'start':
      return channel.recordings.start(path, Number(seconds) || 0, asMap(variables))
        ? '+OK Success\n'
        : '-ERR Cannot record session!\n';
    case 'stop':
      return channel.recordings.stop(path) ? '+OK Success\n' : '-ERR Cannot stop record session!\n';
    case 'mask':
    case 'unmask':
    case 'pause':
    case 'resume':
      return channel.recordings.act(path, act) ? '+OK Success\n' : `-ERR Cannot ${act} recording session!\n`;
    default:
      return '-USAGE: <uuid> [start|stop|mask|unmask|pause|resume] <path> [<limit>] [<recording_vars>]\n';
  }
}
