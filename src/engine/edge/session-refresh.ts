// Session timers (RFC 4028 §7.4, §10), wholly in the edge: a re-INVITE with the last SDP in time, of which no application hears, or the end.
import type { AppHeader } from '../../protocol/drachtio-wire/app-message.ts';
import { parseSeconds } from '../../protocol/sip/fields.ts';
import type { SipResponse } from '../../protocol/sip/message.ts';
import type { Arrival } from '../runtime/sip-stack.ts';
import { sendRequest } from './attempts.ts';
import type { EdgeContext } from './context.ts';
import { type ClientInvite, type Dialog, holdClient, refreshTarget, requestInDialog } from './dialog.ts';
import { hangUp } from './hang-up.ts';
import { MIN_SE_SECONDS, parseSessionExpires } from './session-timer.ts';

/** While another offer is on its way. */
const BUSY_RETRY_MS = 2_000;
/** RFC 3261 §14.1 after a 491: whoever made the Call-ID waits longer than the other. */
const GLARE_OWNER_MS = 3_000;
const GLARE_OTHER_MS = 1_000;

/** RFC 4028 §10: who refreshes gives up this long before the end, or a third of the interval when that is less. */
const MARGIN_MS = 32_000;

/** Our 2xx to an INVITE or UPDATE has gone out. */
export function sessionAnsweredByUs(context: EdgeContext, dialog: Dialog, { headers }: SipResponse): void {
  if (dialog.state !== 'confirmed') return;
  const agreed = parseSessionExpires(headers.get('session-expires'));
  if (agreed === undefined) stopSession(dialog);
  else armSession(context, dialog, agreed.seconds, agreed.refresher !== 'uac');
}

/** A 2xx to our INVITE or UPDATE has come. A peer that knows no session timers may still be refreshed by us (RFC 4028 §7.2). */
export function sessionAnsweredByPeer(context: EdgeContext, dialog: Dialog, { headers }: SipResponse): void {
  if (dialog.state !== 'confirmed') return;
  const agreed = parseSessionExpires(headers.get('session-expires'));
  if (agreed !== undefined) armSession(context, dialog, agreed.seconds, agreed.refresher !== 'uas');
  else if (dialog.session?.isRefresher) armSession(context, dialog, dialog.session.seconds, true);
  else stopSession(dialog);
}

export function armSession(context: EdgeContext, dialog: Dialog, seconds: number, isRefresher: boolean): void {
  stopSession(dialog);
  const interval = Math.max(seconds, MIN_SE_SECONDS);
  const ms = interval * 1000;
  const endMs = isRefresher ? ms - Math.min(MARGIN_MS, ms / 3) : ms;
  const end = context.clock.after(endMs, () => hangUp(context, dialog, 'Session timer expired'));
  dialog.session = { seconds: interval, isRefresher, end, next: undefined };
  if (isRefresher) refreshAfter(context, dialog, ms / 2);
}

export function refreshAfter(context: EdgeContext, dialog: Dialog, ms: number): void {
  const { session } = dialog;
  if (session === undefined || dialog.state !== 'confirmed') return;
  session.next?.[Symbol.dispose]();
  session.next = context.clock.after(ms, () => void refreshSession(context, dialog));
}

export function stopSession(dialog: Dialog): void {
  dialog.session?.end[Symbol.dispose]();
  dialog.session?.next?.[Symbol.dispose]();
  dialog.session = undefined;
}

async function refreshSession(context: EdgeContext, dialog: Dialog): Promise<void> {
  const isBusy =
    dialog.clientInvite?.outcome === 'pending' || dialog.hasServerInvite || dialog.answerWait !== undefined;
  if (isBusy) {
    refreshAfter(context, dialog, BUSY_RETRY_MS);
    return;
  }
  const done = Promise.withResolvers<void>();
  dialog.refreshing = done.promise;
  try {
    await send(context, dialog, done.resolve);
  } catch {
    context.counters.fault('refresh-failed');
    done.resolve();
  }
}

async function send(context: EdgeContext, dialog: Dialog, done: () => void): Promise<void> {
  const { localSdp, session } = dialog;
  // Without an SDP of ours that could be said again, an UPDATE refreshes as well.
  const method = localSdp === undefined ? 'UPDATE' : 'INVITE';
  const cseq = ++dialog.localCSeq;
  const invite: ClientInvite = { cseq, credentials: [], outcome: 'pending', isCancelled: false };
  if (method === 'INVITE') dialog.clientInvite = invite;
  const finish = (outcome: 'answered' | 'failed') => {
    invite.outcome = outcome;
    dialog.refreshing = undefined;
    done();
  };
  const route = await context.targets.forDialog(dialog);
  if (route === undefined || session === undefined || dialog.state !== 'confirmed') {
    finish('failed');
    return;
  }
  const headers: AppHeader[] = [
    ['Contact', dialog.localContact],
    ['Session-Expires', `${session.seconds};refresher=uac`],
    ['Min-SE', String(MIN_SE_SECONDS)],
  ];
  if (localSdp !== undefined) headers.push(['Content-Type', localSdp.type]);
  const request = requestInDialog(dialog, method, cseq, headers, localSdp?.body);
  const client = await sendRequest(context, route, () => request, {
    onResponse(response, arrival) {
      if (response.status < 200) return;
      finish(response.status < 300 ? 'answered' : 'failed');
      settle(context, dialog, response, arrival, method === 'INVITE' ? invite : undefined);
    },
    onFailure() {
      finish('failed');
      if (dialog.state === 'confirmed') hangUp(context, dialog, 'Session timer expired');
    },
  });
  if (invite.outcome === 'pending') holdClient(dialog, invite, client);
  context.counters.add('messagesOut');
}

function settle(
  context: EdgeContext,
  dialog: Dialog,
  response: SipResponse,
  arrival: Arrival,
  invite: ClientInvite | undefined,
): void {
  const { status, headers } = response;
  if (dialog.state === 'ended') return;
  if (status < 300) {
    refreshTarget(dialog, headers, arrival.flow);
    sessionAnsweredByPeer(context, dialog, response);
    if (invite !== undefined) void acknowledge(context, dialog, invite);
  } else if (status === 491) {
    refreshAfter(context, dialog, dialog.role === 'uac' ? GLARE_OWNER_MS : GLARE_OTHER_MS);
  } else if (status === 408 || status === 481) hangUp(context, dialog, 'Session timer expired');
  else if (status === 422) askForLonger(context, dialog, parseSeconds(headers.get('min-se')));
  // RFC 4028 §10: any other refusal is tried again until the session's time is over.
  else refreshAfter(context, dialog, ((dialog.session?.seconds ?? MIN_SE_SECONDS) * 1000) / 8);
}

function askForLonger(context: EdgeContext, dialog: Dialog, leastSeconds: number | undefined): void {
  const { session } = dialog;
  if (session === undefined) return;
  // A peer that asks for no more than it was given is tried again as after any refusal.
  if (leastSeconds === undefined || leastSeconds <= session.seconds) {
    refreshAfter(context, dialog, (session.seconds * 1000) / 8);
    return;
  }
  armSession(context, dialog, leastSeconds, true);
  refreshAfter(context, dialog, 0);
}

async function acknowledge({ stack, targets, counters }: EdgeContext, dialog: Dialog, invite: ClientInvite) {
  const route = await targets.forDialog(dialog);
  if (route === undefined) return;
  const request = requestInDialog(dialog, 'ACK', invite.cseq, []);
  invite.ack = { request, target: route.target };
  await stack.sendAck(request, route.target);
  counters.add('messagesOut');
}
