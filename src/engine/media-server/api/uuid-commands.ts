// `uuid_…`: commands on one call, by FreeSWITCH's names and with its replies.
import { splitWords, takeBraces } from '../../../protocol/event-socket/arguments.ts';
import { encodeHeaderBlock, encodeJson, encodeXml } from '../../../protocol/event-socket/frame.ts';
import { DEFAULT_DIGIT_MS, EVENT_TICKS_A_MS } from '../../../protocol/rtp/telephone-event.ts';
import type { Channel } from '../channel/channel.ts';
import { mediaStatistics } from '../channel/media-statistics.ts';
import type { ApiCommand } from './command.ts';
import { NO_CHANNEL, usageOf } from './command.ts';
import { bridge, broadcast, transfer, transferBoth } from './uuid-transfer.ts';

const NO_SESSION = '-ERR Cannot locate session!\n';

interface OnChannel {
  readonly name: string;
  readonly usage: string;
  readonly about: string;
  /** Words that must follow the UUID. */
  readonly least?: number;
  /** The answer when no call has that UUID. */
  readonly unknown?: string;
  readonly act: (channel: Channel, args: readonly string[], rest: string) => string;
}

const RECORD_USAGE = '<uuid> [start|stop|mask|unmask] <path> [<limit>] [<recording_vars>]';
const DIGITS_USAGE = '<uuid> <dtmf_data>';

const ON_CHANNEL: readonly OnChannel[] = [
  { name: 'uuid_kill', usage: '<uuid> [cause]', about: 'Ends a call', act: kill },
  { name: 'uuid_break', usage: '<uuid> [all]', about: 'Ends what plays or records, or all of it', act: breakOff },
  { name: 'uuid_dump', usage: '<uuid> [format]', about: 'Everything that is known of a call', act: dump },
  { name: 'uuid_getvar', usage: '<uuid> <var>', about: 'A variable', least: 1, act: getVariable },
  { name: 'uuid_setvar', usage: '<uuid> <var> [value]', about: 'Sets a variable', least: 1, act: setVariable },
  {
    name: 'uuid_setvar_multi',
    usage: '<uuid> <var>=<value>;<var>=<value>...',
    about: 'Sets several',
    act: setVariables,
  },
  {
    name: 'uuid_set_media_stats',
    usage: '<uuid>',
    about: 'Writes the counters of its audio into its variables',
    act: setMediaStatistics,
  },
  {
    name: 'uuid_send_dtmf',
    usage: DIGITS_USAGE,
    about: 'Sends digits',
    least: 1,
    unknown: NO_SESSION,
    act: sendDigits,
  },
  {
    name: 'uuid_recv_dtmf',
    usage: DIGITS_USAGE,
    about: 'Takes digits as if they had come',
    least: 1,
    unknown: NO_SESSION,
    act: receiveDigits,
  },
  {
    name: 'uuid_drop_dtmf',
    usage: '<uuid> [on | off ] [ mask_digits <digits> | mask_file <file>]',
    about: 'Keeps digits from the other party',
    least: 1,
    unknown: '-ERR Unable to find session\n',
    act: dropDigits,
  },
  {
    name: 'uuid_transfer',
    usage: '<uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]',
    about: 'Has one or both run an inline extension, `park inline` among them',
    least: 1,
    act: transfer,
  },
  {
    name: 'uuid_broadcast',
    usage: '<uuid> <path> [aleg|bleg|holdb|both]',
    about: 'Plays a file to one party or both',
    least: 1,
    unknown: '-ERR invalid uuid\n',
    act: broadcast,
  },
  {
    name: 'uuid_record',
    usage: RECORD_USAGE,
    about: 'Records both directions',
    least: 2,
    unknown: NO_SESSION,
    act: recordSession,
  },
  {
    name: 'uuid_park',
    usage: '<uuid>',
    about: 'Parks a call',
    act: (channel) => transfer(channel, ['park', 'inline']),
  },
  {
    name: 'uuid_dual_transfer',
    usage: '<uuid> <A-dest-exten>[/<A-dialplan>][/<A-context>] <B-dest-exten>[/<B-dialplan>][/<B-context>]',
    about: 'Has both parties of a bridge run an inline extension of their own',
    least: 2,
    act: transferBoth,
  },
  { name: 'uuid_answer', usage: '<uuid>', about: 'Nothing: it is answered', unknown: '-ERROR\n', act: () => '+OK\n' },
  {
    name: 'uuid_flush_dtmf',
    usage: '<uuid>',
    about: 'Nothing: no digit waits',
    unknown: '-ERR No such session\n',
    act: () => '+OK\n',
  },
  refused('uuid_display', '<uuid> <display>', 'The controller tells its phone'),
  refused('uuid_hold', '[off|toggle] <uuid> [<display>]', 'The controller holds, by a re-INVITE'),
  refused('uuid_media', '[off] <uuid>', 'The controller sends audio past this server, by re-INVITEs'),
  refused('uuid_media_reneg', '<uuid>[ <codec_string>]', 'The controller re-INVITEs'),
  refused('uuid_jitterbuffer', '<uuid> [0|<min_msec>[:<max_msec>]]', 'It adapts by itself'),
  refused('uuid_displace', '<uuid> [start|stop] <path> [<limit>] [mux]', 'Not done', '-ERR Cannot displace session!\n'),
];

export const CHANNEL_COMMANDS: readonly ApiCommand[] = [
  ...ON_CHANNEL.map(asCommand),
  {
    name: 'uuid_exists',
    usage: '<uuid>',
    about: 'Whether there is such a call',
    run: (args, { channels }) => String(channels.find(args.trim()) !== undefined),
  },
  { name: 'uuid_bridge', usage: '<uuid> <other_uuid>', about: 'Connects two calls', run: bridge },
];

/** What does not make sense here answers as FreeSWITCH does when it fails. */
function refused(name: string, usage: string, about: string, answer = '-ERR Operation failed\n'): OnChannel {
  return { name, usage, about, unknown: answer, act: () => answer };
}

function asCommand({ name, usage, about, least = 0, unknown = NO_CHANNEL, act }: OnChannel): ApiCommand {
  return {
    name,
    usage,
    about,
    run(line, { channels }) {
      const [, uuid = '', rest = ''] = /^\s*(\S+)\s*(.*)$/s.exec(line) ?? [];
      const args = splitWords(rest);
      if (uuid === '' || args.length < least) return usageOf(usage);
      const channel = channels.find(uuid);
      if (channel !== undefined) return act(channel, args, rest);
      return name === 'uuid_set_media_stats' ? `-ERR No such channel ${uuid}!\n` : unknown;
    },
  };
}

function kill(channel: Channel, [cause]: readonly string[]): string {
  channel.hangup(cause ?? 'NORMAL_CLEARING');
  return '+OK\n';
}

function breakOff(channel: Channel, words: readonly string[]): string {
  const isAll = words.includes('all');
  channel.applications.break(isAll);
  if (words.includes('both')) channel.bridge?.otherOf(channel).applications.break(isAll);
  return '+OK\n';
}

function dump(channel: Channel, [format]: readonly string[]): string {
  const fields = channel.dump();
  if (format === 'json') return encodeJson(fields);
  if (format === 'xml') return encodeXml(fields);
  if (format !== 'plain') return `${encodeHeaderBlock(fields)}\n`;
  return `${[...fields].map(([name, value]) => `${name}: [${String(value)}]\n`).join('')}\n`;
}

function getVariable(channel: Channel, [name = '']: readonly string[]): string {
  return channel.valueOf(name) ?? '_undef_';
}

function setVariable(channel: Channel, _args: readonly string[], rest: string): string {
  const [name = '', value = ''] = splitWords(rest, 2);
  const [only = ''] = splitWords(value, 2);
  // Quotes keep a value together; without them the rest of the line is it.
  channel.variables.set(name, value.startsWith("'") ? only : value);
  return '+OK\n';
}

function setVariables(channel: Channel, _args: readonly string[], rest: string): string {
  if (rest.trim() === '') return '';
  for (const pair of rest.split(';')) {
    const at = pair.indexOf('=');
    if (at > 0) channel.variables.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  }
  return '+OK\n';
}

function setMediaStatistics(channel: Channel): string {
  channel.variables.setAll(mediaStatistics(channel.leg.stats));
  return '+OK:\n';
}

/** `12#@100`: keys, and how long each is in milliseconds. */
function keysOf(text: string): { keys: string[]; ms: number } {
  const [digits = '', duration] = text.split('@');
  return { keys: [...digits].filter((key) => /[0-9*#A-Da-d]/.test(key)), ms: Number(duration) || DEFAULT_DIGIT_MS };
}

function sendDigits(channel: Channel, [text = '']: readonly string[]): string {
  const { keys, ms } = keysOf(text);
  for (const key of keys) channel.leg.sendDigit(key, ms);
  return `+OK ${channel.uuid} sent DTMF ${text}.\n`;
}

function receiveDigits(channel: Channel, [text = '']: readonly string[]): string {
  const { keys, ms } = keysOf(text);
  for (const key of keys) channel.digits.receive(key, ms * EVENT_TICKS_A_MS, 'APP');
  return `+OK ${channel.uuid} received DTMF ${text}.\n`;
}

function dropDigits({ uuid, digits }: Channel, [isOn, how, mask]: readonly string[]): string {
  digits.isDropped = isOn === 'on';
  digits.mask = digits.isDropped && how === 'mask_digits' ? (mask ?? '') : '';
  return `+OK ${uuid} ${digits.isDropped ? 'is now dropping DTMF' : 'is no longer dropping DTMF'}.\n`;
}

function recordSession(channel: Channel, _args: readonly string[], rest: string): string {
  const { rest: words, variables } = takeBraces(rest);
  const [given = '', path = '', seconds] = splitWords(words);
  const act = given.toLowerCase();
  switch (act) {
    case 'start': {
      const own = new Map(variables.map(({ name, value }) => [name, value]));
      const isStarted = channel.recordings.start(path, Number(seconds) || 0, own);
      return isStarted ? '+OK Success\n' : '-ERR Cannot record session!\n';
    }
    case 'stop':
      return channel.recordings.stop(path) ? '+OK Success\n' : '-ERR Cannot stop record session!\n';
    case 'mask':
    case 'unmask':
    case 'pause':
    case 'resume':
      return channel.recordings.act(path, act) ? '+OK Success\n' : `-ERR Cannot ${act} recording session!\n`;
    default:
      return usageOf(RECORD_USAGE);
  }
}
