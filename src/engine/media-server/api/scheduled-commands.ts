// `sched_…`: what a call or the server is to do later. As on FreeSWITCH, `@` means "at" for `sched_broadcast` and "every" for `sched_api`.
import { splitWords } from '../../../protocol/event-socket/arguments.ts';
import type { Channel } from '../channel/channel.ts';
import { type ApiCommand, type ApiContext, NO_CHANNEL, type RunApi, usageOf } from './command.ts';
import { broadcast, transfer } from './uuid-transfer.ts';

const LATEST_SECONDS = 7 * 24 * 3600;

const TRANSFER_LATER = '[+]<time> <uuid> <extension> [<dialplan>] [<context>]';
const BROADCAST_LATER = '[[+]<time>|@time] <uuid> <path> [aleg|bleg|both]';
const HANGUP_LATER = '[+]<time> <uuid> [<cause>]';
const SCHED_API_USAGE = '[+@]<time> <group_name> <command_string>[&]';

/** `runApi` runs what `sched_api` says. */
export function scheduledCommands(runApi: RunApi): readonly ApiCommand[] {
  return [
    {
      name: 'sched_transfer',
      usage: TRANSFER_LATER,
      about: 'Has a call run an inline extension later',
      run: (line, context) => later(line, context, TRANSFER_LATER, (channel, args) => void transfer(channel, args)),
    },
    {
      name: 'sched_broadcast',
      usage: BROADCAST_LATER,
      about: 'Plays a file to a call later',
      run: (line, context) => {
        const answer = later(line, context, BROADCAST_LATER, (channel, args) => void broadcast(channel, args));
        return answer === '+OK\n' ? '+OK Message scheduled\n' : answer;
      },
    },
    { name: 'sched_hangup', usage: HANGUP_LATER, about: 'Ends a call later', run: hangUpLater },
    {
      name: 'sched_api',
      usage: SCHED_API_USAGE,
      about: 'Runs a command later, or again and again',
      run: (line, context) => schedule(line, context, runApi),
    },
    { name: 'sched_del', usage: '<task_id>|<group_id>', about: 'Forgets what was to run later', run: forget },
    { name: 'unsched_api', usage: '<task_id>', about: 'Forgets one of them', run: forgetOne },
  ];
}

function hangUpLater(line: string, context: ApiContext): string {
  return later(line, context, HANGUP_LATER, (channel, [cause = 'ALLOTTED_TIMEOUT']) => channel.hangup(cause));
}

/** `<time> <uuid> …`. `+60`: in a minute; without a sign: a time of day in UTC seconds. */
function later(
  line: string,
  { channels, host }: ApiContext,
  usage: string,
  act: (channel: Channel, args: readonly string[]) => void,
): string {
  const [when = '', uuid = '', ...args] = splitWords(line);
  if (!/^[+@]?\d{1,12}$/.test(when) || uuid === '') return usageOf(usage);
  const channel = channels.find(uuid);
  if (channel === undefined) return NO_CHANNEL;
  const seconds = when.startsWith('+')
    ? Number(when.slice(1))
    : Number(when.replace('@', '')) - host.clock.now() / 1000;
  const id = channels.tasks.schedule(uuid, boundedMs(seconds), () => act(channel, args));
  return id === undefined ? '-ERR Too many tasks\n' : '+OK\n';
}

/** `+<seconds>`: once; `@<seconds>`: every so often; else a time in UTC seconds. */
function schedule(line: string, context: ApiContext, runApi: RunApi): string {
  const { channels, host } = context;
  const [, sign = '', time = '', group = '', command = ''] =
    /^\s*([+@]?)(\d{1,12})\s+(\S+)\s+(.+?)&?\s*$/s.exec(line) ?? [];
  if (command === '') return `-ERR Invalid syntax. USAGE: ${SCHED_API_USAGE}\n`;
  const seconds = sign === '' ? Number(time) - host.clock.now() / 1000 : Number(time);
  const isRepeated = sign === '@';
  const run = (): void => {
    const answer = runApi(command, context);
    if (typeof answer !== 'string') host.supervise(answer);
  };
  const id = channels.tasks.schedule(group, boundedMs(seconds, isRepeated ? 1 : 0), run, isRepeated);
  return id === undefined ? '-ERR Too many tasks\n' : `+OK Added: ${id}\n`;
}

function forget(line: string, { channels }: ApiContext): string {
  return `+OK Deleted: ${line.trim() === '' ? 0 : channels.tasks.forget(line.trim())}\n`;
}

function forgetOne(line: string, { channels }: ApiContext): string {
  const id = line.trim();
  if (!/^\d+$/.test(id)) return '-ERR Invalid syntax. USAGE: <task_id>\n';
  return channels.tasks.forget(id) > 0 ? '+OK\n' : '-ERR No such id\n';
}

function boundedMs(seconds: number, least = 0): number {
  return Math.max(least, Math.min(LATEST_SECONDS, seconds)) * 1000;
}
