// The vault itself: its status, unlocking and locking of the records half, and the audit trail as people read and verify it.
import type { ChainPosition } from '../audit/chain.ts';
import { headText, positionOf } from '../audit/head.ts';
import type { UtcMs } from '../kernel/clock.ts';
import { codeOf, WardlineError } from '../kernel/errors.ts';
import type { Adoption } from './adoption.ts';
import type { Backups } from './backup/targets.ts';
import type { VaultStatus } from './contract.ts';
import type { InnerCore } from './engine.ts';
import { type Heads, parseOwnHead, readHeads } from './heads.ts';
import type { Handlers } from './operations.ts';
import { cursorOf } from './paging.ts';
import { type UnattendedSecrets, unlockUnattended } from './unattended.ts';
import { SLICE_ENTRIES } from './verify.ts';

export type AdministrationOperation = 'status' | 'unlock' | 'lock' | 'audit.put' | 'audit.page' | 'audit.verify';

export interface AdministrationParts {
  readonly core: InnerCore;
  readonly heads: Heads;
  readonly headsFile: string;
  readonly secrets: UnattendedSecrets;
  readonly adoption: Adoption;
  readonly backups: Backups;
  /** What the checks at start found; grows while the one in the background runs. */
  readonly problems: readonly string[];
}

export function administrationHandlers(parts: AdministrationParts): Pick<Handlers, AdministrationOperation> {
  return { status: () => statusOf(parts), ...lockHandlers(parts), ...trailHandlers(parts) };
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

function trailHandlers(parts: AdministrationParts): Pick<Handlers, 'audit.put' | 'audit.page' | 'audit.verify'> {
  const { core, heads } = parts;
  return {
    'audit.put': ({ entry }) => {
      core.record(entry);
      return {};
    },
    'audit.page': ({ caller, page }) => {
      const { before, limit } = cursorOf(page);
      const found = core.trail.before(before, limit + 1);
      const rows = found.slice(0, limit).map(({ state: _state, ...entry }) => entry);
      core.record({ action: 'audit-searched', ...caller, outcome: 'ok', detail: `${rows.length} entries` });
      const last = rows.at(-1);
      return found.length > limit && last !== undefined ? { rows, next: String(last.sequence) } : { rows };
    },
    'audit.verify': async ({ caller, head }) => {
      const answer = await verifyChain(parts, head);
      const outcome = answer.ok ? 'ok' : 'failed';
      core.record({ action: 'audit-verified', ...caller, outcome, detail: `${answer.entries} entries` });
      return { ...answer, head: headText(heads.sign()) };
    },
  };
}

async function verifyChain({ core, headsFile }: AdministrationParts, head: string | undefined) {
  const given: ChainPosition[] = head === undefined ? [] : [positionOf(ownHead(head, core))];
  const kept = readHeads(headsFile, core.keyring).heads.map(positionOf);
  const verifier = core.trail.verifier([...kept, ...given]);
  const end = core.trail.sequence;
  for (;;) {
    const entries = core.trail.after(verifier.entries, SLICE_ENTRIES);
    if (entries.length === 0 || !entries.every((entry) => verifier.push(entry)) || verifier.entries >= end) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  verifier.finish();
  const { entries, firstBad } = verifier;
  return firstBad === undefined ? { ok: true, entries } : { ok: false, entries, firstBad };
}

function ownHead(text: string, core: InnerCore) {
  const head = parseOwnHead(text, core.keyring);
  if (head !== undefined) return head;
  throw new WardlineError('bad-head', 'That is not a head that this vault signed; give one line of its heads file.');
}
