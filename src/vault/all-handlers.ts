// Which file answers which operation: every handler of the vault, from its parts.
import { administrationHandlers } from './administration.ts';
import { auditHandlers } from './audit-operations.ts';
import type { DrillSchedule } from './backup/drill-schedule.ts';
import type { Backups } from './backup/targets.ts';
import type { Artifacts } from './captured/artifacts.ts';
import { callHandlers } from './captured/calls.ts';
import { noteHandlers } from './captured/notes.ts';
import type { PlayoutFolder } from './captured/playout.ts';
import type { Checks } from './checks/checks.ts';
import { bindingHandlers } from './clinic/bindings.ts';
import { getClinic, settingsHandlers } from './clinic/settings.ts';
import { tlsHandlers } from './clinic/tls.ts';
import type { Handlers } from './handlers.ts';
import { people } from './people/people.ts';
import { readOperations } from './reading/read-operations.ts';
import type { Readers } from './reading/readers.ts';
import type { Retention } from './retention/retention.ts';
import type { Heads } from './store/heads.ts';
import type { InnerCore } from './store/inner-core.ts';
import type { Reserve } from './store/reserve.ts';
import type { Adoption } from './unlocking/adoption.ts';
import { rotationHandlers } from './unlocking/rotation.ts';
import { SecretGuard } from './unlocking/secret-guard.ts';
import { slotHandlers } from './unlocking/slot-operations.ts';
import { replacementHandlers } from './unlocking/slot-replacement.ts';
import type { UnattendedSecrets } from './unlocking/unattended.ts';

export interface VaultParts {
  readonly core: InnerCore;
  readonly artifacts: Artifacts;
  readonly readers: Readers;
  readonly retention: Retention;
  readonly backups: Backups;
  readonly drills: DrillSchedule;
  readonly heads: Heads;
  readonly adoption: Adoption;
  readonly playout: PlayoutFolder;
  readonly checks: Checks;
  readonly secrets: UnattendedSecrets;
  readonly headsFile: string;
  readonly reserve: Reserve | undefined;
  /** Writes what waits in memory to the database. */
  readonly flush: () => void;
}

export function handlersOf(parts: VaultParts): Handlers {
  const { core, artifacts, readers, retention, backups, drills, heads, adoption, playout, secrets, headsFile } = parts;
  const guard = new SecretGuard(core);
  return {
    ...settingsHandlers(core),
    ...slotHandlers(core, guard, secrets),
    ...replacementHandlers(core, guard, secrets),
    ...rotationHandlers({ core, heads, keyFile: secrets.keyFile, guard }),
    ...tlsHandlers(core),
    ...bindingHandlers(core),
    ...callHandlers(core),
    ...noteHandlers(core, (subject) => retention.mustBeFree(subject)),
    ...artifacts.handlers(),
    ...readOperations({ core, readers, artifacts, playout, retention }),
    ...retention.handlers(),
    ...administrationHandlers({
      ...{ core, secrets, guard, adoption, readers },
      lastHead: () => heads.last,
      problems: () => problemsOf(parts),
    }),
    ...auditHandlers({ core, heads, headsFile, readers }),
    ...backups.handlers(parts.flush),
    ...drills.handlers(),
    ...people(core, () => getClinic(core).clinic.name),
  };
}

function problemsOf({ core, checks, reserve, retention, backups, drills }: VaultParts): string[] {
  return [
    ...checks.problems,
    ...core.fenced,
    ...(reserve?.problems() ?? []),
    ...retention.problems(),
    ...backups.overdue(),
    ...drills.problems(),
  ];
}
