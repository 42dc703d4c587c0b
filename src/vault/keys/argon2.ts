// Argon2id (RFC 9106) on libuv's threads, a few at a time: whoever stretches a secret keeps nobody else waiting.
import { argon2 } from 'node:crypto';
import { WardlineError } from '../../kernel/errors.ts';

export interface Argon2Cost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** 64 MiB each; more wait. */
const MAX_AT_ONCE = 2;
const MAX_WAITING = 32;

let running = 0;
const waiting: (() => void)[] = [];

/** Stretches the secret's NFKC form. @throws WardlineError `login-busy` */
export async function argon2id(secret: string, salt: Uint8Array, cost: Argon2Cost, bytes: number): Promise<Buffer> {
  await takeTurn();
  try {
    return await new Promise((resolve, reject) => {
      const { parallelism, passes, memoryKib: memory } = cost;
      const message = Buffer.from(secret.normalize('NFKC'), 'utf8');
      const parameters = { message, nonce: salt, parallelism, passes, memory, tagLength: bytes };
      argon2('argon2id', parameters, (error, derived) => {
        message.fill(0);
        if (error) reject(error);
        else resolve(derived);
      });
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
