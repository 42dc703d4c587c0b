// One ending: something that ends once, with a cause, and everything that waits for it (architecture, "every call has exactly one ending").
import type { Clock } from '../../kernel/clock.ts';
import { WardlineError } from '../../kernel/errors.ts';

/** Ends once. Later endings are ignored; a listener added afterwards is called at once. */
export class Ending<Cause> {
  #cause: Cause | undefined;
  #listeners = new Set<(cause: Cause) => void>();

  get cause(): Cause | undefined {
    return this.#cause;
  }

  get hasEnded(): boolean {
    return this.#cause !== undefined;
  }

  /** True for the first, which is the one that counts. */
  end(cause: Cause): boolean {
    if (this.#cause !== undefined) return false;
    this.#cause = cause;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener(cause);
    return true;
  }

  onEnd(listener: (cause: Cause) => void): Disposable {
    if (this.#cause !== undefined) listener(this.#cause);
    else this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  wait(): Promise<Cause> {
    return new Promise((resolve) => this.onEnd(resolve));
  }
}

export interface Bounds {
  readonly clock: Clock;
  readonly ms: number;
  /** A few words for the error: `answering`. */
  readonly what: string;
  /** Whose end makes the wait pointless. */
  readonly ending?: { onEnd(listener: () => void): Disposable };
}

/** `work`, unless its owner ends first (`leg-ended`) or `ms` pass (`leg-timeout`): fsmrf's promises may never settle. */
export function within<Value>(work: Promise<Value>, { clock, ms, what, ending }: Bounds): Promise<Value> {
  return new Promise<Value>((resolve, reject) => {
    let watch: Disposable | undefined;
    const timer = clock.after(ms, () => settle(() => reject(timedOut(what))));
    watch = ending?.onEnd(() => settle(() => reject(legEnded(what))));
    function settle(act: () => void): void {
      timer[Symbol.dispose]();
      watch?.[Symbol.dispose]();
      act();
    }
    work.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

function timedOut(what: string): WardlineError {
  return new WardlineError('leg-timeout', `The telephone engine did not finish ${what} in time; the call was ended.`);
}

function legEnded(what: string): WardlineError {
  return new WardlineError('leg-ended', `The party left during ${what}.`);
}

/** True when `error` only says that a party went away, which is how most calls end. */
export function isLegEnded(error: unknown): boolean {
  return error instanceof WardlineError && error.code === 'leg-ended';
}
