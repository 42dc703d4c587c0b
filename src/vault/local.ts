// The vault inside this process, under an exclusive lock: for the command line when no appliance runs, for first start and tests.
import type { Clock } from '../kernel/clock.ts';
import { WardlineError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Vault } from './contract.ts';

export interface LocalVaultOptions {
  readonly dataFolder: string;
  /** The unattended slot's secret. */
  readonly keyFile: string;
  /** Where signed audit heads are appended. */
  readonly headsFile: string;
  /** RAM-backed; play-out files go to `<spool>/out`. */
  readonly spoolFolder: string;
  readonly clock: Clock;
  /** Opens the service half only, whatever the slot gives. */
  readonly startLocked?: boolean;
  readonly log?: Logger;
}

/** @throws WardlineError `vault-missing`, `vault-in-use`, `vault-damaged`, `key-file-missing`, `wrong-secret`, `folder-unwritable` */
export async function openLocalVault(_options: LocalVaultOptions): Promise<Vault & AsyncDisposable> {
  throw new WardlineError('not-built', 'The vault is being built.');
}
