// Roots before today's: what the trail's older entries, heads and backups were made with, sealed under today's. FORMAT.md §3.6.
import type { Database } from 'better-sqlite3';
import type { Json } from '../kernel/canonical.ts';
import { damaged, openBlob, sealBlob } from './format.ts';
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

/** Oldest first. @throws WardlineError `record-damaged` */
export function readFormerRoots(db: Database, vaultId: string, key: Uint8Array): FormerRoot[] {
  const rows = db.prepare('SELECT * FROM roots ORDER BY generation').all() as RootRow[];
  const open = (generation: number, half: string): { row: RootRow; plain: Uint8Array } => {
    const row = rows.find((each) => each.generation === generation && each.half === half);
    const plain = row && openBlob(key, row.sealed, bindingOf(vaultId, row.generation, row.half, row.until_entry));
    if (row === undefined || plain === undefined) throw damaged('roots');
    return { row, plain };
  };
  return [...new Set(rows.map(({ generation }) => generation))].map((generation) => {
    const { row, plain } = open(generation, 'service');
    const auditPublicKey = Buffer.from(open(generation, 'audit').plain).toString('base64');
    const { until_entry: untilEntry } = row;
    return { generation, untilEntry, serviceHalf: plain, service: deriveServiceKeys(plain), auditPublicKey };
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
