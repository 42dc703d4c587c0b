// Work that nobody awaits: captures being sealed, files being closed, BYEs on their way. Failures are logged; closing waits for the rest.
import { codeOf } from '../../../kernel/errors.ts';
import type { Logger } from '../../../kernel/logger.ts';

export class WorkInHand {
  readonly #logger: Logger;
  readonly #running = new Set<Promise<void>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  readonly supervise = (work: Promise<unknown>): void => {
    const watched = work.then(
      () => undefined,
      (error: unknown) => this.#logger.error({ code: codeOf(error) }, 'work beside a call failed'),
    );
    this.#running.add(watched);
    void watched.then(() => this.#running.delete(watched));
  };

  async finished(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
