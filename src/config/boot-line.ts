// How a process takes its boot message from standard input and ends when its supervisor does.
import { createInterface } from 'node:readline';
import { sentenceOf } from '../kernel/errors.ts';

/** Reads the one line of JSON; ends this process when standard input closes, since the supervisor is gone then. */
export function readBoot<Boot>(onSupervisorGone: () => void): Promise<Boot> {
  process.on('SIGINT', () => {}); // the supervisor decides; a terminal's Ctrl-C must not end a call
  const lines = createInterface({ input: process.stdin });
  lines.once('close', onSupervisorGone);
  return new Promise((resolve, reject) => {
    lines.once('line', (line) => {
      try {
        resolve(JSON.parse(line) as Boot);
      } catch (cause) {
        reject(new Error('The boot message is not JSON.', { cause }));
      }
    });
  });
}

/** Says in one sentence why this process cannot start, and ends it so that nobody starts it again. */
export function refuseToStart(thrown: unknown): never {
  process.stderr.write(`wardline: ${sentenceOf(thrown)}\n`);
  process.exit(78);
}
