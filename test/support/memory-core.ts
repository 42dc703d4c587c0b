// A vault core in memory, for tests of one domain: records, terms and entries as the real one keeps them, without seals.
import { createHmac, randomBytes } from 'node:crypto';
import type { AuditEntry } from '../../src/audit/entry.ts';
import { createLogger } from '../../src/kernel/logger.ts';
import type { IndexTerms, StoredRecord, VaultCore } from '../../src/vault/store/core.ts';
import type { ManualClock } from './manual-clock.ts';

interface Kept {
  readonly version: number;
  readonly text: string;
  readonly terms: IndexTerms;
}

/** What outlives a restart of the vault: hand it to the next core. */
export class MemoryDisk {
  records = new Map<string, Kept>();
  readonly volatile = new Map<string, string>();
  readonly entries: AuditEntry[] = [];
  readonly key = randomBytes(32);
}

export function memoryCore(clock: ManualClock, disk = new MemoryDisk()): VaultCore {
  const keyOf = (space: string, row: string) => `${space}/${row}`;
  const blind = (kind: string, value: string) =>
    createHmac('sha256', disk.key).update(`${kind}\n${value}`).digest('hex');
  const all = <Value>(space: string, accept: (kept: Kept) => boolean): StoredRecord<Value>[] =>
    [...disk.records]
      .filter(([key, kept]) => key.startsWith(`${space}/`) && accept(kept))
      .map(([key, { version, text }]) => ({ row: key.slice(space.length + 1), version, value: JSON.parse(text) }));
  return {
    clock,
    log: createLogger({ role: 'test', level: 'silent' }),
    transact(entry, change) {
      const before = new Map(disk.records);
      try {
        const result = change({
          put(space, row, value, terms = {}) {
            const version = (disk.records.get(keyOf(space, row))?.version ?? 0) + 1;
            disk.records.set(keyOf(space, row), { version, text: JSON.stringify(value), terms });
            return version;
          },
          delete: (space, row) => disk.records.delete(keyOf(space, row)),
        });
        disk.entries.push(entry);
        return result;
      } catch (thrown) {
        disk.records = before;
        throw thrown;
      }
    },
    records: {
      get: <Value>(space: string, row: string) => all<Value>(space, () => true).find((found) => found.row === row),
      list: <Value>(space: string) => all<Value>(space, () => true),
      find: <Value>(space: string, kind: string, value: string) =>
        all<Value>(space, ({ terms }) => [terms[kind] ?? []].flat().includes(value)),
      count: (space) => all(space, () => true).length,
    },
    volatile: {
      put: (space, row, value) => void disk.volatile.set(keyOf(space, row), JSON.stringify(value)),
      get: (space, row) => JSON.parse(disk.volatile.get(keyOf(space, row)) ?? 'null') ?? undefined,
      list: (space) =>
        [...disk.volatile]
          .filter(([key]) => key.startsWith(`${space}/`))
          .map(([key, text]) => ({ row: key.slice(space.length + 1), value: JSON.parse(text) })),
      delete: (space, row) => void disk.volatile.delete(keyOf(space, row)),
      clear: () => undefined,
    },
    record: (entry) => void disk.entries.push(entry),
    blindRow: (space, value) => blind(`row/${space}`, value),
    blind,
    random: (bytes) => randomBytes(bytes),
    notify: () => undefined,
  };
}
