// What every part of the edge stands on, handed to each once.
import type { Clock } from '../../kernel/clock.ts';
import type { Meta } from '../../protocol/drachtio-wire/leader.ts';
import type { Locator } from '../runtime/locator.ts';
import type { Arrival, Flow, SipStack } from '../runtime/sip-stack.ts';
import type { AppPort } from './app-port.ts';
import type { ContactFlows } from './contact-flows.ts';
import type { EdgeCounters } from './counters.ts';
import type { DialogTable } from './dialog.ts';
import type { Ids } from './ids.ts';
import type { EdgeLimits } from './limits.ts';
import type { ListenerGuard } from './listener-guard.ts';
import type { Targets } from './targets.ts';

export interface EdgeContext {
  readonly stack: SipStack;
  readonly apps: AppPort;
  readonly dialogs: DialogTable;
  readonly contacts: ContactFlows;
  readonly targets: Targets;
  readonly locator: Locator;
  readonly counters: EdgeCounters;
  readonly guard: ListenerGuard;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: EdgeLimits;
}

/** How a leader names a transport: to drachtio's applications a WebSocket is `tcp`. */
export function wireProtocol({ transport }: Pick<Flow, 'transport'>): string {
  return transport === 'ws' || transport === 'wss' ? 'tcp' : transport;
}

/** Received: the remote end, and the size on the wire. */
export function metaOfArrival({ clock }: EdgeContext, { flow, bytes }: Arrival): Meta {
  const { host, port } = flow.remote;
  return { bytes, protocol: wireProtocol(flow), address: host, port, atMs: clock.now() };
}

/** A request of ours: our own address, or over a connection the remote one, as drachtio-server tells it. */
export function metaOfSentRequest({ clock }: EdgeContext, flow: Flow, bytes: number): Meta {
  const { host, port } = flow.isReliable ? flow.remote : flow.local;
  return { bytes, protocol: wireProtocol(flow), address: host, port, atMs: clock.now() };
}
