// The vault inside this process, under an exclusive lock: for the command line when no appliance runs, for first start and tests.
import type { Clock } from '../kernel/clock.ts';
import { createLogger, type Logger } from '../kernel/logger.ts';
import type { AnswerTo, Ask, Vault, VaultOperation } from './contract.ts';
import { OpenVault } from './open-vault.ts';

export interface LocalVaultOptions {
  readonly dataFolder: string;
  /** The unattended slot's secret. */
  readonly keyFile: string;
  readonly credentialsFolder?: string | undefined;
  /** Where signed audit heads are appended. */
  readonly headsFile: string;
  /** RAM-backed; play-out files go to `<spool>/out`. */
  readonly spoolFolder: string;
  readonly clock: Clock;
  /** Opens the service half only, whatever the slot gives. */
  readonly startLocked?: boolean;
  readonly log?: Logger;
}

const NOTHING = new Uint8Array(0);

/**
 * Opens the vault; nobody else can until it is disposed.
 * @throws WardlineError `vault-missing`, `vault-in-use`, `vault-damaged`, `vault-newer`, `key-file-missing`, `key-file-damaged`,
 * `wrong-secret`, `folder-unwritable`
 */
export async function openLocalVault(options: LocalVaultOptions): Promise<Vault & AsyncDisposable> {
  const log = options.log ?? createLogger({ role: 'vault', level: 'silent' });
  const vault = await OpenVault.open({ ...options, log, startLocked: options.startLocked ?? false, canResume: false });
  const context = { role: 'local', persons: new Map<string, string>() };
  return {
    ask: async <Operation extends VaultOperation>(operation: Operation, ask: Ask<Operation>, body = NOTHING) =>
      (await vault.answer(operation, ask, body, context)).answer,
    askForBytes: async <Operation extends VaultOperation>(operation: Operation, ask: Ask<Operation>) => {
      const { answer, body } = await vault.answer(operation, ask, NOTHING, context);
      return { answer: answer as AnswerTo<Operation>, body: body ?? NOTHING };
    },
    onNotice: (listener) => vault.onNotice(listener),
    [Symbol.asyncDispose]: () => vault[Symbol.asyncDispose](),
  };
}
