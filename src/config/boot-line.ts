// How every process takes its boot message from standard input, ends when its supervisor does, and says why it cannot start.
import { createInterface } from 'node:readline';
import { codeOf, sentenceOf, WardlineError } from '../kernel/errors.ts';

/** Exit status of a process whose configuration must change before it can start (sysexits.h EX_CONFIG). */
export const EXIT_CONFIGURATION = 78;

/** What starting again does not help. Whatever else goes wrong, a lost link or a slow neighbour, is tried again. */
const CONFIGURATION_CODES: ReadonlySet<string> = new Set([
  'boot-malformed',
  'vault-missing',
  'vault-in-use',
  'vault-damaged',
  'vault-newer',
  'key-file-missing',
  'key-file-damaged',
  'wrong-secret',
  'folder-unwritable',
  'cannot-listen',
  'no-such-address',
  'port-taken',
  'no-certificate',
  'bad-certificate',
]);

/**
 * Reads the one line of JSON, which must name `needed`. `onSupervisorGone` is called when standard input closes after it.
 * @throws WardlineError `boot-malformed`
 */
export function readBoot<Boot extends object>(
  needed: ReadonlyArray<keyof Boot & string>,
  onSupervisorGone: () => void,
): Promise<Boot> {
  // The supervisor lets calls end first and then says `shutdown`; what a terminal or a service manager sends to all is not for us.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => {});
  const lines = createInterface({ input: process.stdin });
  return new Promise((resolve, reject) => {
    let hasRead = false;
    lines.once('line', (line) => {
      hasRead = true;
      const boot = parseBoot(line, needed);
      if (boot === undefined) reject(malformed());
      else resolve(boot as Boot);
    });
    lines.once('close', () => (hasRead ? onSupervisorGone() : reject(malformed())));
  });
}

/** Says in one sentence why this process cannot start, and ends it: so that nobody starts it again when that cannot help. */
export function refuseToStart(thrown: unknown): never {
  process.stderr.write(`wardline: ${sentenceOf(thrown)}\n`);
  process.exit(CONFIGURATION_CODES.has(codeOf(thrown)) ? EXIT_CONFIGURATION : 1);
}

function parseBoot(line: string, needed: readonly string[]): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isWhole = typeof value === 'object' && value !== null && needed.every((name) => name in value);
    return isWhole ? value : undefined;
  } catch {
    return undefined;
  }
}

function malformed(): WardlineError {
  return new WardlineError(
    'boot-malformed',
    'This process is started by the appliance; run `npm start` or `wardline start`.',
  );
}
