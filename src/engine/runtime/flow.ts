// What the transports give the transaction layer: flows that can send, and what happens on them.
import type { HostPort } from '../../kernel/ip.ts';
import type { SipMessage, SipRequest } from '../../protocol/sip/message.ts';
import type { Flow } from './sip-stack.ts';

export interface LiveFlow extends Flow {
  /** What a Via on this flow names: where the peer can reach us, even when the connection is gone. */
  readonly sentBy: HostPort;
  /** Puts bytes on the wire; `onError` is called later when that is seen to have failed. */
  send(bytes: Uint8Array, onError?: () => void): void;
  /** A request that came by it was granted: whoever is behind it is no stranger. */
  prove(): void;
}

/** How a source stands with us before anything of it is read: `trusted` ones take no turns. */
export type Standing = 'banned' | 'trusted' | 'unknown';

export interface TransportEvents {
  standing(address: string, flow: Pick<Flow, 'listener' | 'isReliable'>): Standing;
  onMessage(message: SipMessage, flow: LiveFlow, bytes: number): void;
  /** `request` is what could be read of a broken request, when its sender can be told. */
  onFault(reason: string, flow: LiveFlow, request?: SipRequest): void;
  /** A connection has ended, whoever ended it. */
  onClosed(flow: LiveFlow): void;
}

/** True for every flow that this runtime made. */
export function isLive(flow: Flow | undefined): flow is LiveFlow {
  return flow !== undefined && 'send' in flow;
}

/** A flow that never came to be, for a request whose transport could not be opened. */
export function deadFlow(parts: Pick<Flow, 'transport' | 'listener' | 'local' | 'remote'>): LiveFlow {
  return {
    ...parts,
    id: 'none',
    isReliable: parts.transport !== 'udp',
    isOpen: false,
    sentBy: parts.local,
    close() {},
    send() {},
    prove() {},
  };
}
