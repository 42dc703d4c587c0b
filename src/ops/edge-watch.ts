// The controller's eye on the edge: tells it the carriers' addresses, which are never banned, and puts its bans on record.
import { LinkClient } from '../ipc/client.ts';
import type { Json } from '../kernel/canonical.ts';
import type { Clock } from '../kernel/clock.ts';
import { codeOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Vault } from '../vault/contract.ts';

export interface EdgeWatchOptions {
  /** The path of `edge.sock`. */
  readonly socket: string;
  readonly token: string;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class EdgeWatch implements Disposable {
  readonly #options: EdgeWatchOptions;
  readonly #link: LinkClient;
  readonly #notices: Disposable;

  constructor(options: EdgeWatchOptions) {
    const { socket, token, vault, clock } = options;
    this.#options = options;
    this.#link = new LinkClient({
      path: socket,
      role: 'controller',
      token,
      clock,
      onUp: () => void this.#tellCarriers(),
      onNotice: ({ payload }, _link, type) => {
        if (type === 'source-banned') void this.#putOnRecord(payload);
      },
    });
    this.#notices = vault.onNotice(({ type }) => {
      if (type === 'clinic.changed') void this.#tellCarriers();
    });
  }

  [Symbol.dispose](): void {
    this.#notices[Symbol.dispose]();
    this.#link[Symbol.dispose]();
  }

  async #tellCarriers(): Promise<void> {
    const { vault, logger } = this.#options;
    try {
      const { clinic } = await vault.ask('clinic.get', {});
      const addresses = clinic.trunks.flatMap((trunk) => trunk.addresses);
      await this.#link.request('bans.exempt', { addresses });
    } catch (thrown) {
      logger.warn({ code: codeOf(thrown) }, 'the edge was not told which addresses are carriers; it may ban one');
    }
  }

  async #putOnRecord(ban: Json): Promise<void> {
    const { vault, logger } = this.#options;
    const fields = new Map(typeof ban === 'object' && ban !== null ? Object.entries(ban) : []);
    const [address, reason, listener] = ['address', 'reason', 'listener'].map((name) => String(fields.get(name) ?? ''));
    const actor = { kind: 'service', name: 'edge' } as const;
    const detail = `${reason} on ${listener}`;
    const entry = { action: 'source-banned', actor, address: address ?? '', outcome: 'refused', detail } as const;
    await vault.ask('audit.put', { entry }).catch((thrown: unknown) => {
      logger.warn({ code: codeOf(thrown) }, 'a ban could not be audited');
    });
  }
}
