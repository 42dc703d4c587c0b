// Call records as drachtio-server tells them: attempt, start and stop of each leg, for an application that routes `cdr:…`.
import { type CdrEvent, cdrLeader } from '../../protocol/drachtio-wire/leader.ts';
import type { SipMessage } from '../../protocol/sip/message.ts';
import { serialise } from '../../protocol/sip/serialise.ts';
import type { EdgeContext } from './context.ts';

export type CdrSource = 'network' | 'application';
export type CdrRole = 'uac' | 'uas' | 'proxy-uac' | 'proxy-uas';
export type CdrReason =
  | 'call-rejected'
  | 'call-canceled'
  | 'normal-release'
  | 'session-expired'
  | 'system-initiated-termination';

export function cdrAttempt(context: EdgeContext, source: CdrSource, invite: SipMessage): void {
  tell(context, 'attempt', source, invite);
}

export function cdrStart(context: EdgeContext, source: CdrSource, role: CdrRole, answer: SipMessage): void {
  tell(context, 'start', source, answer, role);
}

export function cdrStop(context: EdgeContext, source: CdrSource, reason: CdrReason, last: SipMessage): void {
  tell(context, 'stop', source, last, reason);
}

function tell({ apps, clock }: EdgeContext, event: CdrEvent, source: CdrSource, message: SipMessage, word?: string) {
  const app = apps.pick(`cdr:${event}`);
  app?.send((id) => cdrLeader(id, event, source, clock.now(), word), serialise(message));
}
