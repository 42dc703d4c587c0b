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
  const text = canonicalizeJson(value);
  if (text === undefined) throw new WardlineError('not-json', 'A value that is not JSON was to be sealed.');
  return text;
}
