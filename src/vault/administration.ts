// The vault itself: its status, and unlocking and locking of the records half.
import type { UtcMs } from '../kernel/clock.ts';
import { codeOf } from '../kernel/errors.ts';
import type { Adoption } from './adoption.ts';
import type { Backups } from './backup/targets.ts';
import type { VaultStatus } from './contract.ts';
import type { InnerCore } from './engine.ts';
import type { Handlers } from './operations.ts';
import { type UnattendedSecrets, unlockUnattended } from './unattended.ts';

export type AdministrationOperation = 'status' | 'unlock' | 'lock';

export interface AdministrationParts {
  readonly core: InnerCore;
  readonly secrets: UnattendedSecrets;
  readonly adoption: Adoption;
  readonly backups: Backups;
  /** What the checks at start found; grows while the one in the background runs. */
  readonly problems: readonly string[];
}

export function administrationHandlers(parts: AdministrationParts): Pick<Handlers, AdministrationOperation> {
  return { status: () => statusOf(parts), ...lockHandlers(parts) };
}

function statusOf({ core, backups, problems }: AdministrationParts): VaultStatus {
  const { keyring, trail, db } = core;
  const countOf = (kind: string) =>
    db.prepare('SELECT count(*) FROM artifacts WHERE kind = ?').pluck().get(kind) as number;
  return {
    formatVersion: keyring.identity.format,
    records: keyring.isUnlocked ? 'unlocked' : 'locked',
    createdAt: keyring.identity.createdAt as UtcMs,
    auditSequence: trail.sequence,
    auditHead: Buffer.from(trail.link).toString('hex'),
    problems: [...problems, ...core.fenced, ...backups.overdue()],
    counts: {
      calls: db.prepare('SELECT count(*) FROM calls').pluck().get() as number,
      voicemails: countOf('voicemail'),
      recordings: countOf('recording'),
      users: core.records.count('users'),
    },
    slots: keyring.slots().map(({ id, kind, opens }) => ({ id, kind, opens })),
  };
}

/** Who may have the vault read its own key file or credential: they hold the machine. */
const MACHINE_ROLES: ReadonlySet<string> = new Set(['cli', 'local']);

function lockHandlers({ core, adoption, secrets }: AdministrationParts): Pick<Handlers, 'unlock' | 'lock'> {
  const { keyring, epochs } = core;
  return {
    unlock: async ({ caller, slot, secret }, _body, { role }) => {
      const detail = `by ${slot}`;
      try {
        const isUnattended = slot === 'key-file' || slot === 'systemd-credential';
        if (secret === '' && isUnattended && MACHINE_ROLES.has(role)) await unlockUnattended(keyring, slot, secrets);
        else await keyring.unlock(slot, secret);
      } catch (thrown) {
        const reason = `${detail}: ${codeOf(thrown)}`;
        core.record({ action: 'vault-unlocked', ...caller, outcome: 'refused', detail: reason });
        throw thrown;
      }
      core.record({ action: 'vault-unlocked', ...caller, outcome: 'ok', detail });
      adoption.start();
      core.notify('records.unlocked', {});
      return { records: 'unlocked' };
    },
    lock: ({ caller }) => {
      core.record({ action: 'vault-locked', ...caller, outcome: 'ok' });
      adoption.stop();
      epochs.lock();
      keyring.lock();
      core.notify('records.locked', {});
      return { records: 'locked' };
    },
  };
}
