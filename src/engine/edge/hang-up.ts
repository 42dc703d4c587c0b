// What the edge says by itself in a dialog: a BYE nobody asked for, of which the application is told as `unsolicited`.
import { sipLeader } from '../../protocol/drachtio-wire/leader.ts';
import type { SipRequest } from '../../protocol/sip/message.ts';
import { sendRequest } from './attempts.ts';
import { cdrStop } from './cdr.ts';
import { type EdgeContext, wireProtocol } from './context.ts';
import { type Dialog, requestInDialog } from './dialog.ts';

/** The reasons that drachtio-server gives; srf's dialog ends with the quoted text. */
export type HangUpReason = 'ACK timeout' | 'Session timer expired' | 'ACK-BYE due to cancel race condition';

/** Without a reason the application is not told: it knows nothing of that dialog, or is gone. */
export function hangUp(context: EdgeContext, dialog: Dialog, reason?: HangUpReason): void {
  const cseq = ++dialog.localCSeq;
  const why = reason === undefined ? [] : [['Reason', `SIP;cause=200;text="${reason}"`] as const];
  const request = requestInDialog(dialog, 'BYE', cseq, why);
  context.dialogs.remove(dialog);
  void send(context, dialog, request, reason);
}

async function send(context: EdgeContext, dialog: Dialog, request: SipRequest, reason?: HangUpReason): Promise<void> {
  const { targets, clock, counters } = context;
  const route = await targets.forDialog(dialog);
  if (route === undefined) {
    counters.fault('bye-without-target');
    return;
  }
  const sent = await sendRequest(context, route, () => request, { onResponse() {}, onFailure() {} });
  counters.add('messagesOut');
  const { host, port } = sent.flow.local;
  const meta = { bytes: sent.wire.length, protocol: wireProtocol(sent.flow), address: host, port, atMs: clock.now() };
  if (reason === undefined) return;
  const isExpired = reason === 'Session timer expired';
  cdrStop(context, 'application', isExpired ? 'session-expired' : 'system-initiated-termination', sent.request);
  if (!dialog.app.isOpen) return;
  dialog.app.send((id) => sipLeader(id, 'application', meta, 'unsolicited', dialog.id), sent.wire);
}
