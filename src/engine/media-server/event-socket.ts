// One event socket, inbound or outbound: commands answered strictly in order with one frame each, and the events it asked for.
import { createHash, timingSafeEqual } from 'node:crypto';
import { splitWords } from '../../protocol/event-socket/arguments.ts';
import type { EventSocketCommand } from '../../protocol/event-socket/command-reader.ts';
import { CommandReader } from '../../protocol/event-socket/command-reader.ts';
import type { EventFields } from '../../protocol/event-socket/frame.ts';
import {
  AUTH_REQUEST,
  encodeApiResponse,
  encodeChannelData,
  encodeDisconnectNotice,
  encodeJsonEvent,
  encodeReply,
} from '../../protocol/event-socket/frame.ts';
import { Subscription } from '../../protocol/event-socket/subscription.ts';
import type { TcpConnection } from '../runtime/tcp-server.ts';
import type { ApiContext } from './api.ts';
import { runApi } from './api.ts';
import type { Channel } from './channel.ts';
import type { EventHub, EventListener } from './event-hub.ts';
import type { MediaHost } from './host.ts';
import { newUuid } from './host.ts';
import { heartbeatFields } from './status-text.ts';

export interface EventSocketOptions extends ApiContext {
  readonly host: MediaHost;
  readonly hub: EventHub;
  readonly connection: TcpConnection;
  /** For an inbound socket: what `auth` must say. */
  readonly secret?: string;
  /** For an outbound socket: the call it controls. */
  readonly channel?: Channel;
  readonly onClose?: () => void;
}

/** How long a client may take to authenticate, or a controller to say `connect`. */
const HELLO_DEADLINE_MS = 25_000;

type Answer = (socket: EventSocket, command: EventSocketCommand) => void;

const ANSWERS: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  ['auth', (socket, command) => socket.authenticate(command)],
  ['connect', (socket) => socket.connectChannel()],
  ['api', (socket, { args }) => socket.runApi(args)],
  ['bgapi', (socket, { args }) => socket.runInBackground(args)],
  ['event', (socket, { args }) => socket.subscribe(args)],
  ['nixevent', (socket, { args }) => socket.unsubscribe(args)],
  ['noevents', (socket) => socket.unsubscribeAll()],
  ['filter', (socket, { args }) => socket.filter(args)],
  ['sendmsg', (socket, command) => socket.sendMessage(command)],
  ['myevents', (socket) => socket.followChannel()],
  ['linger', (socket) => socket.reply('+OK will linger')],
  ['nolinger', (socket) => socket.reply('+OK will not linger')],
  [
    'divert_events',
    (socket, { args }) => socket.reply(args === 'on' ? '+OK events diverted' : '+OK events not diverted'),
  ],
  ['log', (socket) => socket.reply('+OK log level  [0]')],
  ['nolog', (socket) => socket.reply('+OK no longer logging')],
  ['exit', (socket) => socket.sayGoodbye()],
  ['...', (socket) => socket.sayGoodbye()],
]);

export class EventSocket implements EventListener {
  readonly options: EventSocketOptions;
  readonly #subscription = new Subscription();
  readonly #reader = new CommandReader();
  #isAuthenticated: boolean;
  #isClosing = false;
  readonly #deadline: Disposable;
  /** Events that wait for the answer to a running command. */
  #held: string[] | undefined;
  #closesLater = false;

  constructor(options: EventSocketOptions) {
    this.options = options;
    const { connection, hub, channel } = options;
    this.#isAuthenticated = channel !== undefined;
    connection.onData = (chunk) => this.#receive(chunk);
    connection.onClose = () => this.#closed();
    hub.add(this);
    this.#deadline = options.host.clock.after(HELLO_DEADLINE_MS, () => connection.destroy());
    if (channel === undefined) this.send(AUTH_REQUEST);
  }

  hears(name: string, subclass?: string): boolean {
    return !this.#isClosing && this.#subscription.hears(name, subclass);
  }

  deliver(fields: EventFields): void {
    if (!this.#subscription.passes(fields)) return;
    const frame = encodeJsonEvent(fields);
    if (this.#held === undefined) this.send(frame);
    else this.#held.push(frame);
  }

  send(frame: string): void {
    this.options.connection.write(frame);
  }

  reply(text: string, headers?: ReadonlyArray<readonly [string, string]>): void {
    this.send(encodeReply(text, headers));
  }

  authenticate({ args }: EventSocketCommand): void {
    if (this.#isAuthenticated || isSame(this.options.secret ?? '', args)) {
      this.#isAuthenticated = true;
      this.#deadline[Symbol.dispose]();
      this.reply('+OK accepted');
      return;
    }
    this.reply('-ERR invalid');
    this.#isClosing = true;
    this.options.connection.end();
  }

  connectChannel(): void {
    const { channel } = this.options;
    if (channel === undefined) this.reply('-ERR command not found');
    else {
      this.#deadline[Symbol.dispose]();
      this.send(encodeChannelData(channel.data()));
      channel.publish('CHANNEL_PARK');
    }
  }

  /** While a command runs nothing else leaves this socket: what it causes follows its answer. */
  runApi(line: string): void {
    const held: string[] = [];
    this.#held = held;
    const body = runApi(line, this.options);
    this.#held = undefined;
    this.send(encodeApiResponse(body));
    for (const frame of held) this.send(frame);
    if (this.#closesLater) this.close();
  }

  runInBackground(line: string): void {
    const job = newUuid(this.options.host.random);
    this.reply(`+OK Job-UUID: ${job}`, [['Job-UUID', job]]);
    const body = runApi(line, this.options);
    const [command = '', ...args] = splitWords(line);
    this.options.hub.publish('BACKGROUND_JOB', () => [
      ['Job-UUID', job],
      ['Job-Command', command],
      ...(args.length === 0 ? [] : [['Job-Command-Arg', args.join(' ')] as const]),
      ['Content-Length', String(Buffer.byteLength(body))],
      ['_body', body],
    ]);
  }

  subscribe(args: string): void {
    const [format = '', ...words] = args.split(/\s+/).filter((word) => word !== '');
    const isNamed = ['json', 'plain', 'xml'].includes(format);
    if (!this.#subscription.add(isNamed ? words : [format, ...words].filter((word) => word !== ''))) {
      this.reply('-ERR no keywords supplied');
      return;
    }
    this.reply('+OK event listener enabled json');
    if (words.includes('HEARTBEAT')) this.sendHeartbeat(100);
  }

  unsubscribe(args: string): void {
    this.#subscription.remove(args.split(/\s+/));
    this.reply('+OK events nixed');
  }

  unsubscribeAll(): void {
    this.#subscription.clear();
    this.reply('+OK no longer listening for events');
  }

  filter(args: string): void {
    const [, isDelete, header = '', value = ''] = /^(delete\s+)?(\S+)\s*(.*)$/.exec(args) ?? [];
    if (header === '') this.reply('-ERR invalid syntax');
    else if (isDelete !== undefined) {
      this.#subscription.removeFilter(header, value === '' ? undefined : value);
      this.reply(`+OK filter deleted. [${header}][${value}]`);
    } else {
      this.#subscription.addFilter(header, value);
      this.reply(`+OK filter added. [${header}]=[${value}]`);
    }
  }

  followChannel(): void {
    const { channel } = this.options;
    this.#subscription.add(['ALL']);
    if (channel !== undefined) this.#subscription.addFilter('Unique-ID', channel.uuid);
    this.reply('+OK Events Enabled');
  }

  /** `sendmsg [uuid]`: the reply comes first, what it starts after it. */
  sendMessage({ args, headers, body }: EventSocketCommand): void {
    const { registry, channel: own, host } = this.options;
    const channel = args === '' ? own : registry.find(args);
    if (channel === undefined) {
      this.reply(`-ERR invalid session id [${args}]`);
      return;
    }
    this.reply('+OK');
    const command = headers.get('call-command');
    if (command === 'hangup') channel.hangup(headers.get('hangup-cause') ?? 'NORMAL_CLEARING');
    else if (command === 'execute') {
      const argument = headers.get('execute-app-arg') ?? body;
      channel.execute(
        headers.get('execute-app-name') ?? '',
        argument,
        headers.get('event-uuid') ?? newUuid(host.random),
      );
    }
  }

  sendHeartbeat(idleCpu: number): void {
    const { hub, registry } = this.options;
    if (this.hears('HEARTBEAT')) this.deliver(hub.build('HEARTBEAT', heartbeatFields(registry, idleCpu)));
  }

  sayGoodbye(): void {
    this.reply('+OK bye');
    this.close();
  }

  /** Says that it closes, then closes; the last frame on the socket. */
  close(): void {
    if (this.#isClosing) return;
    if (this.#held !== undefined) {
      this.#closesLater = true;
      return;
    }
    this.#isClosing = true;
    this.send(encodeDisconnectNotice(this.options.channel?.uuid));
    this.options.connection.end();
  }

  #receive(chunk: Uint8Array): void {
    const commands = this.#reader.push(chunk);
    if (commands === 'fault') {
      this.options.connection.destroy();
      return;
    }
    for (const command of commands) if (!this.#isClosing) this.#answer(command);
  }

  #answer(command: EventSocketCommand): void {
    if (!this.#isAuthenticated && command.name !== 'auth') {
      this.reply('-ERR command not found');
      return;
    }
    const answer = ANSWERS.get(command.name);
    if (answer === undefined) this.reply('-ERR command not found');
    else answer(this, command);
  }

  #closed(): void {
    this.#deadline[Symbol.dispose]();
    this.options.hub.remove(this);
    this.#isClosing = true;
    this.options.onClose?.();
  }
}

function isSame(expected: string, given: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(expected), digest(given));
}
