// What may look on at a SIP stack beside the owner of its transactions: a guard that turns senders away, counters, a trace.
import type { SipMessage, SipRequest } from '../../protocol/sip/message.ts';
import type { Standing } from './flow.ts';
import type { Flow } from './sip-stack.ts';

export interface StackObserver {
  /** Asked before anything of a datagram or connection is parsed: what a banned source sends is dropped. */
  standing?(address: string, flow: Pick<Flow, 'listener' | 'isReliable'>): Standing;
  /** Asked before a request is looked at; false drops it without an answer. */
  admits?(request: SipRequest, flow: Flow): boolean;
  received?(message: SipMessage, flow: Flow): void;
  /** The message as it goes on the wire. */
  sent?(bytes: Uint8Array, flow: Flow): void;
  /** A request came again, or what we sent is sent again. */
  retransmitted?(direction: 'in' | 'out'): void;
}
