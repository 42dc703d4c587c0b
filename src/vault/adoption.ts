// Adoption: while records are unlocked, boxed keys are opened once and re-wrapped under their epoch's symmetric key, in slices.
import type { InnerCore } from './engine.ts';
import { VAULT_ACTOR } from './engine.ts';

const SLICE_KEYS = 40;
const BETWEEN_SLICES_MS = 20;
const BETWEEN_PASSES_MS = 60_000;

export class Adoption implements Disposable {
  readonly #core: InnerCore;
  #timer: Disposable | undefined;

  constructor(core: InnerCore) {
    this.#core = core;
  }

  /** Begins, or goes on after an unlock. */
  start(): void {
    this.#schedule(BETWEEN_SLICES_MS);
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #schedule(delayMs: number): void {
    this.stop();
    this.#timer = this.#core.clock.after(delayMs, () => this.#slice());
  }

  #slice(): void {
    if (!this.#core.keyring.isUnlocked) return;
    try {
      this.#schedule(this.#adopt() ? BETWEEN_SLICES_MS : BETWEEN_PASSES_MS);
    } catch (thrown) {
      this.#core.log.error({ err: thrown }, 'keys could not be adopted');
      this.#schedule(BETWEEN_PASSES_MS);
    }
  }

  /** Answers whether there is more to do. */
  #adopt(): boolean {
    const { keys } = this.#core;
    const rows = keys.boxed(SLICE_KEYS);
    if (rows.length === 0) return false;
    const detail = `${rows.length} keys`;
    const entry = { action: 'artifact-adopted', actor: VAULT_ACTOR, address: '', outcome: 'ok', detail } as const;
    this.#core.transact(entry, () => keys.adopt(rows));
    return rows.length === SLICE_KEYS;
  }
}
