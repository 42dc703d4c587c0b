// Identifiers: 128 random bits in lower-case base32 (RFC 4648 §6 alphabet), safe in logs and file names.
import { randomBytes } from 'node:crypto';
import type { Brand } from './brand.ts';

export type Id<Name extends string> = Brand<string, Name>;
export type ArtifactId = Id<'artifact'>;
export type CallId = Id<'call'>;
export type UserId = Id<'user'>;

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const PATTERN = /^[a-z2-7]{26}$/;

/** A new identifier, 26 characters. `random` is 16 bytes; a test passes its own. */
export function newId<Name extends string>(random: Uint8Array = randomBytes(16)): Id<Name> {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of random) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(value >> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  if (bits > 0) text += ALPHABET[(value << (5 - bits)) & 31];
  return text as Id<Name>;
}

/** The identifier in `text`, or undefined when it is not one. */
export function parseId<Name extends string>(text: string): Id<Name> | undefined {
  return PATTERN.test(text) ? (text as Id<Name>) : undefined;
}
