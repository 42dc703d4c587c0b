// Refused sources in the audit trail: at most one entry a minute for each address, however often it tries.
import type { Clock } from '../../kernel/clock.ts';
import { codeOf } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Vault } from '../../vault/contract.ts';

export interface SourceReportsOptions {
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Refusals within a minute that make an entry: a first mistyped password is none, a stranger's first call is. */
  readonly triesToReport: number;
}

const WINDOW_MS = 60_000;
const MAX_SOURCES = 1_000;

interface Window {
  readonly since: number;
  tries: number;
  hasReported: boolean;
}

export class SourceReports {
  readonly #options: SourceReportsOptions;
  readonly #windows = new Map<string, Window>();

  constructor(options: SourceReportsOptions) {
    this.#options = options;
  }

  /** Counts one refused request from `source`. */
  add(source: string): void {
    const now = this.#options.clock.monotonic();
    let window = this.#windows.get(source);
    if (window === undefined || now - window.since >= WINDOW_MS) {
      window = { since: now, tries: 0, hasReported: false };
      this.#windows.delete(source);
      this.#windows.set(source, window);
      this.#limit();
    }
    window.tries++;
    if (window.tries < this.#options.triesToReport || window.hasReported) return;
    window.hasReported = true;
    void this.#report(source, window.tries);
  }

  #limit(): void {
    const oldest = this.#windows.keys().next().value;
    if (this.#windows.size > MAX_SOURCES && oldest !== undefined) this.#windows.delete(oldest);
  }

  async #report(source: string, tries: number): Promise<void> {
    const { vault, logger } = this.#options;
    const actor = { kind: 'service', name: 'registrar' } as const;
    const detail = `${tries} refused requests within a minute`;
    const entry = { action: 'registration-failed', actor, address: source, outcome: 'refused', detail } as const;
    await vault.ask('audit.put', { entry }).catch((error: unknown) => {
      logger.warn({ code: codeOf(error) }, 'a refused registration could not be audited');
    });
  }
}
