// What a client says on an event socket, by FreeSWITCH's names, each answered with exactly one frame (CONTRACT.md §5.2).
import { splitWords } from '../../../protocol/event-socket/arguments.ts';
import type { EventSocketCommand } from '../../../protocol/event-socket/command-reader.ts';
import type { EventFormat } from '../../../protocol/event-socket/frame.ts';
import type { Channel } from '../channel/channel.ts';
import { stepsOf } from '../channel/dialplan.ts';
import { parseUnicast } from '../channel/unicast.ts';
import { LOG_LEVELS } from '../host/consoles.ts';
import { type MediaHost, newUuid } from '../host/host.ts';
import type { EventSocket } from './event-socket.ts';

type Answer = (socket: EventSocket, command: EventSocketCommand) => void;

export const ANSWERS: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  ['auth', (socket, { args }) => socket.authenticate(args)],
  ['connect', (socket) => socket.connectChannel()],
  ['api', runApi],
  ['bgapi', runInBackground],
  ['event', (socket, { args }) => subscribe(socket, args)],
  ['nixevent', (socket, { args }) => unsubscribe(socket, args)],
  ['noevents', (socket) => unsubscribeAll(socket)],
  ['filter', (socket, { args }) => filter(socket, args)],
  ['sendmsg', sendMessage],
  ['sendevent', sendEvent],
  ['myevents', (socket, { args }) => followChannel(socket, args)],
  ['getvar', (socket, { args }) => getVariable(socket, args)],
  ['resume', (socket) => socket.reply(socket.options.channel === undefined ? NO_COMMAND : '+OK')],
  ['linger', (socket, { args }) => linger(socket, args)],
  ['nolinger', (socket) => stopLinger(socket)],
  ['divert_events', (socket, { args }) => divertEvents(socket, args)],
  ['log', (socket, { args }) => log(socket, args)],
  ['nolog', (socket) => stopLog(socket)],
  ['exit', (socket) => socket.sayGoodbye()],
  ['...', (socket) => socket.sayGoodbye()],
]);

export const NO_COMMAND = '-ERR command not found';
const NO_SESSION = '-ERR not controlling a session';

const MAX_LOOPS = 100;

function runApi(socket: EventSocket, { args, endsInBlank }: EventSocketCommand): void {
  if (args === '') socket.reply(NO_COMMAND);
  else socket.runApi(endsInBlank ? `${args} ` : args);
}

function runInBackground(socket: EventSocket, { args, headers }: EventSocketCommand): void {
  if (args === '') socket.reply(NO_COMMAND);
  else socket.runInBackground(args, headers.get('job-uuid'));
}

function isFormat(word: string): word is EventFormat {
  return word === 'json' || word === 'plain' || word === 'xml';
}

/** `event [json|plain|xml] A B CUSTOM x::y`: adds to what is heard already; the format is the whole socket's. */
function subscribe(socket: EventSocket, args: string): void {
  const words = splitWords(args, 512);
  const first = words[0]?.toLowerCase() ?? '';
  if (isFormat(first)) {
    words.shift();
    socket.format = first;
  }
  if (!socket.subscription.add(words)) {
    socket.reply('-ERR no keywords supplied');
    return;
  }
  socket.reply(`+OK event listener enabled ${socket.format}`);
  if (words.some((word) => word.toUpperCase() === 'HEARTBEAT')) socket.sendHeartbeat(100);
}

function unsubscribe(socket: EventSocket, args: string): void {
  socket.reply(socket.subscription.remove(splitWords(args, 512)) ? '+OK events nixed' : '-ERR no keywords supplied');
}

function unsubscribeAll(socket: EventSocket): void {
  const wasEmpty = socket.subscription.isEmpty;
  socket.subscription.clear();
  socket.reply(wasEmpty ? '-ERR not listening for events' : '+OK no longer listening for events');
}

function filter(socket: EventSocket, args: string): void {
  const [, isDelete, header = '', value = ''] = /^(delete\s+)?(\S+)\s*(.*)$/.exec(args) ?? [];
  if (args === '') socket.reply(NO_COMMAND);
  else if (header === '' || (isDelete === undefined && value === '')) socket.reply('-ERR invalid syntax');
  else if (isDelete !== undefined) {
    socket.subscription.removeFilter(header, value === '' ? undefined : value);
    socket.reply(`+OK filter deleted. [${header}][${value}]`);
  } else {
    socket.subscription.addFilter(header, value);
    socket.reply(`+OK filter added. [${header}]=[${value}]`);
  }
}

/** Every event of the call that the socket controls, or that it names. */
function followChannel(socket: EventSocket, args: string): void {
  const { channel: own, channels } = socket.options;
  const words = splitWords(args);
  const channel = own ?? channels.find(words[0] ?? '');
  if (channel === undefined) {
    socket.reply(words.length === 0 ? NO_COMMAND : '-ERR invalid uuid');
    return;
  }
  socket.format = words.find(isFormat) ?? socket.format;
  socket.subscription.add(['ALL']);
  socket.subscription.addFilter('Unique-ID', channel.uuid);
  socket.reply('+OK Events Enabled');
}

function getVariable(socket: EventSocket, name: string): void {
  const { channel } = socket.options;
  socket.reply(channel === undefined ? NO_COMMAND : (channel.valueOf(name) ?? ''));
}

function linger(socket: EventSocket, args: string): void {
  if (socket.options.channel === undefined) socket.reply(NO_SESSION);
  else {
    const seconds = Number.parseInt(args, 10);
    socket.lingerSeconds = Number.isNaN(seconds) ? -1 : seconds;
    socket.reply(Number.isNaN(seconds) ? '+OK will linger' : `+OK will linger ${seconds} seconds`);
  }
}

function stopLinger(socket: EventSocket): void {
  socket.lingerSeconds = undefined;
  socket.reply(socket.options.channel === undefined ? NO_SESSION : '+OK will not linger');
}

function divertEvents(socket: EventSocket, args: string): void {
  if (socket.options.channel === undefined) socket.reply('-ERR not controlling a session.');
  else if (args === '') socket.reply('-ERR missing value.');
  else socket.reply(args.toLowerCase() === 'on' ? '+OK events diverted' : '+OK events not diverted');
}

/** `log [level]`: from now on the lines of the log up to that level, by number or name, beside events. */
function log(socket: EventSocket, args: string): void {
  const [word = ''] = splitWords(args);
  const level = /^-?\d{1,3}/.test(word)
    ? Math.max(0, Number.parseInt(word, 10))
    : LOG_LEVELS.indexOf(word.toUpperCase());
  const wanted = word === '' ? LOG_LEVELS.length - 1 : level;
  socket.reply(wanted < 0 ? '-ERR invalid log level' : `+OK log level ${word} [${wanted}]`);
  if (wanted < 0) return;
  socket.logLevel = wanted;
  socket.options.host.consoles.add(socket);
}

function stopLog(socket: EventSocket): void {
  socket.reply(socket.logLevel === undefined ? '-ERR not loging' : '+OK no longer logging');
  socket.logLevel = undefined;
  socket.options.host.consoles.remove(socket);
}

/** `sendmsg [uuid]`: the reply comes first, what it starts after it. */
function sendMessage(socket: EventSocket, message: EventSocketCommand): void {
  const { args, headers } = message;
  const { channels, channel: own, host } = socket.options;
  const channel = args === '' ? own : channels.find(args);
  if (channel === undefined) {
    socket.reply(`-ERR invalid session id [${args}]`);
    return;
  }
  const command = (headers.get('call-command') ?? '').toLowerCase();
  if (command === 'unicast') startUnicast(socket, channel, headers);
  // Whoever controls a call here holds its descriptions: it can send the parties' audio past this server itself.
  else if (command === 'nomedia') socket.reply('-ERR nomedia is not done here: re-INVITE both parties');
  else {
    socket.reply('+OK');
    if (command === 'hangup') channel.hangup(headers.get('hangup-cause') ?? 'NORMAL_CLEARING');
    else if (command === 'xferext') channel.transfer(stepsOf(message.fields));
    else if (command === 'execute') executeMessage(channel, message, host);
  }
}

/** FreeSWITCH says yes to all of it, and logs what it refuses. */
function startUnicast(socket: EventSocket, channel: Channel, headers: ReadonlyMap<string, string>): void {
  const { host } = socket.options;
  const request = host.allowsUnicast ? parseUnicast(headers) : 'unicast is not allowed here';
  if (typeof request === 'string') {
    socket.reply(`-ERR ${request}`);
    return;
  }
  socket.reply('+OK');
  host.supervise(channel.audio.relay(request));
}

function executeMessage(channel: Channel, { headers, body }: EventSocketCommand, host: MediaHost): void {
  const application = headers.get('execute-app-name');
  // Without a name there is nothing to run, and nothing to end the call for.
  if (application === undefined || application === '') return;
  const argument = headers.get('execute-app-arg') ?? body;
  const uuid = headers.get('event-uuid') ?? newUuid(host.random);
  const loops = Math.max(1, Math.min(MAX_LOOPS, Number.parseInt(headers.get('loops') ?? '1', 10) || 1));
  const isLocked = headers.get('event-lock') === 'true';
  channel.execute(application, argument, uuid, { loops, isLocked });
}

/** An event of the client's own, to everybody who hears its name; the reply comes first. */
function sendEvent(socket: EventSocket, { args, headers, fields: given, body }: EventSocketCommand): void {
  const { hub, host } = socket.options;
  const uuid = newUuid(host.random);
  const own = given.filter(([name]) => name.toLowerCase() !== 'content-length');
  const fields = [...own, ['Event-UUID', uuid] as const, ...(body === '' ? [] : [['_body', body] as const])];
  const name = args.toUpperCase();
  const subclass = headers.get('event-subclass');
  socket.reply(`+OK ${uuid}`);
  if (name === 'CUSTOM' && subclass !== undefined) hub.publishCustom(subclass, () => fields);
  else if (name !== '') hub.publish(name, () => fields);
}
