// Questions on the terminal: a line, a secret that is not echoed, a yes or no. From a pipe, each takes the next line.

import type { Interface } from 'node:readline';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { WardlineError } from '../kernel/errors.ts';

class Echo extends Writable {
  isMuted = false;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (!this.isMuted) process.stderr.write(chunk);
    done();
  }
}

const echo = new Echo();
let lines: Interface | undefined;
const arrived: string[] = [];
const waiting: Array<(line: string | undefined) => void> = [];

function open(): Interface {
  if (lines !== undefined) return lines;
  lines = createInterface({ input: process.stdin, output: echo, terminal: process.stdin.isTTY === true });
  lines.on('line', (line) => {
    const waiter = waiting.shift();
    if (waiter === undefined) arrived.push(line);
    else waiter(line);
  });
  lines.on('close', () => {
    for (const waiter of waiting.splice(0)) waiter(undefined);
  });
  return lines;
}

/** Asks for a line; `isSecret` keeps it off the screen. */
export async function ask(question: string, { isSecret = false } = {}): Promise<string> {
  const reader = open();
  process.stderr.write(question);
  echo.isMuted = true;
  if (!isSecret) echo.isMuted = process.stdin.isTTY !== true;
  const line = arrived.shift() ?? (await new Promise<string | undefined>((resolve) => waiting.push(resolve)));
  echo.isMuted = false;
  if (isSecret && process.stdin.isTTY === true) process.stderr.write('\n');
  if (line === undefined) {
    reader.close();
    throw new WardlineError('no-answer', 'The input ended before the question was answered.');
  }
  return line;
}

/** True when the answer begins with y. `isYes` is the command's `--yes`. @throws WardlineError `not-confirmed` where nobody can be asked */
export async function confirm(question: string, isYes: boolean | undefined): Promise<boolean> {
  if (isYes === true) return true;
  if (process.stdin.isTTY === true) return /^y/i.test(await ask(`${question} [y/N] `));
  throw new WardlineError(
    'not-confirmed',
    'Nothing was changed: this asks first, so run it in a terminal or add --yes.',
  );
}

/** Lets the process end: standard input is no longer read. */
export function closeQuestions(): void {
  lines?.close();
  lines = undefined;
}
