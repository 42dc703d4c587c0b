// A signed head: the trail's length and last link at a moment, which leaves the box so that nobody can shorten the trail unseen.
import { canonicalBytes, canonicalText } from '../kernel/canonical.ts';
import type { ChainPosition } from './chain.ts';

export interface TrailHead {
  readonly format: 'wardline-head-1';
  readonly vaultId: string;
  readonly sequence: number;
  /** Hex. */
  readonly link: string;
  readonly at: number;
  /** Ed25519, base64. A verifier compares it with the one it trusts. */
  readonly publicKey: string;
  /** Ed25519 over the canonical form of the fields above, base64. */
  readonly signature: string;
}

export type Sign = (message: Uint8Array) => Uint8Array;
export type CheckSignature = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean;

export function signHead(fields: Omit<TrailHead, 'format' | 'signature'>, sign: Sign): TrailHead {
  const unsigned = { format: 'wardline-head-1' as const, ...fields };
  return { ...unsigned, signature: Buffer.from(sign(canonicalBytes(unsigned))).toString('base64') };
}

/** One line of a heads file. */
export function headText(head: TrailHead | KeyChange): string {
  return canonicalText({ ...head });
}

/** The head in `text` when it is one and its own signature holds, else undefined. Whose key it is, is the caller's to check. */
export function parseHead(text: string, check: CheckSignature): TrailHead | undefined {
  const head = parseFields(text);
  return head?.format === 'wardline-head-1' && isSigned(head, check) ? head : undefined;
}

/** Says which key signs from here on; signed by the one before, so that who trusts that one can go on. */
export interface KeyChange extends Omit<TrailHead, 'format'> {
  readonly format: 'wardline-key-change-1';
  /** Ed25519, base64. */
  readonly next: string;
}

export function signKeyChange(fields: Omit<KeyChange, 'format' | 'signature'>, sign: Sign): KeyChange {
  const unsigned = { format: 'wardline-key-change-1' as const, ...fields };
  return { ...unsigned, signature: Buffer.from(sign(canonicalBytes(unsigned))).toString('base64') };
}

/** As `parseHead`. */
export function parseKeyChange(text: string, check: CheckSignature): KeyChange | undefined {
  const change = parseFields(text);
  return change?.format === 'wardline-key-change-1' && isSigned(change, check) ? change : undefined;
}

function isSigned(signed: TrailHead | KeyChange, check: CheckSignature): boolean {
  const { signature, ...unsigned } = signed;
  try {
    return check(bytes(signature), canonicalBytes(unsigned), bytes(signed.publicKey));
  } catch {
    return false;
  }
}

export function positionOf(head: TrailHead): ChainPosition {
  return { sequence: head.sequence, link: Buffer.from(head.link, 'hex') };
}

function parseFields(text: string): TrailHead | KeyChange | undefined {
  try {
    const value = JSON.parse(text) as Partial<TrailHead | KeyChange> | null;
    if (value === null) return undefined;
    const { vaultId, sequence, link, at, publicKey, signature } = value;
    if (!isText(vaultId) || !isText(link) || !isText(publicKey) || !isText(signature)) return undefined;
    if (!Number.isSafeInteger(sequence) || !Number.isSafeInteger(at)) return undefined;
    const fields = { vaultId, sequence: sequence!, link, at: at!, publicKey, signature };
    if (value.format === 'wardline-head-1') return { format: value.format, ...fields };
    if (value.format !== 'wardline-key-change-1' || !isText(value.next)) return undefined;
    return { format: value.format, ...fields, next: value.next };
  } catch {
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function bytes(base64: string): Uint8Array {
  return Buffer.from(base64, 'base64');
}
