// Password hashes: Argon2id (RFC 9106), with the parameters kept beside each hash.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type Argon2Cost, argon2id } from '../keys/argon2.ts';

export interface PasswordHash extends Argon2Cost {
  readonly algorithm: 'argon2id';
  /** Base64. */
  readonly salt: string;
  readonly hash: string;
}

/** RFC 9106 §4, the second recommended option but for one lane: the box has few cores, and calls need them. */
const cost: Argon2Cost = { memoryKib: 64 * 1024, passes: 3, parallelism: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;

export async function hashPassword(password: string): Promise<PasswordHash> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await argon2id(password, salt, cost, HASH_BYTES);
  return { algorithm: 'argon2id', ...cost, salt: salt.toString('base64'), hash: hash.toString('base64') };
}

/** Whether `password` fits; without a hash it costs the same time and does not. */
export async function verifyPassword(password: string, known: PasswordHash | undefined): Promise<boolean> {
  const salt = known === undefined ? randomBytes(SALT_BYTES) : Buffer.from(known.salt, 'base64');
  const derived = await argon2id(password, salt, known ?? cost, HASH_BYTES);
  const expected = known === undefined ? randomBytes(HASH_BYTES) : Buffer.from(known.hash, 'base64');
  return timingSafeEqual(derived, expected) && known !== undefined;
}
