// Password hashes: Argon2id (RFC 9106) on libuv's threads, a few at a time, with the parameters kept beside each hash.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { WardlineError } from '../../kernel/errors.ts';

export interface PasswordHash {
  readonly algorithm: 'argon2id';
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
  /** Base64. */
  readonly salt: string;
  readonly hash: string;
}

type Cost = Pick<PasswordHash, 'memoryKib' | 'passes' | 'parallelism'>;

/** RFC 9106 §4, the second recommended option but for one lane: the box has few cores, and calls need them. */
const cost: Cost = { memoryKib: 64 * 1024, passes: 3, parallelism: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** 64 MiB each; more wait. */
const MAX_AT_ONCE = 2;
const MAX_WAITING = 32;

export async function hashPassword(password: string): Promise<PasswordHash> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, cost);
  return { algorithm: 'argon2id', ...cost, salt: salt.toString('base64'), hash: hash.toString('base64') };
}

/** Whether `password` fits; without a hash it costs the same time and does not. */
export async function verifyPassword(password: string, known: PasswordHash | undefined): Promise<boolean> {
  const salt = known === undefined ? randomBytes(SALT_BYTES) : Buffer.from(known.salt, 'base64');
  const derived = await derive(password, salt, known ?? cost);
  const expected = known === undefined ? randomBytes(HASH_BYTES) : Buffer.from(known.hash, 'base64');
  return timingSafeEqual(derived, expected) && known !== undefined;
}

let running = 0;
const waiting: (() => void)[] = [];

async function derive(password: string, salt: Buffer, { memoryKib, passes, parallelism }: Cost): Promise<Buffer> {
  await takeTurn();
  try {
    return await new Promise((resolve, reject) => {
      const parameters = {
        message: password.normalize('NFKC'),
        nonce: salt,
        parallelism,
        passes,
        memory: memoryKib,
        tagLength: HASH_BYTES,
      };
      argon2('argon2id', parameters, (error, derived) => (error ? reject(error) : resolve(derived)));
    });
  } finally {
    running--;
    waiting.shift()?.();
  }
}

async function takeTurn(): Promise<void> {
  if (running >= MAX_AT_ONCE) {
    if (waiting.length >= MAX_WAITING) {
      throw new WardlineError('login-busy', 'Too many people log in at once; try again in a moment.');
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
  running++;
}
