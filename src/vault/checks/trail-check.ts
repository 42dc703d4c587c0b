// The check at start: mutable rows and heads before the first call, the whole trail and immutable rows after it, in slices.

import type { ChainEntry, ChainPosition } from '../../audit/chain.ts';
import type { RowChange } from '../../audit/entry.ts';
import type { ArtifactReader } from '../captured/artifact-reader.ts';
import { type Closing, closingHash, describeOpenArtifacts, readMarkHash } from '../captured/artifact-rows.ts';
import { describeRoots } from '../keys/roots.ts';
import type { CapturedRow, CapturedTable, ClearColumns } from '../store/captured-table.ts';
import type { InnerCore } from '../store/inner-core.ts';
import { StateDigest } from '../store/state-digest.ts';
import type { TrailContent } from '../store/trail.ts';
import { describeSlot } from '../store/transact.ts';
import { checkOrder } from './row-order.ts';

/** Entries that are looked at before others get their turn. */
export const SLICE_ENTRIES = 200;
const MAX_PROBLEMS = 100;

export interface MutableFaults {
  readonly problems: readonly string[];
  /** Rows that are not as the trail says, as `<table>/<row>`. */
  readonly rows: ReadonlySet<string>;
}

/** Adds up all mutable rows and compares with what the last entry says; only when they differ is the trail walked to name them. */
export function checkMutableRows(core: InnerCore): MutableFaults {
  const digest = new StateDigest(core.keyring.service.state);
  for (const row of mutableRows(core)) digest.add(row);
  const expected = lastState(core);
  core.transactor.state.set(BigInt(`0x${expected ?? digest.hex}`));
  if (digest.hex === expected) return { problems: [], rows: new Set() };
  const found = nameMutableFaults(core);
  if (expected !== undefined) return found;
  const sentence = 'The newest entry of the audit trail is damaged; settings could not be checked against it.';
  return { problems: [sentence, ...found.problems], rows: found.rows };
}

/** Whether all mutable rows are as the trail says now. */
export function areMutableRowsSound(core: InnerCore): boolean {
  const digest = new StateDigest(core.keyring.service.state);
  for (const row of mutableRows(core)) digest.add(row);
  return digest.value === core.transactor.state.value;
}

function lastState(core: InnerCore): string | undefined {
  const last = core.trail.after(core.trail.sequence - 1, 1)[0];
  return last === undefined ? new StateDigest(core.keyring.service.state).hex : tryOpen(core, last)?.state;
}

/** A damaged entry must not keep the telephones from working; the walk over the chain names it. */
function tryOpen(core: InnerCore, entry: ChainEntry): TrailContent | undefined {
  try {
    return core.trail.open(entry);
  } catch {
    return undefined;
  }
}

function* mutableRows(core: InnerCore): Generator<Required<RowChange>> {
  yield* core.records.all();
  for (const slot of core.keyring.slots()) yield describeSlot(slot);
  yield* core.epochs.describeAll();
  yield* describeRoots(core.db);
  yield* describeOpenArtifacts(core.db);
}

function nameMutableFaults(core: InnerCore): MutableFaults {
  const expected = new Map<string, RowChange>();
  const versions = new Map<string, Map<string, number>>();
  forEachEntry(core, (rows) => {
    for (const change of rows) {
      const key = `${change.table}/${change.row}`;
      expected.set(key, change);
      if (change.hash !== undefined)
        versions.set(key, (versions.get(key) ?? new Map()).set(change.hash, change.version));
    }
  });
  const problems: string[] = [];
  const faults = new Set<string>();
  for (const row of mutableRows(core)) {
    const key = `${row.table}/${row.row}`;
    const entry = expected.get(key);
    expected.delete(key);
    if (entry?.hash === row.hash) continue;
    const isOld = versions.get(key)?.has(row.hash) === true;
    const what =
      entry === undefined ? 'foreign: no entry speaks of it' : isOld ? 'rolled back to an older version' : 'altered';
    problems.push(`The row ${key} is ${what}.`);
    faults.add(key);
  }
  for (const [key, { table, hash }] of expected) {
    if (hash === undefined || IMMUTABLE.has(table)) continue;
    problems.push(`The row ${key} is missing.`);
    faults.add(key);
  }
  if (problems.length === 0) problems.push('The settings are not those that the newest entry of the audit trail says.');
  return { problems: problems.slice(0, MAX_PROBLEMS), rows: faults };
}

const IMMUTABLE = new Set(['calls', 'artifacts', 'artifact_marks', 'notes', 'closings', 'read_marks']);

function forEachEntry(core: InnerCore, look: (rows: readonly RowChange[]) => void): void {
  for (let from = 0; ; ) {
    const entries = core.trail.after(from, SLICE_ENTRIES);
    for (const entry of entries) look(tryOpen(core, entry)?.rows ?? []);
    const last = entries.at(-1);
    if (last === undefined) return;
    from = last.sequence;
  }
}

/**
 * Walks the trail up to where it stood at the beginning: links, MACs, heads, and every immutable row against its entry. Another thread
 * may go on writing: each slice sees one state of the database. `pause` lets others have their turn and answers false when the vault
 * is closing.
 */
export async function checkTrail(
  core: InnerCore,
  artifacts: ArtifactReader,
  heads: readonly ChainPosition[],
  pause: () => Promise<boolean>,
): Promise<string[]> {
  const check = new ImmutableCheck(core, artifacts);
  const inOneState = <Result>(look: () => Result): Result => core.db.transaction(look)();
  const { end, foreign } = inOneState(() => {
    core.trail.reload();
    return { end: core.trail.sequence, foreign: check.foreignAfter(core.trail.sequence) };
  });
  const verifier = core.trail.verifier(heads.filter(({ sequence }) => sequence <= end));
  while (verifier.entries < end) {
    inOneState(() => {
      const entries = core.trail.after(verifier.entries, Math.min(SLICE_ENTRIES, end - verifier.entries));
      for (const entry of entries) {
        if (!verifier.push(entry)) break;
        check.look(core.trail.open(entry).rows, entry.sequence);
      }
      if (entries.length === 0) verifier.push({ sequence: 0, sealed: NONE, link: NONE, mac: NONE });
    });
    const { firstBad } = verifier;
    if (firstBad !== undefined)
      return [`The audit trail is damaged at entry ${firstBad.sequence}: ${firstBad.problem}.`];
    if (!(await pause())) return [];
  }
  const rest = inOneState(() => {
    forgiveDisposed(core, check, end);
    return check.finish(end);
  });
  return [...foreign, ...rest, ...(await checkOrder(core, pause))].slice(0, MAX_PROBLEMS);
}

/** What was disposed of while the check ran is not missing. */
function forgiveDisposed(core: InnerCore, check: ImmutableCheck, end: number): void {
  for (let from = end; ; ) {
    const entries = core.trail.after(from, SLICE_ENTRIES);
    for (const entry of entries) check.forgive(tryOpen(core, entry)?.rows ?? []);
    const last = entries.at(-1);
    if (last === undefined) return;
    from = last.sequence;
  }
}

const NONE = new Uint8Array(0);

/** Compares immutable rows with what the trail said when they were written. */
class ImmutableCheck {
  readonly #artifacts: ArtifactReader;
  readonly #tables: ReadonlyMap<
    string,
    {
      hash(row: string): string | undefined;
      entry(row: string): number | undefined;
      count(upTo: number): number;
      after(entry: number): string[];
    }
  >;
  readonly #missing = new Set<string>();
  readonly #seen = new Map<string, number>();
  readonly #problems: string[] = [];

  constructor(core: InnerCore, artifacts: ArtifactReader) {
    this.#artifacts = artifacts;
    this.#tables = lookups(core, artifacts);
  }

  /** Rows that claim an entry which did not exist yet when the vault was opened. */
  foreignAfter(end: number): string[] {
    return [...this.#tables].flatMap(([table, { after }]) => after(end).map((row) => foreign(table, row)));
  }

  /** `sequence` is the entry's that lists these changes. */
  look(changes: readonly RowChange[], sequence: number): void {
    for (const { table, row, hash } of changes) {
      const found = this.#tables.get(table);
      if (found === undefined) continue;
      const key = `${table}/${row}`;
      const actual = found.hash(row);
      if (hash === undefined && actual !== undefined) this.#isBack(table, row);
      else if (hash === undefined) this.#missing.delete(key);
      else if (actual === undefined) this.#missing.add(key);
      else this.#compare(table, row, actual === hash && found.entry(row) === sequence);
    }
  }

  /** Its entry says that it was destroyed. */
  #isBack(table: string, row: string): void {
    this.#problems.push(`The row ${table}/${row} was disposed of and is back.`);
    if (table === 'artifacts') this.#artifacts.tampered.add(row);
  }

  forgive(changes: readonly RowChange[]): void {
    for (const { table, row, hash } of changes) if (hash === undefined) this.#missing.delete(`${table}/${row}`);
  }

  finish(end: number): string[] {
    for (const key of this.#missing) this.#problems.push(`The row ${key} is missing.`);
    for (const [table, { count }] of this.#tables) {
      const extra = count(end) - (this.#seen.get(table) ?? 0);
      if (extra > 0) this.#problems.push(`${table} holds ${extra} foreign rows, of which no entry speaks.`);
    }
    return this.#problems;
  }

  #compare(table: string, row: string, isSame: boolean): void {
    this.#seen.set(table, (this.#seen.get(table) ?? 0) + 1);
    if (!isSame) this.#problems.push(`The row ${table}/${row} was altered.`);
    else if (table === 'closings') this.#checkAudio(row);
  }

  #checkAudio(artifactId: string): void {
    const closing = this.#artifacts.rows.closing(artifactId);
    if (closing !== undefined && this.#artifacts.rows.holds(closing)) return;
    this.#artifacts.tampered.add(artifactId);
    this.#problems.push(`The audio of ${artifactId} was altered.`);
  }
}

function lookups(core: InnerCore, artifacts: ArtifactReader) {
  const { db } = core;
  const numbers = db.prepare('SELECT digest FROM call_numbers WHERE seq = ?').pluck();
  const captured = (table: CapturedTable, terms?: (seq: number) => Uint8Array[]) => (row: string) => {
    const found = table.get(row) as (CapturedRow & ClearColumns) | undefined;
    return found && table.hashOf(found, terms?.(found.seq));
  };
  const hashes: Record<string, (row: string) => string | undefined> = {
    calls: captured(core.calls, (seq) => numbers.all(seq) as Uint8Array[]),
    artifacts: captured(core.artifacts),
    artifact_marks: captured(core.marks),
    notes: captured(core.notes),
    closings: (row) => {
      const closing: Closing | undefined = artifacts.rows.closing(row);
      return closing && closingHash(closing);
    },
    read_marks: (row) => (artifacts.rows.isRead(row) ? readMarkHash(row) : undefined),
  };
  return new Map(Object.entries(hashes).map(([table, hash]) => [table, { hash, ...counters(core, table) }]));
}

function counters(core: InnerCore, table: string) {
  const key = table === 'closings' || table === 'read_marks' ? 'artifact' : 'row';
  const count = core.db.prepare(`SELECT count(*) FROM ${table} WHERE entry <= ?`).pluck();
  const after = core.db.prepare(`SELECT ${key} FROM ${table} WHERE entry > ? LIMIT ?`).pluck();
  const entry = core.db.prepare(`SELECT entry FROM ${table} WHERE ${key} = ?`).pluck();
  return {
    entry: (row: string) => entry.get(row) as number | undefined,
    count: (upTo: number) => count.get(upTo) as number,
    after: (entry: number) => after.all(entry, MAX_PROBLEMS) as string[],
  };
}

function foreign(table: string, row: string): string {
  return `The row ${table}/${row} is foreign: no entry speaks of it.`;
}
