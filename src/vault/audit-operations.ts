// The audit trail: written to, verified, and carried away as a signed copy; each is an entry itself. FORMAT.md §7.
import { genesisLink } from '../audit/chain.ts';
import { entryLine, headerLine } from '../audit/export.ts';
import { headText } from '../audit/head.ts';
import { WardlineError } from '../kernel/errors.ts';
import { newId } from '../kernel/id.ts';
import { blake2b } from '../seal/sodium.ts';
import { type Handlers, WithBody } from './handlers.ts';
import { recordsLocked } from './keys/keyring.ts';
import type { Readers } from './reading/readers.ts';
import type { ReadAnswer } from './reading/reads.ts';
import type { Caller } from './shapes.ts';
import { type Heads, parseOwnHead, readHeads } from './store/heads.ts';
import type { InnerCore } from './store/inner-core.ts';

export type AuditOperation =
  | 'audit.put'
  | 'audit.verify'
  | 'vault.verify'
  | 'audit.export'
  | 'audit.exportEntries'
  | 'audit.head';

export interface AuditParts {
  readonly core: InnerCore;
  readonly heads: Heads;
  readonly headsFile: string;
  readonly readers: Readers;
}

/** Entries of one piece of an export: signing a hundred takes some milliseconds. */
const EXPORT_ENTRIES = 100;
const MAX_EXPORTS = 8;

interface Exporting {
  readonly actor: string;
  readonly until: number;
}

export function auditHandlers(parts: AuditParts): Pick<Handlers, AuditOperation> {
  const { core, heads } = parts;
  return {
    'audit.put': ({ entry }) => {
      core.record(entry);
      return {};
    },
    'audit.verify': async ({ caller, head }) => {
      const answer = await verifyChain(parts, head);
      const outcome = answer.ok ? 'ok' : 'failed';
      core.record({ action: 'audit-verified', ...caller, outcome, detail: `${answer.entries} entries` });
      return { ...answer, head: headText(heads.sign()) };
    },
    'vault.verify': ({ caller }) => verifyVault(parts, caller),
    ...exportHandlers(parts),
    'audit.head': () => {
      heads.write();
      return { head: headText(heads.sign()) };
    },
  };
}

function exportHandlers({ core, heads }: AuditParts): Pick<Handlers, 'audit.export' | 'audit.exportEntries'> {
  const running = new Map<string, Exporting>();
  const sign = (message: Uint8Array) => heads.signature(message);
  return {
    'audit.export': ({ caller, from = 1, until = Number.MAX_SAFE_INTEGER }) => {
      const { vaultId, identity } = core.keyring;
      const total = core.trail.sequence;
      const last = Math.min(until, total);
      if (!Number.isSafeInteger(from) || from < 1 || from > last)
        throw new WardlineError('bad-range', `The trail has entries 1 to ${total}; name some of them.`);
      const [previous, end] = [linkAt(core, from - 1), linkAt(core, last)];
      const fields = { vaultId, publicKey: identity.auditPublicKey, at: core.clock.now(), from, until: last, total };
      const header = headerLine({ ...fields, previous: Buffer.from(previous).toString('hex') }, sign);
      core.record({ action: 'audit-exported', ...caller, outcome: 'ok', detail: `entries ${from} to ${last}` });
      const exportId = newId();
      const oldest = running.keys().next();
      if (running.size >= MAX_EXPORTS && !oldest.done) running.delete(oldest.value);
      running.set(exportId, { actor: JSON.stringify(caller.actor), until: last });
      return { exportId, header, head: headText(heads.signAt(last, end)), from, until: last };
    },
    'audit.exportEntries': ({ caller, exportId, after }) => {
      const known = running.get(exportId);
      if (known === undefined || known.actor !== JSON.stringify(caller.actor))
        throw new WardlineError('export-unknown', 'This export is not known any more; begin it again.');
      const entries = core.trail.after(after, EXPORT_ENTRIES).filter(({ sequence }) => sequence <= known.until);
      const lines = entries.map((row) => {
        const { state: _state, ...entry } = core.trail.open(row);
        const sealed = Buffer.from(row.sealed).toString('base64');
        const link = Buffer.from(row.link).toString('hex');
        return `${entryLine(core.keyring.vaultId, { sequence: row.sequence, entry, sealed, link }, sign)}\n`;
      });
      return new WithBody({ last: entries.at(-1)?.sequence ?? after }, Buffer.from(lines.join(''), 'utf8'));
    },
  };
}

function linkAt(core: InnerCore, sequence: number): Uint8Array {
  if (sequence === 0) return genesisLink(core.keyring.vaultId, blake2b);
  const [entry] = core.trail.after(sequence - 1, 1);
  if (entry?.sequence === sequence) return entry.link;
  throw new WardlineError(
    'record-damaged',
    `Entry ${sequence} of the trail is missing; run \`wardline audit verify\`.`,
  );
}

async function verifyChain(
  { core, headsFile, readers }: AuditParts,
  head: string | undefined,
): Promise<ReadAnswer<'trail.verify'>> {
  const given = head === undefined ? [] : [ownHead(head, core)];
  const kept = readHeads(headsFile, core.keyring).heads;
  const heads = [...kept, ...given].map(({ sequence, link }) => ({ sequence, link }));
  const progress = (done: number, all: number) => core.notify('audit.progress', { done, all });
  return (await readers.run('trail.verify', { heads }, progress)).answer;
}

async function verifyVault(parts: AuditParts, caller: Caller) {
  const { core, readers } = parts;
  if (!core.keyring.isUnlocked) throw recordsLocked();
  const { ok, entries, firstBad } = await verifyChain(parts, undefined);
  const progress = (done: number, all: number) => core.notify('vault.progress', { done, all });
  const { answer } = await readers.run('deep-check', { restMs: 0 }, progress);
  const { calls, artifacts } = answer;
  const chain = ok ? [] : [`The audit trail is damaged at entry ${firstBad?.sequence}: ${firstBad?.problem}.`];
  const problems = [...chain, ...answer.problems];
  const outcome = problems.length === 0 ? 'ok' : 'failed';
  core.record({ action: 'vault-verified', ...caller, outcome, detail: `${problems.length} problems` });
  return { problems, calls, artifacts, entries };
}

function ownHead(text: string, core: InnerCore) {
  const head = parseOwnHead(text, core.keyring);
  if (head !== undefined) return head;
  throw new WardlineError('bad-head', 'That is not a head that this vault signed; give one line of its heads file.');
}
