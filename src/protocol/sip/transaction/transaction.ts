// One transaction, sans I/O: inputs and time go in, effects come out, and the one moment it wants to be woken is a value.
import type { Instant } from '../../../kernel/clock.ts';
import type { TransactionInput, TransactionState, TransactionTable } from './machine.ts';
import { type Effect, step, type TimerAction, type TimerName, type TransactionAction } from './machine.ts';
import { durations, T2_MS } from './timers.ts';

interface Timer {
  readonly name: TimerName;
  readonly due: number;
  /** How long it was started for; doubling begins here. */
  readonly forMs: number;
}

const NOTHING: readonly Effect[] = [];
const NONE: readonly Timer[] = [];

export class Transaction {
  readonly #table: TransactionTable;
  readonly #isReliable: boolean;
  /** One of a name; three at most. */
  #timers: readonly Timer[] = NONE;
  #state: TransactionState = 'initial';
  #ignored = 0;

  constructor(table: TransactionTable, isReliable: boolean) {
    this.#table = table;
    this.#isReliable = isReliable;
  }

  get state(): TransactionState {
    return this.#state;
  }

  get isOver(): boolean {
    return this.#state === 'terminated';
  }

  /** Inputs that its table lacks; they change nothing. */
  get ignored(): number {
    return this.#ignored;
  }

  /** When `wake` is to be called; undefined when no timer runs. */
  nextWake(): Instant | undefined {
    let next: number | undefined;
    for (const { due } of this.#timers) if (next === undefined || due < next) next = due;
    return next as Instant | undefined;
  }

  /** Feeds one input. Undefined when the table lacks it for this state: the input was ignored. */
  handle(input: TransactionInput, now: Instant): readonly Effect[] | undefined {
    const cell = step(this.#table, this.#state, input);
    if (cell === undefined) {
      this.#ignored += 1;
      return undefined;
    }
    const [next, ...actions] = cell;
    this.#state = next;
    if (next === 'terminated') this.#timers = NONE;
    if (actions.length === 0) return NOTHING;
    const effects: Effect[] = [];
    for (const action of actions) if (!this.#runTimerAction(action, now)) effects.push(action as Effect);
    // A timer of zero length ends the transaction in the same breath (timers D, I, J and K over reliable transports).
    return this.#timers.length === 0 ? effects : effects.concat(this.wake(now));
  }

  /** Fires every timer that is due at `now`, in order. */
  wake(now: Instant): readonly Effect[] {
    let effects: readonly Effect[] = NOTHING;
    for (let timer = this.#dueTimer(now); timer !== undefined; timer = this.#dueTimer(now)) {
      this.#stop(timer.name);
      this.#fired = timer;
      effects = effects.concat(this.handle(`timer-${timer.name}`, now) ?? NOTHING);
    }
    return effects;
  }

  /** The timer that fires now, which a backoff continues. */
  #fired: Timer | undefined;

  #dueTimer(now: Instant): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (timer.due <= now && timer.due < (first?.due ?? Infinity)) first = timer;
    return first;
  }

  /** False when the action is no timer's. */
  #runTimerAction(action: TransactionAction, now: Instant): action is TimerAction {
    if (action === 'start-e-at-t2') this.#start('e', T2_MS, now);
    else if (action.startsWith('start-')) this.#startFresh(action.slice(6) as TimerName, now);
    else if (action.startsWith('stop-')) this.#stop(action.slice(5) as TimerName);
    else if (action.startsWith('backoff-')) this.#double(action.slice(8) as TimerName, now);
    else return false;
    return true;
  }

  #startFresh(name: TimerName, now: Instant): void {
    const forMs = this.#isReliable ? durations[name].reliable : durations[name].unreliable;
    if (forMs !== undefined) this.#start(name, forMs, now);
  }

  #double(name: TimerName, now: Instant): void {
    const doubled = 2 * (this.#fired?.forMs ?? durations[name].unreliable);
    this.#start(name, Math.min(doubled, durations[name].atMost ?? doubled), now);
  }

  #start(name: TimerName, forMs: number, now: Instant): void {
    this.#stop(name);
    this.#timers = [...this.#timers, { name, due: now + forMs, forMs }];
  }

  #stop(name: TimerName): void {
    if (this.#timers.some((timer) => timer.name === name))
      this.#timers = this.#timers.filter((timer) => timer.name !== name);
  }
}
