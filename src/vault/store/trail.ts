// The audit trail in its table: seals entries, links and MACs them, reads them back. FORMAT.md §7.
import type { Database, Statement } from 'better-sqlite3';
import { type ChainEntry, ChainVerifier, genesisLink, macInput, nextLink } from '../../audit/chain.ts';
import type { SealedEntryContent } from '../../audit/entry.ts';
import { canonicalBytes, type Json } from '../../kernel/canonical.ts';
import { blake2b, isEqual } from '../../seal/sodium.ts';
import { damaged, openBlob, sealBlob } from '../keys/format.ts';
import type { Keyring } from '../keys/keyring.ts';

/** An entry as it is sealed: beside what people read, the digest of all mutable rows after it. */
export interface TrailContent extends SealedEntryContent {
  /** Hex; see `state-digest.ts`. */
  readonly state: string;
}

export class Trail {
  readonly #keyring: Keyring;
  readonly #insert: Statement;
  readonly #get: Statement;
  readonly #before: Statement;
  readonly #walk: Statement;
  readonly #last: Statement;
  #sequence = 0;
  #link: Uint8Array;

  constructor(db: Database, keyring: Keyring) {
    this.#keyring = keyring;
    this.#insert = db.prepare('INSERT INTO trail (sequence, sealed, link, mac) VALUES (?, ?, ?, ?)');
    this.#get = db.prepare('SELECT * FROM trail WHERE sequence = ?');
    this.#before = db.prepare('SELECT * FROM trail WHERE sequence < ? ORDER BY sequence DESC LIMIT ?');
    this.#walk = db.prepare('SELECT * FROM trail WHERE sequence > ? ORDER BY sequence LIMIT ?');
    this.#last = db.prepare('SELECT * FROM trail ORDER BY sequence DESC LIMIT 1');
    this.#link = genesisLink(keyring.vaultId, blake2b);
    this.reload();
  }

  get sequence(): number {
    return this.#sequence;
  }

  get link(): Uint8Array {
    return this.#link;
  }

  /** Takes the position from the table: at start, and when a transaction was rolled back. */
  reload(): void {
    const last = this.#last.get() as ChainEntry | undefined;
    this.#sequence = last?.sequence ?? 0;
    this.#link = last?.link ?? genesisLink(this.#keyring.vaultId, blake2b);
  }

  /** Appends one entry; only ever called inside the transaction whose change it describes. */
  append(content: TrailContent): void {
    const { service } = this.#keyring;
    const sealed = sealBlob(
      service.auditSeal,
      canonicalBytes(content as unknown as Json),
      this.#binding(content.sequence),
    );
    const link = nextLink(this.#link, sealed, blake2b);
    const mac = blake2b(macInput(content.sequence, link), service.auditMac);
    this.#insert.run(content.sequence, sealed, link, mac);
    this.#sequence = content.sequence;
    this.#link = link;
  }

  /** The content of an entry, or undefined when there is none. @throws WardlineError `record-damaged` */
  read(sequence: number): TrailContent | undefined {
    const row = this.#get.get(sequence) as ChainEntry | undefined;
    return row === undefined ? undefined : this.open(row);
  }

  /** @throws WardlineError `record-damaged` */
  open(entry: ChainEntry): TrailContent {
    const plain = openBlob(
      this.#keyring.keysOfEntry(entry.sequence).auditSeal,
      entry.sealed,
      this.#binding(entry.sequence),
    );
    if (plain === undefined) throw damaged('the audit trail');
    return JSON.parse(Buffer.from(plain).toString('utf8')) as TrailContent;
  }

  /** Newest first, those before `sequence`. */
  before(sequence: number, limit: number): TrailContent[] {
    return (this.#before.all(sequence, limit) as ChainEntry[]).map((row) => this.open(row));
  }

  /** Oldest first, those after `sequence`. */
  after(sequence: number, limit: number): ChainEntry[] {
    return this.#walk.all(sequence, limit) as ChainEntry[];
  }

  isMacGood(entry: ChainEntry): boolean {
    return isEqual(
      blake2b(macInput(entry.sequence, entry.link), this.#keyring.keysOfEntry(entry.sequence).auditMac),
      entry.mac,
    );
  }

  verifier(heads: readonly { sequence: number; link: Uint8Array }[]): ChainVerifier {
    const isMacGood = (entry: ChainEntry) => this.isMacGood(entry);
    return new ChainVerifier({ vaultId: this.#keyring.vaultId, hash: blake2b, isMacGood, heads });
  }

  #binding(sequence: number): Json {
    return { purpose: 'wardline-trail-1', sequence, vault: this.#keyring.vaultId };
  }
}
