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
export function headText(head: TrailHead): string {
  return canonicalText({ ...head });
}

/** The head in `text` when it is one and its own signature holds, else undefined. Whose key it is, is the caller's to check. */
export function parseHead(text: string, check: CheckSignature): TrailHead | undefined {
  const head = parseFields(text);
  if (head === undefined) return undefined;
  const { signature, ...unsigned } = head;
  try {
    const isGood = check(bytes(signature), canonicalBytes(unsigned), bytes(head.publicKey));
    return isGood ? head : undefined;
  } catch {
    return undefined;
  }
}

export function positionOf(head: TrailHead): ChainPosition {
  return { sequence: head.sequence, link: Buffer.from(head.link, 'hex') };
}

function parseFields(text: string): TrailHead | undefined {
  try {
    const value = JSON.parse(text) as Partial<TrailHead> | null;
    if (value === null || value.format !== 'wardline-head-1') return undefined;
    const { format, vaultId, sequence, link, at, publicKey, signature } = value;
    if (!isText(vaultId) || !isText(link) || !isText(publicKey) || !isText(signature)) return undefined;
    if (!Number.isSafeInteger(sequence) || !Number.isSafeInteger(at)) return undefined;
    return { format, vaultId, sequence: sequence!, link, at: at!, publicKey, signature };
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
