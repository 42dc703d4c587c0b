// What somebody shows to open the root with: refusals are on record, and passphrases are guessed slowly.

import type { AuditAction } from '../../audit/entry.ts';
import { codeOf, WardlineError } from '../../kernel/errors.ts';
import type { SlotKind } from '../keys/slots.ts';
import { GuessMemory } from '../people/guess-limits.ts';
import type { Caller } from '../shapes.ts';
import type { InnerCore } from '../store/inner-core.ts';

/** Wrong passphrases in a row before the next one waits for half a minute, then twice as long each time, up to an hour. */
const FREE_FAILURES = 5;
/** Passphrases that wait for their turn. */
const MAX_WAITING = 16;

interface Attempt {
  readonly action: AuditAction;
  readonly caller: Caller;
  readonly slot: SlotKind;
}

export class SecretGuard {
  readonly #core: InnerCore;
  readonly #guesses: GuessMemory;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(core: InnerCore) {
    this.#core = core;
    this.#guesses = new GuessMemory(core.clock, FREE_FAILURES);
  }

  /** Other secrets have 128 bits and more: nobody guesses them, and nobody is kept out. @throws WardlineError `too-many-guesses` */
  async attempt<Opened>({ action, caller, slot }: Attempt, open: () => Promise<Opened>): Promise<Opened> {
    try {
      return await (slot === 'passphrase' ? this.#inTurn(open) : open());
    } catch (thrown) {
      this.#core.record({ action, ...caller, outcome: 'refused', detail: `by ${slot}: ${codeOf(thrown)}` });
      throw thrown;
    }
  }

  /** One passphrase after another, so that those which are tried at once are counted too. */
  async #inTurn<Opened>(open: () => Promise<Opened>): Promise<Opened> {
    if (this.#waiting >= MAX_WAITING) throw tooMany();
    this.#waiting++;
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    try {
      await before;
      if (this.#guesses.isLocked('passphrase')) throw tooMany();
      return await open();
    } catch (thrown) {
      if (codeOf(thrown) === 'wrong-secret') this.#guesses.fail('passphrase');
      throw thrown;
    } finally {
      this.#waiting--;
      resolve();
    }
  }
}

function tooMany(): WardlineError {
  const sentence = 'Too many wrong passphrases in a row: wait a while, or use the recovery code.';
  return new WardlineError('too-many-guesses', sentence);
}
