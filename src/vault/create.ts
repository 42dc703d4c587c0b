// Makes a vault: its key halves and slots, the private CA and certificates, the signing key, and the first audit entries.
import type { Clock } from '../kernel/clock.ts';
import { WardlineError } from '../kernel/errors.ts';
import type { Clinic } from '../model/clinic.ts';

export interface NewVault {
  readonly dataFolder: string;
  /** Made with mode 0400 when absent. */
  readonly keyFile: string;
  readonly headsFile: string;
  readonly clock: Clock;
  /** The name in the console's URL and the certificates. */
  readonly hostName: string;
  /** IP addresses for the certificates, beside loopback. */
  readonly addresses: readonly string[];
  /** The digest realm, fixed from here on. */
  readonly realm: string;
  readonly clinic: Clinic;
  /** `service`: records stay locked at every start until somebody unlocks them. Default `both`. */
  readonly keyFileOpens?: 'service' | 'both';
}

/** Whether there is a vault in `dataFolder`. */
export function hasVault(_dataFolder: string): boolean {
  return false;
}

/**
 * Makes the vault and closes it again. The recovery code is shown once, by the caller, and kept nowhere.
 * @throws WardlineError `vault-exists`, `folder-unwritable`
 */
export async function createVault(_options: NewVault): Promise<{ recoveryCode: string }> {
  throw new WardlineError('not-built', 'The vault is being built.');
}
