// One transaction, sans I/O: inputs and time go in, effects come out, and the one moment it wants to be woken is a value.
import type { Instant } from '../../../kernel/clock.ts';
import type { TransactionInput, TransactionState, TransactionTable } from './machine.ts';
import { type Effect, step, type TimerAction, type TimerName, type TransactionAction } from './machine.ts';
import { durations, T2_MS } from './timers.ts';

interface Timer {
  readonly due: number;
  /** How long it was started for; doubling begins here. */
  readonly forMs: number;
}

const NOTHING: readonly Effect[] = [];

export class Transaction {
  readonly #table: TransactionTable;
  readonly #isReliable: boolean;
  readonly #timers = new Map<TimerName, Timer>();
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
    for (const { due } of this.#timers.values()) if (next === undefined || due < next) next = due;
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
    if (next === 'terminated') this.#timers.clear();
    if (actions.length === 0) return NOTHING;
    const effects: Effect[] = [];
    for (const action of actions) if (!this.#runTimerAction(action, now)) effects.push(action as Effect);
    // A timer of zero length ends the transaction in the same breath (timers D, I, J and K over reliable transports).
    return this.#timers.size === 0 ? effects : effects.concat(this.wake(now));
  }

  /** Fires every timer that is due at `now`, in order. */
  wake(now: Instant): readonly Effect[] {
    let effects: readonly Effect[] = NOTHING;
    for (let name = this.#dueTimer(now); name !== undefined; name = this.#dueTimer(now)) {
      const timer = this.#timers.get(name);
      this.#timers.delete(name);
      this.#fired = timer;
      effects = effects.concat(this.handle(`timer-${name}`, now) ?? NOTHING);
    }
    return effects;
  }

  /** The timer that fires now, which a backoff continues. */
  #fired: Timer | undefined;

  #dueTimer(now: Instant): TimerName | undefined {
    let first: TimerName | undefined;
    let firstDue = Number.POSITIVE_INFINITY;
    for (const [name, { due }] of this.#timers) if (due <= now && due < firstDue) [first, firstDue] = [name, due];
    return first;
  }

  /** False when the action is no timer's. */
  #runTimerAction(action: TransactionAction, now: Instant): action is TimerAction {
    if (action === 'start-e-at-t2') this.#start('e', T2_MS, now);
    else if (action.startsWith('start-')) this.#startFresh(action.slice(6) as TimerName, now);
    else if (action.startsWith('stop-')) this.#timers.delete(action.slice(5) as TimerName);
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
    this.#timers.set(name, { due: now + forMs, forMs });
  }
}
