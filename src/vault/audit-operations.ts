// The audit trail as people look through it, verify it and carry it away; each look is an entry itself. FORMAT.md §7.
import type { ChainPosition } from '../audit/chain.ts';
import { genesisLink } from '../audit/chain.ts';
import type { SealedEntryContent } from '../audit/entry.ts';
import { entryLine, headerLine } from '../audit/export.ts';
import { type AuditFilter, filterText, matches } from '../audit/filter.ts';
import { headText, positionOf } from '../audit/head.ts';
import { WardlineError } from '../kernel/errors.ts';
import { newId } from '../kernel/id.ts';
import { blake2b } from '../seal/sodium.ts';
import type { Ask } from './contract.ts';
import type { InnerCore } from './engine.ts';
import { type Heads, parseOwnHead, readHeads } from './heads.ts';
import { type Handlers, WithBody } from './operations.ts';
import { cursorOf } from './paging.ts';
import { SLICE_ENTRIES } from './verify.ts';

export type AuditOperation =
  | 'audit.put'
  | 'audit.page'
  | 'audit.search'
  | 'audit.verify'
  | 'audit.export'
  | 'audit.exportEntries'
  | 'audit.head';

export interface AuditParts {
  readonly core: InnerCore;
  readonly heads: Heads;
  readonly headsFile: string;
  readonly isClosing: () => boolean;
}

/** Entries that one search looks through before it answers with what it has. */
const MAX_SEARCHED = 50_000;
/** Entries of one piece of an export: signing a hundred takes some milliseconds. */
const EXPORT_ENTRIES = 100;
const MAX_EXPORTS = 8;
/** A multiple of the slice. */
const PROGRESS_ENTRIES = 10_000;

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
    'audit.page': ({ caller, page }) => {
      const { before, limit } = cursorOf(page);
      const found = core.trail.before(before, limit + 1);
      const rows = found.slice(0, limit).map(({ state: _state, ...entry }) => entry);
      core.record({ action: 'audit-searched', ...caller, outcome: 'ok', detail: `${rows.length} entries` });
      const last = rows.at(-1);
      return found.length > limit && last !== undefined ? { rows, next: String(last.sequence) } : { rows };
    },
    'audit.search': (ask) => search(parts, ask),
    'audit.verify': async ({ caller, head }) => {
      const answer = await verifyChain(parts, head);
      const outcome = answer.ok ? 'ok' : 'failed';
      core.record({ action: 'audit-verified', ...caller, outcome, detail: `${answer.entries} entries` });
      return { ...answer, head: headText(heads.sign()) };
    },
    ...exportHandlers(parts),
    'audit.head': () => {
      heads.write();
      return { head: headText(heads.sign()) };
    },
  };
}

async function search({ core, isClosing }: AuditParts, { caller, filter, page }: Ask<'audit.search'>) {
  const { before, limit } = cursorOf(page);
  const rows: SealedEntryContent[] = [];
  let next: number | undefined = before;
  for (let looked = 0; next !== undefined && rows.length < limit && looked < MAX_SEARCHED && !isClosing(); ) {
    const slice = core.trail.before(next, SLICE_ENTRIES);
    looked += slice.length;
    next = slice.length < SLICE_ENTRIES ? undefined : slice.at(-1)?.sequence;
    next = take(slice, filter, rows, limit) ?? next;
    if (isBefore(slice.at(-1), filter)) next = undefined;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const detail = `${rows.length} entries, ${filterText(filter)}`;
  core.record({ action: 'audit-searched', ...caller, outcome: 'ok', detail });
  return next === undefined ? { rows } : { rows, next: String(next) };
}

/** Adds what fits to `rows`; answers where the next page begins when this one is full. */
function take(
  slice: readonly (SealedEntryContent & { state?: string })[],
  filter: AuditFilter,
  rows: SealedEntryContent[],
  limit: number,
): number | undefined {
  for (const { state: _state, ...entry } of slice) {
    if (!matches(entry, filter)) continue;
    rows.push(entry);
    if (rows.length === limit) return entry.sequence;
  }
  return undefined;
}

/** The trail is in order of time: nothing further back can fit. An hour is left for a clock that was set. */
function isBefore(last: SealedEntryContent | undefined, { since }: AuditFilter): boolean {
  return since !== undefined && last !== undefined && last.at < since - 3_600_000;
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

async function verifyChain({ core, headsFile }: AuditParts, head: string | undefined) {
  const given: ChainPosition[] = head === undefined ? [] : [positionOf(ownHead(head, core))];
  const kept = readHeads(headsFile, core.keyring).heads.map(positionOf);
  const verifier = core.trail.verifier([...kept, ...given]);
  const end = core.trail.sequence;
  for (;;) {
    const entries = core.trail.after(verifier.entries, SLICE_ENTRIES);
    if (entries.length === 0 || !entries.every((entry) => verifier.push(entry)) || verifier.entries >= end) break;
    if (verifier.entries % PROGRESS_ENTRIES === 0) core.notify('audit.progress', { done: verifier.entries, all: end });
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
