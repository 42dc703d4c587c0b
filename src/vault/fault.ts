// What an asker is told when an operation throws: its own error as it is, a fault of ours as one plain sentence.
import { codeOf, WardlineError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { VaultOperation } from './contract.ts';

/** A fault of ours is logged by its code and its place. */
export function faultOf(thrown: unknown, operation: VaultOperation, log: Logger): WardlineError {
  if (thrown instanceof WardlineError) return thrown;
  const code = codeOf(thrown);
  log.error({ code, operation, at: placeOf(thrown) }, 'an operation failed');
  return /^SQLITE_(FULL|IOERR|READONLY|BUSY)/.test(code)
    ? new WardlineError('vault-write-failed', 'The vault could not write; check the disk.', { cause: thrown })
    : new WardlineError('vault-fault', `The vault could not do this (${code}); its log says more.`);
}

/** Where in our code, without the message: that could hold what a person said. */
function placeOf(thrown: unknown): string {
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : '';
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 4)
    .join(' ')
    .replace(/\s+/g, ' ');
}
