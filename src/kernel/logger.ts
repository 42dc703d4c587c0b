// The log: JSON lines on standard error, for operators. Names, numbers, URIs and digits are Pii and print as `[pii]`.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { pino } from 'pino';

export type { Logger } from 'pino';

export interface LogOptions {
  /** The process's role: `vault`, `edge`, `media`, `controller`, `main`, `cli`. */
  readonly role: string;
  readonly level: 'silent' | 'error' | 'warn' | 'info' | 'debug';
  /** A file to append to; standard error when absent. */
  readonly file?: string;
}

export function createLogger({ role, level, file }: LogOptions): Logger {
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const destination = pino.destination(
    file === undefined ? { dest: 2, sync: true } : { dest: file, sync: true, mode: 0o600 },
  );
  return pino({ level, base: { role }, timestamp: () => `,"time":"${new Date().toISOString()}"` }, destination);
}
