// `play_and_get_digits`: a prompt that the first digit interrupts, digits until a terminator, a number of them or a time-out, tries.
import { splitWords } from '../../../protocol/event-socket/arguments.ts';
import { TICK_MS } from '../../../protocol/rtp/tick.ts';
import type { Execution, RunningApplication } from '../channel/application.ts';
import type { Channel } from '../channel/channel.ts';
import { Player } from '../channel/player.ts';

const MAX_DIGITS = 128;
const MAX_TRIES = 100;
const MIN_TIMEOUT_MS = 1000;
const MAX_PATTERN_LENGTH = 512;

interface DigitsRequest {
  readonly min: number;
  readonly max: number;
  readonly tries: number;
  readonly timeoutMs: number;
  readonly terminators: string;
  readonly prompt: string;
  readonly invalidPrompt: string;
  readonly variable: string;
  readonly pattern: string;
  readonly digitTimeoutMs: number;
  /** `read`: one try, and what was pressed is kept also when it is too little. */
  readonly keepsAll?: boolean;
}

export function playAndGetDigits({ channel, argument, complete }: Execution): RunningApplication | undefined {
  const request = parseRequest(argument);
  if (request === undefined) return undefined;
  const collection = new Collection(channel, request, complete);
  collection.start();
  return collection;
}

/** `min max tries timeout terminators prompt invalid variable regexp digit-timeout`. */
function parseRequest(argument: string): DigitsRequest | undefined {
  const [min, max, tries, timeout, terminators, prompt, invalid, variable, pattern, digitTimeout] =
    splitWords(argument);
  if (prompt === undefined) return undefined;
  const timeoutMs = Math.max(MIN_TIMEOUT_MS, Number(timeout) || 0);
  return {
    min: bounded(min, 0, MAX_DIGITS),
    max: bounded(max, 1, MAX_DIGITS),
    tries: bounded(tries, 1, MAX_TRIES),
    timeoutMs,
    terminators: terminators === 'none' ? '' : (terminators ?? ''),
    prompt,
    invalidPrompt: invalid ?? '',
    variable: variable ?? '',
    pattern: pattern ?? '',
    digitTimeoutMs: Number(digitTimeout) > 0 ? Number(digitTimeout) : timeoutMs,
  };
}

/** `read <min> <max> <prompt> <variable> <timeout> <terminators> [<digit-timeout>]`. */
export function read({ channel, argument, complete }: Execution): RunningApplication | undefined {
  const [min, max, prompt, variable, timeout, terminators, digitTimeout] = splitWords(argument);
  if (variable === undefined) return undefined;
  const timeoutMs = Math.max(MIN_TIMEOUT_MS, Number(timeout) || 0);
  const request: DigitsRequest = {
    min: bounded(min, 0, MAX_DIGITS),
    max: bounded(max, 1, MAX_DIGITS),
    tries: 1,
    timeoutMs,
    terminators: terminators === 'none' ? '' : (terminators ?? '#'),
    prompt: prompt ?? '',
    invalidPrompt: '',
    variable,
    pattern: '',
    digitTimeoutMs: Number(digitTimeout) > 0 ? Number(digitTimeout) : timeoutMs,
    keepsAll: true,
  };
  const collection = new Collection(channel, request, complete);
  collection.start();
  return collection;
}

function bounded(text: string | undefined, least: number, most: number): number {
  return Math.max(least, Math.min(most, Math.floor(Number(text)) || 0));
}

class Collection implements RunningApplication {
  readonly #channel: Channel;
  readonly #request: DigitsRequest;
  readonly #complete: () => void;
  readonly #matches: (digits: string) => boolean;
  #player: Player | undefined;
  #digits = '';
  #triesLeft: number;
  #waitedMs = 0;
  #isInvalidPrompt = false;
  #isOver = false;

  constructor(channel: Channel, request: DigitsRequest, complete: () => void) {
    this.#channel = channel;
    this.#request = request;
    this.#complete = complete;
    this.#triesLeft = request.tries;
    this.#matches = matcher(request.pattern);
  }

  start(): void {
    this.#digits = '';
    this.#waitedMs = 0;
    this.#isInvalidPrompt = false;
    this.#playPrompt(this.#request.prompt, () => undefined);
  }

  tick(_heard: Int16Array, out: Int16Array): void {
    if (this.#player !== undefined) {
      this.#player.tick(out);
      return;
    }
    this.#waitedMs += TICK_MS;
    const limitMs = this.#digits === '' ? this.#request.timeoutMs : this.#request.digitTimeoutMs;
    if (this.#waitedMs > limitMs) this.#judge('timeout');
  }

  onDigit(digit: string): void {
    // What is pressed while the caller is told of a wrong entry is not part of the next one.
    if (this.#isOver || this.#isInvalidPrompt) return;
    this.#waitedMs = 0;
    if (this.#request.terminators.includes(digit)) {
      this.#channel.variables.set('read_terminator_used', digit);
      this.#stopPrompt();
      this.#judge('success');
      return;
    }
    this.#digits += digit;
    this.#stopPrompt();
    if (this.#digits.length >= this.#request.max) this.#judge('success');
  }

  /** A break ends a prompt, never the wait for digits. */
  onBreak(): void {
    this.#player?.break();
  }

  onHangup(): void {
    this.#isOver = true;
    this.#player?.abort();
    this.#channel.variables.set('read_result', 'failure');
  }

  #playPrompt(file: string, then: () => void): void {
    const player = new Player(this.#channel, file, () => {
      if (this.#player === player) this.#player = undefined;
      if (!this.#isOver) then();
    });
    this.#player = player;
    player.start();
  }

  #stopPrompt(): void {
    const player = this.#player;
    this.#player = undefined;
    player?.break();
  }

  /** One entry is over: taken, refused and asked for again, or given up. */
  #judge(result: 'success' | 'timeout'): void {
    const { min, variable } = this.#request;
    const { variables } = this.#channel;
    const digits = this.#digits;
    if (this.#request.keepsAll === true) {
      variables.set('read_result', digits !== '' && digits.length >= min ? 'success' : 'failure');
      variables.set(variable, digits);
      this.#finish();
      return;
    }
    variables.set('read_result', result);
    variables.set(variable, '');
    if (min === 0 && digits === '') this.#finish();
    else if (digits.length >= min && this.#matches(digits)) {
      variables.set(variable, digits);
      this.#finish();
    } else {
      if (digits.length >= min) variables.set(`${variable}_invalid`, digits);
      this.#triesLeft--;
      this.#isInvalidPrompt = true;
      this.#waitedMs = Number.NEGATIVE_INFINITY;
      this.#playPrompt(this.#request.invalidPrompt, () => this.#tryAgain());
    }
  }

  #tryAgain(): void {
    if (this.#triesLeft > 0) this.start();
    else this.#finish();
  }

  #finish(): void {
    this.#isOver = true;
    this.#complete();
  }
}

/** A pattern that is empty matches everything, one that is broken nothing. */
function matcher(pattern: string): (digits: string) => boolean {
  if (pattern === '') return () => true;
  if (pattern.length > MAX_PATTERN_LENGTH) return () => false;
  try {
    const expression = new RegExp(pattern);
    return (digits) => expression.test(digits);
  } catch {
    return () => false;
  }
}
