// Adoption: while records are unlocked, boxed keys are opened once and re-wrapped under their epoch's symmetric key, in slices: by a
// reader, so that the vault's own thread only writes them.
import { codeOf } from '../../kernel/errors.ts';
import type { Readers } from '../reading/readers.ts';
import type { InnerCore } from '../store/inner-core.ts';
import { VAULT_ACTOR } from '../store/inner-core.ts';

const SLICE_KEYS = 100;
const BETWEEN_SLICES_MS = 20;
const BETWEEN_PASSES_MS = 60_000;

export class Adoption implements Disposable {
  readonly #core: InnerCore;
  readonly #readers: Readers;
  #isRunning = false;
  #timer: Disposable | undefined;

  constructor(core: InnerCore, readers: Readers) {
    this.#core = core;
    this.#readers = readers;
  }

  /** Begins, or goes on after an unlock. */
  start(): void {
    this.#isRunning = true;
    this.#schedule(BETWEEN_SLICES_MS);
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #schedule(delayMs: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#core.clock.after(delayMs, () => void this.#slice());
  }

  async #slice(): Promise<void> {
    try {
      const hasMore = await this.#adopt();
      if (this.#isRunning) this.#schedule(hasMore ? BETWEEN_SLICES_MS : BETWEEN_PASSES_MS);
    } catch (thrown) {
      if (!this.#isRunning) return; // locked or closed in the middle of it
      const code = codeOf(thrown);
      if (code !== 'vault-closing') this.#core.log.error({ err: thrown }, 'keys could not be adopted');
      this.#schedule(BETWEEN_PASSES_MS);
    }
  }

  /** Answers whether there is more to do. */
  async #adopt(): Promise<boolean> {
    if (!this.#core.keys.hasBoxed) return false;
    const { keys } = (await this.#readers.run('keys.rewrap', { limit: SLICE_KEYS })).answer;
    if (keys.length === 0 || !this.#isRunning) return false;
    const detail = `${keys.length} keys`;
    const entry = { action: 'artifact-adopted', actor: VAULT_ACTOR, address: '', outcome: 'ok', detail } as const;
    this.#core.transact(entry, () => this.#core.keys.replace(keys));
    return keys.length === SLICE_KEYS;
  }
}
