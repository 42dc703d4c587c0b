// The check of everything in the vault as an administrator begins it here: one at a time, with how far it is and what it found.
import type { Clock } from '../kernel/clock.ts';
import { codeOf, sentenceOf, WardlineError } from '../kernel/errors.ts';
import type { Vault } from '../vault/contract.ts';
import type { Caller } from '../vault/shapes.ts';
import type { CheckView } from './schemas-vault.ts';

const PHASES: Readonly<Record<string, string>> = {
  'audit.progress': 'The audit trail',
  'vault.progress': 'Records and audio',
};
const none: CheckView = { state: 'none', phase: '', done: 0, all: 0, problems: [], reason: '' };

export class VaultCheck {
  readonly #vault: Vault;
  readonly #clock: Clock;
  #view = none;

  constructor(vault: Vault, clock: Clock) {
    this.#vault = vault;
    this.#clock = clock;
  }

  get view(): CheckView {
    return this.#view;
  }

  /** Goes on after the answer; it may take hours. @throws WardlineError `check-running` */
  begin(caller: Caller): void {
    if (this.#view.state === 'running')
      throw new WardlineError('check-running', 'Everything is being checked already; wait until that is done.');
    this.#view = { ...none, state: 'running', phase: 'The audit trail' };
    void this.#run(caller);
  }

  async #run(caller: Caller): Promise<void> {
    using _notices = this.#vault.onNotice(({ type, payload }) => {
      const phase = PHASES[type];
      if (phase === undefined) return;
      const { done, all } = payload as { done: number; all: number };
      this.#view = { ...this.#view, phase, done, all };
    });
    try {
      const { problems } = await this.#vault.ask('vault.verify', { caller });
      this.#view = { ...none, state: 'done', at: this.#clock.now(), problems: [...problems] };
    } catch (thrown) {
      const reason = codeOf(thrown) === 'records-locked' ? 'the records are locked' : sentenceOf(thrown);
      this.#view = { ...none, state: 'ended', at: this.#clock.now(), reason };
    }
  }
}
