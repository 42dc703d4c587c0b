// Runs one sans-I/O transaction on a clock: feeds it, arms the one timer it asks for, and carries out its effects.
import type { Clock } from '../../kernel/clock.ts';
import type {
  Effect,
  TransactionInput,
  TransactionState,
  TransactionTable,
} from '../../protocol/sip/transaction/machine.ts';
import { Transaction } from '../../protocol/sip/transaction/transaction.ts';

export interface DriverOwner {
  perform(effect: Effect): void;
  /** Once, when the machine has terminated. */
  over(): void;
}

export class TransactionDriver {
  readonly #machine: Transaction;
  readonly #clock: Clock;
  readonly #owner: DriverOwner;
  #armed: Disposable | undefined;
  #armedFor: number | undefined;
  #isFinished = false;

  constructor(table: TransactionTable, isReliable: boolean, clock: Clock, owner: DriverOwner) {
    this.#machine = new Transaction(table, isReliable);
    this.#clock = clock;
    this.#owner = owner;
  }

  get state(): TransactionState {
    return this.#machine.state;
  }

  get isOver(): boolean {
    return this.#machine.isOver;
  }

  /** Returns whether the machine knew the input in its state. */
  feed(input: TransactionInput): boolean {
    const effects = this.#machine.handle(input, this.#clock.monotonic());
    if (effects !== undefined) this.#settle(effects);
    return effects !== undefined;
  }

  /** Forgets its timer, without an ending. */
  stop(): void {
    this.#isFinished = true;
    this.#armed?.[Symbol.dispose]();
    this.#armed = undefined;
  }

  #settle(effects: readonly Effect[]): void {
    this.#arm();
    for (const effect of effects) this.#owner.perform(effect);
    if (!this.#machine.isOver || this.#isFinished) return;
    this.stop();
    this.#owner.over();
  }

  #arm(): void {
    const next = this.#machine.nextWake();
    if (next === this.#armedFor || this.#isFinished) return;
    this.#armed?.[Symbol.dispose]();
    this.#armedFor = next;
    this.#armed =
      next === undefined
        ? undefined
        : this.#clock.after(Math.max(0, Math.ceil(next - this.#clock.monotonic())), this.#wake);
  }

  readonly #wake = (): void => {
    this.#armedFor = undefined;
    this.#settle(this.#machine.wake(this.#clock.monotonic()));
  };
}
