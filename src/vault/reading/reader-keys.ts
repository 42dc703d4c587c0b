// The keys that a reader's thread works with, in memory that both threads see: what the vault wipes is gone in the reader too.
import type { RecordsKeyPair, ServiceKeys } from '../keys/purpose-keys.ts';

const KEY_BYTES = 32;

export interface ReaderKeys {
  readonly shared: SharedArrayBuffer;
  readonly purposes: readonly (keyof ServiceKeys)[];
  readonly hasRecords: boolean;
}

export function shareKeys(service: ServiceKeys, records: RecordsKeyPair | undefined): ReaderKeys {
  const purposes = Object.keys(service) as (keyof ServiceKeys)[];
  const keys = [
    ...purposes.map((purpose) => service[purpose]),
    ...(records ? [records.publicKey, records.privateKey] : []),
  ];
  const shared = new SharedArrayBuffer(keys.length * KEY_BYTES);
  const bytes = new Uint8Array(shared);
  for (const [index, key] of keys.entries()) bytes.set(key, index * KEY_BYTES);
  return { shared, purposes, hasRecords: records !== undefined };
}

export function wipeShared({ shared }: ReaderKeys): void {
  new Uint8Array(shared).fill(0);
}

/** Views of the shared bytes, not copies. */
export function takeKeys({ shared, purposes, hasRecords }: ReaderKeys): {
  service: ServiceKeys;
  records: RecordsKeyPair | undefined;
} {
  const at = (index: number) => new Uint8Array(shared, index * KEY_BYTES, KEY_BYTES);
  const service = Object.fromEntries(purposes.map((purpose, index) => [purpose, at(index)])) as unknown as ServiceKeys;
  if (!hasRecords) return { service, records: undefined };
  return { service, records: { publicKey: at(purposes.length), privateKey: at(purposes.length + 1) } };
}
