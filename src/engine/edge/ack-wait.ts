// A 2xx to INVITE is resent until its ACK comes, and given up after 64·T1 (RFC 3261 §13.3.1.4).
import type { Clock } from '../../kernel/clock.ts';
import { T1_MS, T2_MS, TIMER_H_MS } from './limits.ts';

/**
 * `isReliable`: nothing is resent, but the wait ends all the same. `longestMs` is what the doubling stops at. Disposing it is
 * the ACK, or the PRACK of a reliable provisional (RFC 3262 §3).
 */
export function resendUntilAck(
  clock: Clock,
  isReliable: boolean,
  resend: () => void,
  giveUp: () => void,
  longestMs = T2_MS,
): Disposable {
  let intervalMs = T1_MS;
  let next: Disposable | undefined;
  const again = () => {
    resend();
    intervalMs = Math.min(intervalMs * 2, longestMs);
    next = clock.after(intervalMs, again);
  };
  if (!isReliable) next = clock.after(intervalMs, again);
  const end = clock.after(TIMER_H_MS, () => {
    next?.[Symbol.dispose]();
    giveUp();
  });
  return {
    [Symbol.dispose]() {
      next?.[Symbol.dispose]();
      end[Symbol.dispose]();
    },
  };
}
