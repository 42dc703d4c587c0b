// A signed, self-contained copy of the trail, or a part of it: one line a header, an entry, and a head at the end. FORMAT.md §7.4.
import { canonicalBytes, canonicalText, type Json } from '../kernel/canonical.ts';
import type { SealedEntryContent } from './entry.ts';
import type { CheckSignature, Sign } from './head.ts';

export interface ExportHeader {
  readonly format: 'wardline-audit-export-1';
  readonly vaultId: string;
  /** Ed25519, base64: signs every line. */
  readonly publicKey: string;
  readonly at: number;
  readonly from: number;
  readonly until: number;
  /** Entries that the trail had when this was made. */
  readonly total: number;
  /** The link before the first entry, hex. */
  readonly previous: string;
  readonly signature: string;
}

/** One entry: what people read, and the sealed bytes that the chain is made of. */
export interface ExportEntry {
  readonly sequence: number;
  readonly entry: SealedEntryContent;
  /** Base64. */
  readonly sealed: string;
  /** Hex. */
  readonly link: string;
  readonly signature: string;
}

export function headerLine(fields: Omit<ExportHeader, 'format' | 'signature'>, sign: Sign): string {
  const unsigned = { format: 'wardline-audit-export-1' as const, ...fields };
  return canonicalText({ ...unsigned, signature: base64(sign(canonicalBytes(unsigned))) });
}

export function entryLine(vaultId: string, fields: Omit<ExportEntry, 'signature'>, sign: Sign): string {
  const plain = fields as unknown as { readonly [key: string]: Json };
  return canonicalText({ ...plain, signature: base64(sign(signedOfEntry(vaultId, fields))) });
}

/** The header when it is one and its own key signed it, else undefined. Whose key that is, is the caller's to check. */
export function parseHeader(line: string, check: CheckSignature): ExportHeader | undefined {
  const value = parseObject(line);
  const { format, vaultId, publicKey, at, from, until, total, previous, signature } = value;
  const isWhole = [vaultId, publicKey, previous, signature].every(isText) && [at, from, until, total].every(isCount);
  if (format !== 'wardline-audit-export-1' || !isWhole) return undefined;
  const header = { format, vaultId, publicKey, at, from, until, total, previous, signature } as ExportHeader;
  const { signature: _signature, ...unsigned } = header;
  return isSigned(check, header.signature, canonicalBytes(unsigned), header.publicKey) ? header : undefined;
}

/** An entry's line as far as it is one; its signature is not checked yet. */
export function parseEntry(line: string): ExportEntry | undefined {
  const { sequence, entry, sealed, link, signature } = parseObject(line);
  const isWhole = isCount(sequence) && [sealed, link, signature].every(isText) && typeof entry === 'object';
  if (!isWhole || entry === null) return undefined;
  return { sequence, entry, sealed, link, signature } as ExportEntry;
}

/** Whether the vault wrote this line as it is. */
export function isEntrySigned(vaultId: string, entry: ExportEntry, publicKey: string, check: CheckSignature): boolean {
  try {
    return isSigned(check, entry.signature, signedOfEntry(vaultId, entry), publicKey);
  } catch {
    return false; // what it holds has no canonical form
  }
}

function signedOfEntry(vaultId: string, { sequence, entry, sealed, link }: Omit<ExportEntry, 'signature'>): Uint8Array {
  const content = entry as unknown as Json;
  return canonicalBytes({ format: 'wardline-audit-entry-1', vaultId, sequence, entry: content, sealed, link });
}

function isSigned(check: CheckSignature, signature: string, message: Uint8Array, publicKey: string): boolean {
  try {
    return check(Buffer.from(signature, 'base64'), message, Buffer.from(publicKey, 'base64'));
  } catch {
    return false;
  }
}

function parseObject(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
