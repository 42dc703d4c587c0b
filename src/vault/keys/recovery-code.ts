// The recovery code: 130 random bits and a check, in seven groups of four that can be read over a telephone. FORMAT.md §3.3.
import { WardlineError } from '../../kernel/errors.ts';
import { blake2b, randomBytes } from '../../seal/sodium.ts';

/** Crockford's base32: no I, L, O or U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const SECRET_SYMBOLS = 26;
const CHECK_SYMBOLS = 2;

export function newRecoveryCode(): string {
  const secret = [...randomBytes(SECRET_SYMBOLS)].map((byte) => ALPHABET[byte & 31]).join('');
  return (secret + checkOf(secret)).replace(/(.{4})(?=.)/g, '$1-');
}

/**
 * The code's 26 symbols as ASCII bytes: what the slot's key is made of. Case, blanks and hyphens do not matter.
 * @throws WardlineError `code-mistyped`
 */
export function parseRecoveryCode(text: string): Uint8Array {
  const symbols = text
    .toUpperCase()
    .replace(/[\s\p{Dash_Punctuation}]/gu, '')
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1');
  const secret = symbols.slice(0, SECRET_SYMBOLS);
  const isCode = symbols.length === SECRET_SYMBOLS + CHECK_SYMBOLS && checkOf(secret) === symbols.slice(SECRET_SYMBOLS);
  if (!isCode) {
    throw new WardlineError('code-mistyped', 'That is not a recovery code: compare it with the paper, group by group.');
  }
  return Buffer.from(secret, 'ascii');
}

function checkOf(secret: string): string {
  const digest = blake2b(Buffer.from(`wardline-recovery-1:${secret}`, 'ascii'));
  return ALPHABET[digest[0]! & 31]! + ALPHABET[digest[1]! & 31]!;
}
