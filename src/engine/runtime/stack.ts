// The SIP stack: transports and transactions behind one interface.
import type { Clock } from '../../kernel/clock.ts';
import type { StackLimits } from './limits.ts';
import type { SipStack, StackEvents } from './sip-stack.ts';

export interface StackOptions {
  readonly clock: Clock;
  /** `count` random bytes, for branches and tags; the system's by default. */
  readonly random?: (count: number) => Uint8Array;
  readonly limits?: Partial<StackLimits>;
  /** PEM certificates that outgoing TLS connections trust; Node's own list when absent. */
  readonly trust?: string;
}

export function createSipStack(_events: StackEvents, _options: StackOptions): SipStack {
  throw new Error('not yet');
}
