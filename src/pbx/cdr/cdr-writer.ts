// Writes each call's record once, and keeps trying while the vault is away, up to a limit that is said when it is reached.
import type { Clock } from '../../kernel/clock.ts';
import { codeOf } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Cdr } from '../../model/cdr.ts';
import type { Vault } from '../../vault/contract.ts';

export interface CdrWriterOptions {
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
}

const MAX_WAITING = 5_000;
const RETRY_MS = 1_000;
/** Refusals that trying again cannot mend. */
const FINAL_CODES: ReadonlySet<string> = new Set(['bad-request', 'not-json', 'invalid']);

export class CdrWriter implements AsyncDisposable {
  readonly #options: CdrWriterOptions;
  readonly #waiting: Cdr[] = [];
  #retry: Disposable | undefined;
  #writing: Promise<void> | undefined;
  #dropped = 0;

  constructor(options: CdrWriterOptions) {
    this.#options = options;
  }

  /** Records that could not be kept since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  put(cdr: Cdr): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#waiting.shift();
      this.#dropped++;
      this.#options.logger.error('a call record was lost: the vault has been away for too long');
    }
    this.#waiting.push(cdr);
    this.#start();
  }

  /** Writes what waits, once more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopRetry();
    this.#start();
    await this.#writing;
    this.#stopRetry();
  }

  #stopRetry(): void {
    this.#retry?.[Symbol.dispose]();
    this.#retry = undefined;
  }

  #start(): void {
    if (this.#writing !== undefined || this.#retry !== undefined) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    const { vault, clock, logger } = this.#options;
    for (let cdr = this.#waiting[0]; cdr !== undefined; cdr = this.#waiting[0]) {
      try {
        await vault.ask('cdr.put', { cdr });
      } catch (error) {
        if (!FINAL_CODES.has(codeOf(error))) {
          this.#retry = clock.after(RETRY_MS, () => {
            this.#retry = undefined;
            this.#start();
          });
          return;
        }
        this.#dropped++;
        logger.error({ code: codeOf(error) }, 'a call record was refused by the vault');
      }
      if (this.#waiting[0] === cdr) this.#waiting.shift();
    }
  }
}
