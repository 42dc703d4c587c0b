// Two habits of the drachtio libraries that a telephone system must survive: they print what they cannot parse, and they throw inside socket callbacks.
import { codeOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';

const CONSOLE_METHODS = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const;

/** What a library prints may be a whole SIP message: it is counted in the log, and its text goes nowhere. */
export function withholdConsole(logger: Logger): void {
  for (const method of CONSOLE_METHODS) {
    console[method] = () => logger.warn({ method }, 'a library printed something; its text is withheld');
  }
}

/**
 * A header that is not UTF-8 makes the event socket's client throw a URIError out of its socket's callback; the client itself
 * recovers and one call times out. That one is survived. Whatever else nobody caught ends the process, which is started again.
 */
export function surviveLibraryThrows(logger: Logger): void {
  process.on('uncaughtException', (thrown: Error) => {
    if (thrown instanceof URIError) {
      logger.error({ code: codeOf(thrown) }, 'a header that cannot be decoded was ignored');
      return;
    }
    logger.fatal({ code: codeOf(thrown), stack: framesOf(thrown) }, 'the controller ends');
    process.exit(1);
  });
}

/** Where it was thrown, without its message, which may quote what came from outside. */
function framesOf(thrown: unknown): string[] {
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : '';
  return stack.split('\n').filter((line) => line.startsWith('    at '));
}
