// What people at a console see of the log (`log <level>`): the server's own lines and the life of its calls, without what anybody said, pressed or is called.
import type { Clock } from '../../../kernel/clock.ts';
import type { LogLevel } from '../../../kernel/logger.ts';
import type { EventFields, FieldValue } from '../../../protocol/event-socket/frame.ts';
import { encodeLogLine } from '../../../protocol/event-socket/frame.ts';

/** FreeSWITCH's names, by number. */
export const LOG_LEVELS: readonly string[] = ['CONSOLE', 'ALERT', 'CRIT', 'ERR', 'WARNING', 'NOTICE', 'INFO', 'DEBUG'];
/** By its name; DEBUG when it is none. */
export function levelOf(name: string): number {
  const level = LOG_LEVELS.indexOf(name.toUpperCase());
  return level < 0 ? DEBUG : level;
}

const OURS: Readonly<Record<LogLevel, number>> = { fatal: 2, error: 3, warn: 4, info: 6, debug: 7 };
const [NOTICE, DEBUG] = [5, 7];

/** One console: a socket that asked for lines up to its level. */
export interface Console {
  readonly logLevel: number | undefined;
  show(frame: string): void;
}

type Telling = readonly [level: number, text: (field: (name: string) => string) => string];

/** Events that become lines. Of what an application is given, and of paths, nothing is told. */
const LINES: ReadonlyMap<string, Telling> = new Map<string, Telling>([
  ['CHANNEL_CREATE', [NOTICE, (field) => `New Channel, ${field('Call-Direction')}`]],
  ['CHANNEL_ANSWER', [NOTICE, () => 'Channel has been answered']],
  ['CHANNEL_HANGUP', [NOTICE, (field) => `Hangup [${field('Channel-State')}] [${field('Hangup-Cause')}]`]],
  ['CHANNEL_BRIDGE', [DEBUG, (field) => `Bridged to [${field('Bridge-B-Unique-ID')}]`]],
  ['CHANNEL_EXECUTE', [DEBUG, (field) => `EXECUTE ${field('Application')}`]],
  [
    'CHANNEL_CALLSTATE',
    [DEBUG, (field) => `Callstate Change ${field('Original-Channel-Call-State')} -> ${field('Channel-Call-State')}`],
  ],
  ['RECORD_START', [DEBUG, () => 'Recording begins']],
  ['RECORD_STOP', [DEBUG, (field) => `Recording ends: ${field('Record-Completion-Cause')}`]],
]);
/** States, causes, ids: an event may be a client's own (`sendevent`). */
const WORD = /^[\w-]{1,64}$/;

export class Consoles {
  readonly #clock: Clock;
  readonly #open = new Set<Console>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(console: Console): void {
    this.#open.add(console);
  }

  remove(console: Console): void {
    this.#open.delete(console);
  }

  /** A line of this server's own log. */
  readonly hear = (level: LogLevel, text: string): void => this.tell(OURS[level], text);

  /** `channel`: the call that it is about. */
  tell(level: number, text: string, channel = ''): void {
    if (this.#open.size === 0) return;
    const date = new Date(this.#clock.now()).toISOString().slice(0, 23).replace('T', ' ');
    const body = `${date} [${LOG_LEVELS[level]}] ${channel === '' ? '' : `[${channel}] `}${text}\n`;
    const frame = encodeLogLine(level, body, channel);
    for (const console of this.#open) if (level <= (console.logLevel ?? -1)) console.show(frame);
  }

  /** As a listener to events. */
  hears(name: string): boolean {
    return this.#open.size > 0 && LINES.has(name);
  }

  deliver(fields: EventFields): void {
    const field = (name: string) => wordOf(fields.get(name));
    const [level, text] = LINES.get(field('Event-Name')) ?? [];
    if (level !== undefined && text !== undefined) this.tell(level, text(field), field('Unique-ID'));
  }
}

function wordOf(value: FieldValue | undefined): string {
  return typeof value === 'string' && WORD.test(value) ? value : '';
}
