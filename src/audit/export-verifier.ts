// Checks an export of the trail with a head that left the box and a public key, and no secret; names the first bad entry. FORMAT.md §7.4.
import type { Hash } from './chain.ts';
import { genesisLink, nextLink } from './chain.ts';
import type { ExportEntry, ExportHeader } from './export.ts';
import { isEntrySigned, parseEntry, parseHeader } from './export.ts';
import { type CheckSignature, parseHead, parseKeyChange, type TrailHead } from './head.ts';

export type ExportFault =
  | 'no-export'
  | 'foreign-key'
  | 'altered'
  | 'removed'
  | 'reordered'
  | 'inserted'
  | 'cut-off'
  | 'other-trail';

export interface ExportVerdict {
  readonly ok: boolean;
  readonly from: number;
  /** The last entry that was looked at and is good. */
  readonly until: number;
  /** The newest entry that a given head attests to, within the export; 0 when none does. */
  readonly attested: number;
  readonly firstBad?: { readonly sequence: number; readonly fault: ExportFault };
}

/** Keys that may sign, and the heads that they signed. */
export interface Trust {
  readonly keys: ReadonlySet<string>;
  readonly heads: readonly TrailHead[];
}

/**
 * Reads a heads file. The key that is trusted is `publicKey`, else that of the file's first head; a key change that a trusted key
 * signed makes the next one trusted. What others signed is left out.
 */
export function readTrust(text: string, check: CheckSignature, publicKey?: string): Trust {
  const keys = new Set(publicKey === undefined ? [] : [publicKey]);
  const heads: TrailHead[] = [];
  for (const line of text.split('\n').filter(Boolean)) {
    const head = parseHead(line, check);
    if (head !== undefined && keys.size === 0) keys.add(head.publicKey);
    if (head !== undefined && keys.has(head.publicKey)) heads.push(head);
    const change = parseKeyChange(line, check);
    if (change !== undefined && keys.has(change.publicKey)) keys.add(change.next);
  }
  return { keys, heads };
}

/** `lines` are the export's, in order; it is read twice when something is wrong, to tell how. */
export function verifyExport(
  lines: () => Iterable<string>,
  { keys, heads }: Trust,
  { hash, check }: { readonly hash: Hash; readonly check: CheckSignature },
): ExportVerdict {
  const walk = new Walk(lines, { keys, heads }, hash, check);
  return walk.run();
}

class Walk {
  readonly #lines: () => Iterable<string>;
  readonly #trust: Trust;
  readonly #hash: Hash;
  readonly #check: CheckSignature;
  #header: ExportHeader | undefined;
  #link = '';
  #expected = 0;
  #attested = 0;

  constructor(lines: () => Iterable<string>, trust: Trust, hash: Hash, check: CheckSignature) {
    this.#lines = lines;
    this.#trust = trust;
    this.#hash = hash;
    this.#check = check;
  }

  run(): ExportVerdict {
    let end: string | undefined;
    for (const line of this.#lines()) {
      if (this.#header === undefined) {
        const fault = this.#begin(line);
        if (fault !== undefined) return this.#bad(fault);
        continue;
      }
      // After the last entry comes the head, and nothing after it.
      if (end !== undefined) return this.#bad('inserted');
      if (this.#expected > this.#header.until) {
        end = line;
        continue;
      }
      const fault = this.#entry(this.#header, line);
      if (fault !== undefined) return this.#bad(fault);
    }
    return this.#finish(end);
  }

  #begin(line: string): ExportFault | undefined {
    const header = parseHeader(line, this.#check);
    if (header === undefined) return 'no-export';
    if (!this.#trust.keys.has(header.publicKey)) return 'foreign-key';
    this.#header = header;
    this.#expected = header.from;
    this.#link = header.previous;
    const genesis = Buffer.from(genesisLink(header.vaultId, this.#hash)).toString('hex');
    const isRooted = header.from > 1 || header.previous === genesis;
    return isRooted && this.#isAsHeadsSay(header, header.from - 1) ? undefined : 'other-trail';
  }

  #entry(header: ExportHeader, line: string): ExportFault | undefined {
    const entry = parseEntry(line);
    if (entry === undefined) return parseHead(line, this.#check) === undefined ? 'altered' : 'cut-off';
    if (!isEntrySigned(header.vaultId, entry, header.publicKey, this.#check)) return this.#howAltered(header);
    if (entry.sequence !== this.#expected) return this.#howMisplaced(entry);
    const link = nextLink(Buffer.from(this.#link, 'hex'), Buffer.from(entry.sealed, 'base64'), this.#hash);
    this.#link = Buffer.from(link).toString('hex');
    if (entry.link !== this.#link || entry.entry.sequence !== entry.sequence) return 'altered';
    if (!this.#isAsHeadsSay(header, this.#expected)) return 'other-trail';
    this.#expected++;
    return undefined;
  }

  /** A line that the vault did not write: put in, when the right one is still there. */
  #howAltered(header: ExportHeader): ExportFault {
    const isThere = this.#isSomewhere(
      (entry) =>
        entry.sequence === this.#expected && isEntrySigned(header.vaultId, entry, header.publicKey, this.#check),
    );
    return isThere ? 'inserted' : 'altered';
  }

  #howMisplaced({ sequence }: ExportEntry): ExportFault {
    if (sequence < this.#expected) return 'inserted';
    return this.#isSomewhere((entry) => entry.sequence === this.#expected) ? 'reordered' : 'removed';
  }

  #isSomewhere(isIt: (entry: ExportEntry) => boolean): boolean {
    for (const line of this.#lines()) {
      const entry = parseEntry(line);
      if (entry !== undefined && isIt(entry)) return true;
    }
    return false;
  }

  #isAsHeadsSay({ vaultId }: ExportHeader, sequence: number): boolean {
    const taken = this.#trust.heads.filter((head) => head.vaultId === vaultId && head.sequence === sequence);
    if (taken.length > 0) this.#attested = sequence;
    return taken.every(({ link }) => link === this.#link);
  }

  #finish(end: string | undefined): ExportVerdict {
    const header = this.#header;
    if (header === undefined) return this.#bad('no-export');
    const head = end === undefined ? undefined : parseHead(end, this.#check);
    if (this.#expected <= header.until || head === undefined) return this.#bad('cut-off');
    const isItsEnd = head.sequence === header.until && head.link === this.#link && head.vaultId === header.vaultId;
    if (!isItsEnd || head.publicKey !== header.publicKey) return this.#bad('altered');
    // A head that left before this was made, and knows of more entries than there were: the trail itself had been shortened.
    const isShorter = ({ vaultId, sequence, at }: TrailHead) =>
      vaultId === header.vaultId && sequence > header.total && at <= header.at;
    if (!this.#trust.heads.some(isShorter)) return this.#verdict();
    this.#expected = header.total + 1;
    return this.#bad('cut-off');
  }

  #bad(fault: ExportFault): ExportVerdict {
    return { ...this.#verdict(), ok: false, firstBad: { sequence: this.#expected, fault } };
  }

  #verdict(): ExportVerdict {
    return {
      ok: true,
      from: this.#header?.from ?? 0,
      until: Math.max(0, this.#expected - 1),
      attested: this.#attested,
    };
  }
}
