// Dialogs that applications' INVITE and SUBSCRIBE make (RFC 3261 §13.2.2): early, confirmed, forked, failed.
import type { AppHeader, AppSip } from '../../protocol/drachtio-wire/app-message.ts';
import { cseqOf, tagOf } from '../../protocol/sip/fields.ts';
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import type { Arrival } from '../runtime/sip-stack.ts';
import type { AppConnection } from './app-port.ts';
import { cdrStart, cdrStop } from './cdr.ts';
import type { EdgeContext } from './context.ts';
import {
  type ClientInvite,
  contactOf,
  cseqNumber,
  type Dialog,
  dialogIdOf,
  isBehindNat,
  keepLocalSdp,
  recordRouteOf,
  refreshTarget,
  requestInDialog,
} from './dialog.ts';
import { hangUp } from './hang-up.ts';
import { type OnAnswer, toTag } from './outgoing.ts';
import { sessionAnsweredByPeer } from './session-refresh.ts';
import { keepUntilExpiry } from './subscription.ts';
import type { Route } from './targets.ts';

export class ClientDialogs {
  readonly #context: EdgeContext;
  /** INVITEs that failed a moment ago: srf acknowledges those too and is to be told so, and an answer may yet come. */
  readonly #failed = new Map<string, Dialog>();

  constructor(context: EdgeContext) {
    this.#context = context;
  }

  hasFailed(dialogId: string): boolean {
    return this.#failed.has(dialogId);
  }

  /** The leg that a request outside a dialog may turn into; undefined for one that makes none. */
  begin(request: SipRequest, sip: AppSip, app: AppConnection, { place }: Route): Dialog | undefined {
    if (request.method !== 'INVITE' && request.method !== 'SUBSCRIBE') return undefined;
    const { headers } = request;
    const localTag = tagOf(headers.get('from')) ?? '';
    const callId = headers.get('call-id') ?? '';
    const dialog: Dialog = {
      id: dialogIdOf(callId, localTag),
      role: 'uac',
      kind: request.method === 'INVITE' ? 'invite' : 'subscribe',
      callId,
      localTag,
      remoteTag: undefined,
      localParty: headers.get('from') ?? '',
      remoteParty: headers.get('to') ?? '',
      remoteTarget: request.uri,
      routeSet: [],
      localContact: headers.get('contact') ?? `<sip:${place.host}:${place.port}>`,
      localCSeq: cseqNumber(request),
      remoteCSeq: undefined,
      app,
      state: 'early',
      flow: undefined,
      isBehindNat: false,
      hasServerInvite: false,
    };
    if (request.method === 'INVITE') dialog.clientInvite = newClientInvite(request, sip);
    keepLocalSdp(dialog, request);
    this.#failed.delete(dialog.id);
    this.#context.dialogs.add(dialog);
    return dialog;
  }

  readonly onAnswer: OnAnswer = (response, { dialog, method, client }, arrival) => {
    const { status } = response;
    if (dialog === undefined) return true;
    if (dialog.state === 'ended') {
      const isAnswer = method === 'INVITE' && status >= 200 && status < 300 && arrival !== undefined;
      if (isAnswer) this.#hangUpLate(dialog, response, arrival);
      return !isAnswer;
    }
    if (status >= 300 && method === 'INVITE') {
      const isCancelled = dialog.clientInvite?.isCancelled === true && client !== undefined;
      if (isCancelled) cdrStop(this.#context, 'application', 'call-canceled', client.request);
      else cdrStop(this.#context, 'network', 'call-rejected', response);
    }
    if (status >= 300) this.#fail(dialog, method);
    else if (arrival !== undefined && status > 100) return this.#progress(dialog, response, arrival);
    return true;
  };

  /** A 2xx that was given before, or came after its transaction: its ACK is sent again, another fork is hung up. */
  onStrayResponse(response: SipResponse, arrival: Arrival): void {
    const cseq = cseqOf(response);
    if (cseq?.method !== 'INVITE' || response.status < 200 || response.status >= 300) return;
    const from = tagOf(response.headers.get('from')) ?? '';
    const dialog = this.#context.dialogs.find(dialogIdOf(response.headers.get('call-id') ?? '', from));
    if (dialog === undefined) this.#answeredTooLate(response, cseq.number, arrival);
    if (dialog === undefined || dialog.clientInvite?.cseq !== cseq.number) return;
    if (dialog.remoteTag !== toTag(response)) this.#dropFork(dialog, response, arrival);
    else if (dialog.clientInvite.ack !== undefined) {
      const { request, target } = dialog.clientInvite.ack;
      void this.#context.stack.sendAck(request, target);
    }
  }

  /** RFC 3261 §13.2.2.4: whoever answers after our time-out is acknowledged and hung up, for nobody talks to them. */
  #answeredTooLate(response: SipResponse, cseq: number, arrival: Arrival): void {
    const from = tagOf(response.headers.get('from')) ?? '';
    const failed = this.#failed.get(dialogIdOf(response.headers.get('call-id') ?? '', from));
    if (failed === undefined || failed.clientInvite?.cseq !== cseq) return;
    this.#hangUpLate(failed, response, arrival);
  }

  #hangUpLate(dialog: Dialog, response: SipResponse, arrival: Arrival): void {
    this.#failed.delete(dialog.id);
    this.#context.counters.fault('late-answer');
    this.#hangUpFork(dialog, response, arrival);
  }

  #progress(dialog: Dialog, response: SipResponse, arrival: Arrival): boolean {
    const isSuccess = response.status >= 200;
    const tag = toTag(response);
    if (isSuccess && dialog.state === 'confirmed' && dialog.remoteTag !== tag) {
      this.#dropFork(dialog, response, arrival);
      return false;
    }
    if (tag === undefined) return true;
    adoptPeer(dialog, response, arrival);
    if (!isSuccess) return true;
    if (dialog.kind === 'invite' && dialog.state !== 'confirmed') cdrStart(this.#context, 'network', 'uac', response);
    dialog.state = 'confirmed';
    if (dialog.clientInvite !== undefined) dialog.clientInvite.outcome = 'answered';
    if (dialog.kind === 'invite') sessionAnsweredByPeer(this.#context, dialog, response);
    if (dialog.kind === 'subscribe') keepUntilExpiry(this.#context, dialog, response.headers.get('expires'));
    // Nobody is left to take the call.
    if (!dialog.app.isOpen && dialog.kind === 'invite') void this.#acknowledgeAndHangUp(dialog);
    return true;
  }

  #fail(dialog: Dialog, method: string): void {
    if (dialog.clientInvite !== undefined) dialog.clientInvite.outcome = 'failed';
    this.#context.dialogs.remove(dialog);
    if (method !== 'INVITE') return;
    if (this.#failed.size >= this.#context.limits.failedInvites) {
      const oldest = this.#failed.keys().next().value;
      if (oldest !== undefined) this.#failed.delete(oldest);
    }
    this.#failed.set(dialog.id, dialog);
  }

  /** RFC 3261 §13.2.2.4: a second branch that answered is acknowledged and ended, for the application talks to the first. */
  #dropFork(dialog: Dialog, response: SipResponse, arrival: Arrival): void {
    this.#context.counters.fault('second-answer');
    this.#hangUpFork(dialog, response, arrival);
  }

  #hangUpFork(dialog: Dialog, response: SipResponse, arrival: Arrival): void {
    const fork: Dialog = {
      ...dialog,
      id: `${dialog.id};fork`,
      expiry: undefined,
      answerWait: undefined,
      session: undefined,
    };
    adoptPeer(fork, response, arrival);
    void this.#acknowledgeAndHangUp(fork);
  }

  async #acknowledgeAndHangUp(dialog: Dialog): Promise<void> {
    const { stack, targets } = this.#context;
    const invite = dialog.clientInvite;
    const route = await targets.forDialog(dialog);
    if (route === undefined || invite === undefined) return;
    await stack.sendAck(requestInDialog(dialog, 'ACK', invite.cseq, invite.credentials), route.target);
    hangUp(this.#context, dialog);
  }
}

export function newClientInvite(request: SipRequest, sip: AppSip): ClientInvite {
  const credentials = sip.headers.filter(([name]): boolean => /^(proxy-)?authorization$/i.test(name));
  return {
    cseq: cseqNumber(request),
    credentials: credentials.map(
      ([name, value]): AppHeader => [/^p/i.test(name) ? 'Proxy-Authorization' : 'Authorization', value],
    ),
    outcome: 'pending',
    isCancelled: false,
  };
}

/** The peer of a provisional or an answer becomes the dialog's (RFC 3261 §12.1.2). */
function adoptPeer(dialog: Dialog, response: SipResponse, arrival: Arrival): void {
  const { headers } = response;
  dialog.remoteTag = toTag(response);
  dialog.remoteParty = headers.get('to') ?? dialog.remoteParty;
  const route = recordRouteOf(headers).reverse();
  if (route.length > 0 || response.status >= 200) dialog.routeSet = route;
  if (contactOf(headers) === undefined) {
    dialog.flow = arrival.flow;
    dialog.isBehindNat = isBehindNat(dialog, arrival.flow);
  } else refreshTarget(dialog, headers, arrival.flow);
}
