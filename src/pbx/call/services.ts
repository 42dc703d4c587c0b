// What every call stands on: the engines, the vault, the clinic as it is now, and time.
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { ContactBinding } from '../../model/binding.ts';
import type { Cdr } from '../../model/cdr.ts';
import type { Clinic, Prompt } from '../../model/clinic.ts';
import type { Vault } from '../../vault/contract.ts';
import type { LegContext } from '../leg/leg.ts';

export interface CallServices {
  readonly legs: LegContext;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
  readonly logger: Logger;
  /** As it is at this moment; a running call may see it change. */
  clinic(): Clinic;
  /** The file of a prompt, absolute or under the media server's sounds folder. */
  promptPath(prompt: Prompt): string;
  /** Where the media server records to; the vault seals what is written there. */
  readonly spoolFolder: string;
  /** Live bindings of a phone, the preferred ones first. */
  bindingsOf(username: string): readonly ContactBinding[];
  putCdr(cdr: Cdr): void;
}
