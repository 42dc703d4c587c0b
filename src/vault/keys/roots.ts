// Roots before today's: what the trail's older entries, heads and backups were made with, sealed under today's. FORMAT.md §3.6.
import type { Database } from 'better-sqlite3';
import type { RowChange } from '../../audit/entry.ts';
import type { Json } from '../../kernel/canonical.ts';
import { openBlob, rowHash, sealBlob } from './format.ts';
import { deriveServiceKeys, type ServiceKeys } from './purpose-keys.ts';

/** One that was replaced. Its records half is not kept: what it sealed was sealed anew. */
export interface FormerRoot {
  readonly generation: number;
  /** The last entry of the trail that it sealed. */
  readonly untilEntry: number;
  readonly serviceHalf: Uint8Array;
  readonly service: ServiceKeys;
  /** Ed25519, base64: signed heads up to that entry. */
  readonly auditPublicKey: string;
}

interface RootRow {
  readonly generation: number;
  readonly half: string;
  readonly until_entry: number;
  readonly sealed: Uint8Array;
}

/** Oldest first. What does not open is left out: `missing` names those generations below today's. */
export function readFormerRoots(
  db: Database,
  vaultId: string,
  key: Uint8Array,
  generation: number,
): { former: FormerRoot[]; missing: number[] } {
  const rows = db.prepare('SELECT * FROM roots ORDER BY generation').all() as RootRow[];
  const former: FormerRoot[] = [];
  const missing: number[] = [];
  for (let each = 1; each < generation; each++) {
    const root = openRoot(rows, vaultId, key, each);
    if (root === undefined) missing.push(each);
    else former.push(root);
  }
  return { former, missing };
}

function openRoot(
  rows: readonly RootRow[],
  vaultId: string,
  key: Uint8Array,
  generation: number,
): FormerRoot | undefined {
  const open = (wanted: string) => {
    const row = rows.find(({ generation: each, half }) => each === generation && half === wanted);
    return row && openBlob(key, row.sealed, bindingOf(vaultId, generation, wanted, row.until_entry));
  };
  const [serviceHalf, audit] = [open('service'), open('audit')];
  const row = rows.find((each) => each.generation === generation && each.half === 'service');
  if (serviceHalf === undefined || audit === undefined || row === undefined) return undefined;
  const auditPublicKey = Buffer.from(audit).toString('base64');
  const service = deriveServiceKeys(serviceHalf);
  return { generation, untilEntry: row.until_entry, serviceHalf, service, auditPublicKey };
}

/** Every row as the trail knows it. */
export function describeRoots(db: Database): Required<RowChange>[] {
  const rows = db.prepare('SELECT * FROM roots ORDER BY generation, half').all() as RootRow[];
  return rows.map(({ generation, half, until_entry, sealed }) => {
    const hash = rowHash(sealed, { generation, half, until_entry });
    return { table: 'roots', row: `${generation}/${half}`, version: 1, hash };
  });
}

/** Replaces the table by these, sealed under `key`. */
export function writeFormerRoots(
  db: Database,
  vaultId: string,
  key: Uint8Array,
  roots: readonly Omit<FormerRoot, 'service'>[],
): void {
  db.exec('DELETE FROM roots');
  const insert = db.prepare('INSERT INTO roots (generation, half, until_entry, sealed) VALUES (?, ?, ?, ?)');
  for (const { generation, untilEntry, serviceHalf, auditPublicKey } of roots) {
    const parts = { service: serviceHalf, audit: Buffer.from(auditPublicKey, 'base64') };
    for (const [half, plain] of Object.entries(parts)) {
      const sealed = sealBlob(key, plain, bindingOf(vaultId, generation, half, untilEntry));
      insert.run(generation, half, untilEntry, sealed);
    }
  }
}

function bindingOf(vault: string, generation: number, half: string, untilEntry: number): Json {
  return { purpose: 'wardline-root-1', vault, generation, half, untilEntry };
}
