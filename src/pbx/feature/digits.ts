// Digits that a caller presses, kept in order from the moment somebody listens, so that none is lost between two prompts.
import type { Clock } from '../../kernel/clock.ts';
import type { Media } from '../leg/media.ts';

const MAX_DIGITS = 64;

export class Digits implements Disposable {
  readonly #clock: Clock;
  readonly #media: Media;
  readonly #subscription: Disposable;
  #pressed: string[] = [];
  #waiting: ((digit: string | undefined) => void) | undefined;
  #isListening = false;

  constructor(media: Media, clock: Clock) {
    this.#clock = clock;
    this.#media = media;
    this.#subscription = media.onDigit((digit) => this.#press(digit));
  }

  get hasPressed(): boolean {
    return this.#pressed.length > 0;
  }

  /** Plays until the end or the first digit, whichever is first. A digit that already waits stops it from starting. */
  async playUnlessPressed(files: readonly string[]): Promise<void> {
    if (this.hasPressed) return;
    this.#isListening = true;
    try {
      await this.#media.play(files);
    } finally {
      this.#isListening = false;
    }
  }

  /** The next digit, or undefined after `ms` of silence or when the caller has left. */
  next(ms: number): Promise<string | undefined> {
    const digit = this.#pressed.shift();
    if (digit !== undefined) return Promise.resolve(digit);
    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, () => this.#waiting?.(undefined));
      const watch = this.#media.ending.onEnd(() => this.#waiting?.(undefined));
      this.#waiting = (pressed) => {
        this.#waiting = undefined;
        timer[Symbol.dispose]();
        watch?.[Symbol.dispose]();
        resolve(pressed);
      };
      if (this.#media.ending.hasEnded) this.#waiting(undefined);
    });
  }

  clear(): void {
    this.#pressed = [];
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#waiting?.(undefined);
  }

  #press(digit: string): void {
    if (this.#waiting !== undefined) {
      this.#waiting(digit);
      return;
    }
    if (this.#pressed.length < MAX_DIGITS) this.#pressed.push(digit);
    if (this.#isListening) this.#media.stop().catch(() => {});
  }
}
