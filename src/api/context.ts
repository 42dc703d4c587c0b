// What the routes work with, passed to each as one value.

import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Vault } from '../vault/contract.ts';
import type { Hearings } from './audio/hearings.ts';
import type { VaultCheck } from './vault-check.ts';

/** How the appliance stands, without a word that tells of people. */
export interface ApplianceHealth {
  readonly ok: boolean;
  /** `vault`, `edge`, `media`. */
  readonly parts: Readonly<Record<string, 'up' | 'down'>>;
}

/** Requests a minute from one address. */
export interface RateLimits {
  readonly all: number;
  /** Login, and each step of enrolment. */
  readonly login: number;
}

export interface ApiContext {
  readonly vault: Vault;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The name in the console's URL and certificate. */
  readonly hostName: string;
  readonly status: () => ApplianceHealth | Promise<ApplianceHealth>;
  readonly hearings: Hearings;
  readonly check: VaultCheck;
  readonly limits: RateLimits;
}
