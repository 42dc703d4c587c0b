// One event socket, inbound or outbound: commands answered strictly in order with one frame each, and the events it asked for.
import { createHash, timingSafeEqual } from 'node:crypto';
import { splitWords } from '../../../protocol/event-socket/arguments.ts';
import type { EventSocketCommand } from '../../../protocol/event-socket/command-reader.ts';
import { CommandReader } from '../../../protocol/event-socket/command-reader.ts';
import type { EventFields, EventFormat } from '../../../protocol/event-socket/frame.ts';
import {
  AUTH_REQUEST,
  encodeApiResponse,
  encodeChannelData,
  encodeDisconnectNotice,
  encodeEvent,
  encodeLingerNotice,
  encodeReply,
} from '../../../protocol/event-socket/frame.ts';
import { Subscription } from '../../../protocol/event-socket/subscription.ts';
import type { TcpConnection } from '../../runtime/tcp-server.ts';
import type { ApiContext } from '../api/command.ts';
import { heartbeatFields } from '../api/status-text.ts';
import { runApi } from '../api/table.ts';
import type { Channel } from '../channel/channel.ts';
import type { EventHub, EventListener } from '../host/event-hub.ts';
import type { MediaHost } from '../host/host.ts';
import { newUuid } from '../host/host.ts';
import { ANSWERS, NO_COMMAND } from './commands.ts';

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
/** What may wait behind a command that takes time; a client that sends more is cut off. */
const MAX_WAITING = 10_000;
/** Events that wait for the answer to a running command; a client that asks for more meanwhile is cut off. */
const MAX_HELD = 100_000;
const MAX_LINGER_SECONDS = 600;
const BEFORE_AUTH: ReadonlySet<string> = new Set(['auth', 'exit', '...']);

export class EventSocket implements EventListener {
  readonly options: EventSocketOptions;
  readonly subscription = new Subscription();
  /** FreeSWITCH writes `plain` to a client that names none. */
  format: EventFormat = 'plain';
  /** The lines of the log that it asked for; none when absent. */
  logLevel: number | undefined;
  /** How long it stays after its channel's end; -1 until the client goes, undefined: closes with its channel. */
  lingerSeconds: number | undefined;
  readonly #reader = new CommandReader();
  #isAuthenticated: boolean;
  #isClosing = false;
  #deadline: Disposable;
  /** Events that wait for the answer to a running command. */
  #held: string[] | undefined;
  /** Commands that wait for it. */
  #waiting: EventSocketCommand[] = [];
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
    return !this.#isClosing && this.subscription.hears(name, subclass);
  }

  deliver(fields: EventFields): void {
    if (!this.subscription.passes(fields)) return;
    const frame = encodeEvent(fields, this.format);
    this.#sendOrHold(frame);
    const { host, channel } = this.options;
    if (host.quirks.dropsSocketInPlayback === true && channel !== undefined && isPlaybackStart(fields)) {
      this.options.connection.end();
    }
  }

  send(frame: string): void {
    this.options.connection.write(frame);
  }

  /** A line of the log that it asked for. */
  show(frame: string): void {
    if (!this.#isClosing) this.#sendOrHold(frame);
  }

  reply(text: string, headers?: ReadonlyArray<readonly [string, string]>): void {
    this.send(encodeReply(text, headers));
  }

  authenticate(secret: string): void {
    if (this.#isAuthenticated) {
      this.reply(NO_COMMAND);
      return;
    }
    if (isSame(this.options.secret ?? '', secret)) {
      this.#isAuthenticated = true;
      this.#deadline[Symbol.dispose]();
      this.reply('+OK accepted');
      return;
    }
    this.options.host.warnSeldom('an application was refused: the secret that it gave is another one');
    this.reply('-ERR invalid');
    this.send(encodeDisconnectNotice());
    this.#isClosing = true;
    this.options.connection.end();
  }

  connectChannel(): void {
    const { channel, host } = this.options;
    if (channel === undefined) this.reply(NO_COMMAND);
    else {
      this.#deadline[Symbol.dispose]();
      this.send(encodeChannelData(channel.data(), host.quirks.passesEscapes === true ? 'passed' : 'encoded'));
      channel.publish('CHANNEL_PARK');
    }
  }

  /** While a command runs nothing else leaves this socket: what it causes follows its answer. */
  runApi(line: string): void {
    const { host, channel, connection } = this.options;
    const { dropsInboundAt, losesEventsAtKill } = host.quirks;
    if (channel === undefined && dropsInboundAt !== undefined && line.startsWith(dropsInboundAt)) {
      connection.destroy();
      return;
    }
    if (losesEventsAtKill === true && channel !== undefined && line.startsWith(`uuid_kill ${channel.uuid}`)) {
      this.subscription.clear();
    }
    this.#held = [];
    const body = this.#result(line);
    if (typeof body === 'string') this.#answerApi(body);
    else host.supervise(body.then((text) => this.#answerApi(text)));
  }

  runInBackground(line: string, wanted: string | undefined): void {
    const { host, hub } = this.options;
    const job = wanted ?? newUuid(host.random);
    this.reply(`+OK Job-UUID: ${job}`, [['Job-UUID', job]]);
    const [command = '', ...args] = splitWords(line);
    const tell = (body: string) =>
      hub.publish('BACKGROUND_JOB', () => [
        ['Job-UUID', job],
        ['Job-Command', command],
        ...(args.length === 0 ? [] : [['Job-Command-Arg', args.join(' ')] as const]),
        ['Content-Length', String(Buffer.byteLength(body))],
        ['_body', body],
      ]);
    const body = this.#result(line);
    if (typeof body === 'string') tell(body);
    else host.supervise(body.then(tell));
  }

  sendHeartbeat(idleCpu: number): void {
    const { hub, channels } = this.options;
    if (this.hears('HEARTBEAT')) this.deliver(hub.build('HEARTBEAT', heartbeatFields(channels, idleCpu)));
  }

  sayGoodbye(): void {
    this.lingerSeconds = undefined;
    this.reply('+OK bye');
    this.close();
  }

  /** Says that it closes, then closes; the last frame on the socket. One that lingers says so and closes later. */
  close(): void {
    if (this.#isClosing) return;
    const { lingerSeconds } = this;
    const { channel, host } = this.options;
    if (this.#held !== undefined) this.#closesLater = true;
    else if (lingerSeconds !== undefined && channel !== undefined) {
      this.lingerSeconds = undefined;
      this.send(encodeLingerNotice(channel.uuid, channel.facts().name, lingerSeconds));
      const seconds = lingerSeconds < 0 ? MAX_LINGER_SECONDS : Math.min(lingerSeconds, MAX_LINGER_SECONDS);
      this.#deadline = host.clock.after(seconds * 1000, () => this.close());
    } else {
      this.#isClosing = true;
      this.#deadline[Symbol.dispose]();
      this.send(encodeDisconnectNotice(channel?.uuid));
      this.options.connection.end();
    }
  }

  /** Nothing more is told, the connection just ends. */
  abandon(): void {
    this.#isClosing = true;
    this.options.connection.end();
  }

  #sendOrHold(frame: string): void {
    if (this.#held === undefined) this.send(frame);
    else if (this.#held.length < MAX_HELD) this.#held.push(frame);
    else this.options.connection.destroy();
  }

  #result(line: string): string | Promise<string> {
    const { clock, quirks } = this.options.host;
    const [name = ''] = splitWords(line, 2);
    const delayMs = quirks.slowApi?.[name];
    if (delayMs === undefined) return runApi(line, this.options);
    return new Promise((resolve) => clock.after(delayMs, () => resolve(runApi(line, this.options))));
  }

  #answerApi(body: string): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    if (this.#isClosing) return;
    this.send(encodeApiResponse(body));
    for (const frame of held) this.send(frame);
    if (this.#closesLater) this.close();
    else this.#answerAll(this.#waiting.splice(0));
  }

  #receive(chunk: Uint8Array): void {
    this.#answerAll(this.#reader.push(chunk));
    if (this.#reader.isBroken) this.options.connection.destroy();
  }

  /** In order; behind a command that takes time the others wait. */
  #answerAll(commands: readonly EventSocketCommand[]): void {
    for (const command of commands) {
      if (this.#isClosing) return;
      if (this.#held === undefined) this.#answer(command);
      else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(command);
      else this.options.connection.destroy();
    }
  }

  #answer(command: EventSocketCommand): void {
    const name = command.name.toLowerCase();
    const answer = this.#isAuthenticated || BEFORE_AUTH.has(name) ? ANSWERS.get(name) : undefined;
    if (answer === undefined) this.reply(NO_COMMAND);
    else answer(this, command);
  }

  #closed(): void {
    this.#deadline[Symbol.dispose]();
    this.options.hub.remove(this);
    this.options.host.consoles.remove(this);
    this.#isClosing = true;
    this.options.onClose?.();
  }
}

function isPlaybackStart(fields: EventFields): boolean {
  return fields.get('Event-Name') === 'PLAYBACK_START';
}

function isSame(expected: string, given: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(expected), digest(given));
}
