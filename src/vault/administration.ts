// The vault itself: its status, and unlocking and locking of the records half.
import { readFileSync } from 'node:fs';
import type { UtcMs } from '../kernel/clock.ts';
import { codeOf } from '../kernel/errors.ts';
import { wipeEverywhere } from '../seal/sodium.ts';
import type { Handlers } from './handlers.ts';
import type { Readers } from './reading/readers.ts';
import type { VaultStatus } from './shapes.ts';
import type { InnerCore } from './store/inner-core.ts';
import type { Adoption } from './unlocking/adoption.ts';
import type { SecretGuard } from './unlocking/secret-guard.ts';
import { type UnattendedSecrets, unlockUnattended } from './unlocking/unattended.ts';

export type AdministrationOperation = 'status' | 'memory' | 'unlock' | 'lock';

export interface AdministrationParts {
  readonly core: InnerCore;
  readonly secrets: UnattendedSecrets;
  readonly guard: SecretGuard;
  readonly adoption: Adoption;
  readonly readers: Readers;
  /** What the checks found, rows that do not open, and what is overdue. */
  readonly problems: () => readonly string[];
  readonly lastHead: () => VaultStatus['lastHead'];
}

export function administrationHandlers(parts: AdministrationParts): Pick<Handlers, AdministrationOperation> {
  return { status: () => statusOf(parts), memory: () => memoryOf(process), ...lockHandlers(parts) };
}

async function statusOf({ core, problems, lastHead, readers }: AdministrationParts): Promise<VaultStatus> {
  const { keyring, trail } = core;
  const counts = await countsOf(readers);
  const head = lastHead();
  return {
    formatVersion: keyring.identity.format,
    records: keyring.isUnlocked ? 'unlocked' : 'locked',
    createdAt: keyring.identity.createdAt as UtcMs,
    auditSequence: trail.sequence,
    auditHead: Buffer.from(trail.link).toString('hex'),
    problems: problems(),
    counts: { ...counts, users: core.records.count('users') },
    slots: keyring.slots().map(({ id, kind, opens }) => ({ id, kind, opens })),
    ...(head !== undefined && { lastHead: head }),
  };
}

/** Asked once more when the keys change just then, which ends a reader. */
async function countsOf(readers: Readers) {
  const ask = async () => (await readers.run('counts', {})).answer;
  return ask().catch((thrown: unknown) => {
    if (codeOf(thrown) !== 'vault-closing') throw thrown;
    return ask();
  });
}

/** Of the process that holds the keys, as Linux tells it. */
function memoryOf({ report }: NodeJS.Process) {
  const swapped = /^VmSwap:\s+(\d+) kB/m.exec(readProc('status'))?.[1];
  const coreLimit = /^Max core file size\s+(\S+)/m.exec(readProc('limits'))?.[1] ?? 'unknown';
  const { reportOnFatalError, reportOnSignal, reportOnUncaughtException } = report;
  return {
    swappedKb: Number(swapped ?? 0),
    coreLimit,
    hasReports: reportOnFatalError || reportOnSignal || reportOnUncaughtException,
  };
}

function readProc(name: 'status' | 'limits'): string {
  try {
    return readFileSync(`/proc/self/${name}`, 'utf8');
  } catch {
    return '';
  }
}

/** Who may have the vault read its own key file or credential: they hold the machine. */
const MACHINE_ROLES: ReadonlySet<string> = new Set(['cli', 'local']);

function lockHandlers({ core, adoption, secrets, guard }: AdministrationParts): Pick<Handlers, 'unlock' | 'lock'> {
  const { keyring, epochs } = core;
  return {
    unlock: async ({ caller, slot, secret }, _body, { role }) => {
      await guard.attempt({ action: 'vault-unlocked', caller, slot }, async () => {
        const isUnattended = slot === 'key-file' || slot === 'systemd-credential';
        if (secret === '' && isUnattended && MACHINE_ROLES.has(role)) await unlockUnattended(keyring, slot, secrets);
        else await keyring.unlock(slot, secret);
      });
      core.record({ action: 'vault-unlocked', ...caller, outcome: 'ok', detail: `by ${slot}` });
      adoption.start();
      core.notify('records.unlocked', {});
      return { records: 'unlocked' };
    },
    lock: ({ caller }) => {
      core.record({ action: 'vault-locked', ...caller, outcome: 'ok' });
      adoption.stop();
      if (keyring.isUnlocked) wipeEverywhere([...epochs.held, keyring.records.privateKey]);
      epochs.lock();
      keyring.lock();
      core.notify('records.locked', {});
      return { records: 'locked' };
    },
  };
}
