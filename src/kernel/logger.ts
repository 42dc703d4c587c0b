// The log: JSON lines on standard error, for operators. It prints what is known to be ours; any other text prints as `[pii]`.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger as PinoLogger } from 'pino';
import { pino } from 'pino';
import { codeOf, WardlineError } from './errors.ts';

/** Pino's methods and no more: a child's bindings would pass by the rules below. */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>;

export type LogLevel = keyof Logger;

export interface LogOptions {
  /** The process's role: `vault`, `edge`, `media`, `controller`, `main`, `cli`. */
  readonly role: string;
  readonly level: 'silent' | 'error' | 'warn' | 'info' | 'debug';
  /** A file to append to; standard error when absent. */
  readonly file?: string;
}

/** The names of fields whose text is our own: parts, codes, ids, addresses of machines. What is not listed does not print. */
const OURS: ReadonlySet<string> = new Set([
  ...['role', 'process', 'signal', 'code', 'at', 'operation', 'method', 'route', 'type', 'reason', 'target'],
  ...['callId', 'channel', 'artifactId', 'prompt', 'host', 'address', 'listener', 'transport', 'listeners.name'],
]);
/** What a URI, an e-mail address or a telephone number looks like, in a field of ours as well. */
const TELLS_OF_PEOPLE = /sips?:|tel:|@|(?<![.\d])\d{7,}/i;
/** An id of ours, or a channel's UUID; chance makes runs of digits in both. */
const ID = /^(?:[a-z2-7]{26}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
const MASK = '[pii]';
const DEEPEST = 4;
/** Of the lines that a disk does not take, in characters. */
const MAX_WAITING = 256 * 1024;

export function createLogger({ role, level, file }: LogOptions): Logger {
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const destination = pino.destination(
    file === undefined ? { dest: 2, sync: true } : { dest: file, sync: true, mode: 0o600, maxLength: MAX_WAITING },
  );
  // A full or broken disk ends no process: what cannot be written waits for the next line, and the newest are left out.
  destination.on('error', () => undefined);
  return pino(
    {
      level,
      base: { role },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { log: printableFields },
      serializers: { err: (printed: unknown) => printed },
      hooks: {
        logMethod(args, log) {
          // Values for `%s` would be printed as they are, and an error without a sentence lends its own: there are neither.
          const [first, message = ''] = args;
          if (typeof first === 'string') log.apply(this, [printableText(first)]);
          else log.apply(this, [Object(first), printableText(String(message))]);
        },
      },
    },
    destination,
  );
}

/** The same log; `hear` is given each line too, of whatever level, in the form that prints. */
export function heardLogger(logger: Logger, hear: (level: LogLevel, line: string) => void): Logger {
  const method = (level: LogLevel) => (first: unknown, message?: unknown) => {
    const fields = typeof first === 'object' && first !== null ? printableFields(first) : {};
    const text = printableText(String(typeof first === 'string' ? first : (message ?? '')));
    hear(level, Object.keys(fields).length === 0 ? text : `${text} ${JSON.stringify(fields)}`);
    if (typeof first === 'string') logger[level](first);
    else logger[level](first, typeof message === 'string' ? message : undefined);
  };
  return {
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    fatal: method('fatal'),
  };
}

function printableFields(fields: object, path = '', depth = 0): Record<string, unknown> {
  const entries = Object.entries(fields).map(([name, value]) => [name, printable(value, name, path, depth)]);
  return Object.fromEntries(entries);
}

function printable(value: unknown, name: string, path: string, depth: number): unknown {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined) return value;
  if (value instanceof Error) return printableError(value);
  if (typeof value === 'string') return OURS.has(name) || OURS.has(`${path}.${name}`) ? printableText(value) : MASK;
  if (typeof value !== 'object' || depth === DEEPEST) return MASK;
  if (Array.isArray(value)) {
    // Frames of a stack are places in our code; those who log them have left the message out.
    if (name === 'stack') return value;
    return value.map((each) => printable(each, name, path, depth + 1));
  }
  return printableFields(value, name, depth + 1);
}

function printableText(text: string): string {
  return TELLS_OF_PEOPLE.test(text) && !ID.test(text) ? MASK : text;
}

/** Its code and where it was thrown. Only our own sentences are known to tell of nobody; a library's may quote what it could not read. */
function printableError(error: Error): object {
  const stack = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  const message = error instanceof WardlineError ? printableText(error.message) : MASK;
  return { type: error.constructor.name, code: printableText(codeOf(error)), message, stack };
}
