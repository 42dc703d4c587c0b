// The vault's inner parts, built in order on one open database; domains see them as `InnerCore`.
import type { Database } from 'better-sqlite3';
import type { AuditEntry } from '../../audit/entry.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/logger.ts';
import { randomBytes } from '../../seal/sodium.ts';
import type { Keyring } from '../keys/keyring.ts';
import { blindDigest } from '../keys/purpose-keys.ts';
import { CapturedTable } from './captured-table.ts';
import type { VaultCore } from './core.ts';
import { Epochs } from './epochs.ts';
import { Journal } from './journal.ts';
import { RecordKeys } from './record-keys.ts';
import { ServiceRecordStore } from './service-records.ts';
import { Trail } from './trail.ts';
import { type InnerTransact, Transactor } from './transact.ts';
import { VolatileStore } from './volatile-records.ts';

/** What the vault's own domains work with; `VaultCore` is the part that others plug into. */
export interface InnerCore extends VaultCore {
  readonly db: Database;
  readonly journal: Journal;
  readonly keyring: Keyring;
  readonly trail: Trail;
  readonly transactor: Transactor;
  readonly transact: InnerTransact;
  readonly records: ServiceRecordStore;
  readonly volatile: VolatileStore;
  readonly epochs: Epochs;
  readonly keys: RecordKeys;
  readonly calls: CapturedTable;
  readonly artifacts: CapturedTable;
  readonly marks: CapturedTable;
  readonly notes: CapturedTable;
  blindBytes(kind: string, value: string): Uint8Array;
  /** Sentences on rows that were found damaged while they were read; part of the vault's status. */
  readonly fenced: Set<string>;
  /** Whether the disk has room for recordings. */
  readonly hasRoom: () => boolean;
}

export interface CoreOptions {
  readonly db: Database;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly log: Logger;
  readonly notify: (type: string, payload: object) => void;
  /** On a connection that only reads. */
  readonly isReader?: boolean;
  readonly hasRoom?: () => boolean;
}

export function buildCore(options: CoreOptions): InnerCore {
  const { db, keyring, clock, log, notify, isReader = false, hasRoom = () => true } = options;
  const trail = new Trail(db, keyring);
  const records = new ServiceRecordStore(db, keyring);
  const transactor = new Transactor(db, keyring, trail, records, clock);
  const epochs = new Epochs(db, keyring, transactor, clock);
  const keys = new RecordKeys(db, keyring.vaultId, epochs);
  const onError = (thrown: unknown) => log.error({ err: thrown }, 'refreshed rows could not be written');
  const volatile = new VolatileStore(db, keyring, clock, { onError, isReader });
  const captured = (table: string, kind: string, columns: readonly string[]) =>
    new CapturedTable({ db, vaultId: keyring.vaultId, keys, table, kind, columns });
  const transact: InnerTransact = (entry, change) => transactor.transact(entry, change);
  const blindBytes = (kind: string, value: string) => blindDigest(keyring.service, kind, value);
  const blind = (kind: string, value: string) => Buffer.from(blindBytes(kind, value)).toString('hex');
  const core: InnerCore = {
    db,
    journal: new Journal(db, clock),
    keyring,
    clock,
    log,
    trail,
    transactor,
    records,
    volatile,
    epochs,
    keys,
    transact,
    notify,
    blind,
    blindBytes,
    fenced: new Set(),
    hasRoom,
    calls: captured('calls', 'cdr', []),
    artifacts: captured('artifacts', 'artifact', ['kind', 'mailbox', 'encoding', 'channels']),
    marks: captured('artifact_marks', 'mark', ['artifact']),
    notes: captured('notes', 'note', ['subject', 'kind']),
    record: (entry: AuditEntry) => transact(entry, () => undefined),
    blindRow: (space, value) => blind(`row/${space}`, value).slice(0, 32),
    random: randomBytes,
  };
  records.onDamaged = (space, row) => fence(core, space, row);
  return core;
}

/** The appliance's own hand in the trail. */
export const VAULT_ACTOR = { kind: 'service', name: 'vault' } as const;

const MAX_FENCED = 1_000;

/** Remembers a row that does not open, so that the status names it. */
export function fence(core: InnerCore, table: string, row: string): void {
  if (core.fenced.size < MAX_FENCED) core.fenced.add(`The row ${table}/${row} does not open; it is left out of lists.`);
}
