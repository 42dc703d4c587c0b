// RFC 8785 canonical JSON: the one form of whatever is sealed, hashed or signed.
import canonicalizeJson from 'canonicalize';
import { WardlineError } from './errors.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** `value` in RFC 8785 form, as UTF-8 bytes. */
export function canonicalBytes(value: Json): Uint8Array {
  return new TextEncoder().encode(canonicalText(value));
}

/** `value` in RFC 8785 form, as text. */
export function canonicalText(value: Json): string {
  if (isCanonicalAsItIs(value)) return JSON.stringify(value);
  const text = canonicalizeJson(value);
  if (text === undefined) throw new WardlineError('not-json', 'A value that is not JSON was to be sealed.');
  return text;
}

/** An object of texts and whole numbers with its keys in order, as most of what is sealed binds: JSON is its canonical form already. */
function isCanonicalAsItIs(value: Json): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  let last = '';
  for (const [key, member] of Object.entries(value)) {
    if ((key <= last && last !== '') || !key.isWellFormed()) return false;
    if (typeof member === 'string' ? !member.isWellFormed() : !Number.isSafeInteger(member)) return false;
    last = key;
  }
  return true;
}
