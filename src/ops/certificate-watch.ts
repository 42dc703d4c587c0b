// Hands a certificate that the vault has renewed to whoever shows it, while both run (`vault/clinic/tls.ts` renews 60 days before the end).
import type { Clock } from '../kernel/clock.ts';
import { codeOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';

/** PEM. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateWatchOptions {
  /** What is shown now. */
  readonly first: TlsMaterial;
  /** What the vault has. */
  readonly get: () => Promise<TlsMaterial>;
  /** Shows it to new connections from now on. */
  readonly hand: (tls: TlsMaterial) => void | Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Asking costs nothing, and needs no notice that a restart of the vault could lose. */
const LOOK_MS = 3_600_000;

export class CertificateWatch implements Disposable {
  readonly #options: CertificateWatchOptions;
  #handed: TlsMaterial;
  #current: TlsMaterial;
  #timer: Disposable | undefined;
  #isOver = false;

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
    this.#handed = options.first;
    this.#current = options.first;
    this.#schedule();
  }

  /** The newest one that is known, for whoever is started again. */
  get current(): TlsMaterial {
    return this.#current;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#timer?.[Symbol.dispose]();
  }

  #schedule(): void {
    if (!this.#isOver) this.#timer = this.#options.clock.after(LOOK_MS, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { get, hand, logger } = this.#options;
    try {
      const next = await get();
      this.#current = next;
      if (!this.#isOver && next.certificate !== this.#handed.certificate) {
        await hand(next);
        this.#handed = next;
        logger.info('a renewed certificate is shown from now on');
      }
    } catch (thrown) {
      logger.warn(
        { code: codeOf(thrown) },
        'whether a certificate was renewed could not be found out; it is tried again',
      );
    }
    this.#schedule();
  }
}
