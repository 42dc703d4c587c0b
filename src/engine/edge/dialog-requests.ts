// Requests that applications make inside a dialog (RFC 3261 §12.2.1), the ACK to a 2xx among them (§13.2.2.4).
import type { AppHeader, AppSip } from '../../protocol/drachtio-wire/app-message.ts';
import { NOK, requestEcho } from '../../protocol/drachtio-wire/leader.ts';
import { serialise } from '../../protocol/sip/serialise.ts';
import type { AppConnection, AppSipMessage } from './app-port.ts';
import { type ClientDialogs, newClientInvite } from './client-dialogs.ts';
import { type EdgeContext, metaOfSentRequest } from './context.ts';
import { type Dialog, keepLocalSdp, refreshTarget, requestInDialog } from './dialog.ts';
import { hangUp } from './hang-up.ts';
import { appHeaders, contentType, findHeader, type Place } from './headers.ts';
import { TIMER_H_MS } from './limits.ts';
import { parseRequestLine } from './new-requests.ts';
import type { OnAnswer, OutgoingTable } from './outgoing.ts';
import { sessionAnsweredByPeer } from './session-refresh.ts';
import { mayRefresh, refreshHeaders } from './session-timer.ts';
import { keepUntilExpiry } from './subscription.ts';
import { endsSubscription } from './uas.ts';

/** Written by the edge; what the application says of them in a dialog is ignored. */
const TAKEN = new Set(['from', 'to', 'call-id', 'cseq', 'max-forwards', 'content-type', 'contact']);
const CARRIES_CONTACT = new Set(['INVITE', 'SUBSCRIBE', 'REFER', 'UPDATE', 'NOTIFY']);
/** May be sent before the dialog is confirmed (RFC 3262, RFC 3311). */
const WHILE_EARLY = new Set(['PRACK', 'UPDATE']);

export class DialogRequests {
  readonly #context: EdgeContext;
  readonly #outgoing: OutgoingTable;
  readonly #dialogs: ClientDialogs;

  constructor(context: EdgeContext, outgoing: OutgoingTable, dialogs: ClientDialogs) {
    this.#context = context;
    this.#outgoing = outgoing;
    this.#dialogs = dialogs;
  }

  async send(message: AppSipMessage, app: AppConnection): Promise<void> {
    const { sip, id, dialogId } = message;
    const method = parseRequestLine(sip.startLine)?.method;
    const dialog = this.#context.dialogs.find(dialogId);
    const refusal = this.#whyNot(method, sip, dialogId, dialog);
    if (method === undefined || dialog === undefined || refusal !== undefined) {
      app.refuse(id, refusal ?? NOK.unknownDialog);
      return;
    }
    // An application that came after the first one went has the dialog from now on.
    if (!dialog.app.isOpen) dialog.app = app;
    if (method === 'ACK') await this.#acknowledge(message, app, dialog);
    else await this.#request(method, message, app, dialog);
  }

  #whyNot(method: string | undefined, sip: AppSip, dialogId: string, dialog: Dialog | undefined): string | undefined {
    if (method === undefined) return NOK.invalidUri(sip.startLine);
    const invite = dialog?.clientInvite;
    if (method === 'ACK') {
      const isFailed = invite?.outcome === 'failed' || (dialog === undefined && this.#dialogs.hasFailed(dialogId));
      if (isFailed) return NOK.automaticAck;
      return invite?.outcome === 'answered' ? undefined : NOK.unknownDialog;
    }
    if (dialog === undefined || dialog.state === 'ending') return NOK.unknownDialog;
    const isEarly = dialog.state !== 'confirmed';
    if (isEarly && (!WHILE_EARLY.has(method) || dialog.remoteTag === undefined)) return NOK.unknownDialog;
    return contentType(sip) === 'missing' ? `Server error: ${NOK.missingContentType}` : undefined;
  }

  async #request(method: string, { sip, id }: AppSipMessage, app: AppConnection, dialog: Dialog): Promise<void> {
    if (method === 'INVITE') await dialog.refreshing;
    // Taken before anything is awaited, so that requests keep the order they were asked for in.
    const cseq = ++dialog.localCSeq;
    if (method === 'BYE') dialog.state = 'ending';
    const route = await this.#context.targets.forDialog(dialog);
    if (route === undefined) {
      if (method === 'BYE') this.#context.dialogs.remove(dialog);
      app.refuse(id, NOK.noTransport);
      return;
    }
    const request = requestInDialog(dialog, method, cseq, this.#headers(method, sip, dialog, route.place), sip.body);
    if (method === 'INVITE') dialog.clientInvite = newClientInvite(request, sip);
    const to = { app, replyTo: id, dialog, method };
    await this.#outgoing.start(() => request, route, to, this.#onAnswer(request, dialog));
  }

  #headers(method: string, sip: AppSip, dialog: Dialog, place: Place): AppHeader[] {
    const list: AppHeader[] = [];
    const contacts = sip.headers.filter(([name]) => /^(contact|m)$/i.test(name));
    const given = appHeaders({ ...sip, headers: contacts }, new Set(), place);
    const own = given[0]?.[1];
    if (own !== undefined && method === 'INVITE') dialog.localContact = own;
    if (own !== undefined) list.push(['Contact', own]);
    else if (CARRIES_CONTACT.has(method) && dialog.localContact !== '') list.push(['Contact', dialog.localContact]);
    if (mayRefresh(method) && findHeader(sip, 'session-expires') === undefined) list.push(...refreshHeaders(dialog));
    list.push(...appHeaders(sip, TAKEN, place));
    const content = contentType(sip);
    if (content !== 'missing' && content.type !== undefined) list.push(['Content-Type', content.type]);
    return list;
  }

  #onAnswer(request: ReturnType<typeof requestInDialog>, dialog: Dialog): OnAnswer {
    const { method } = request;
    const invite = method === 'INVITE' ? dialog.clientInvite : undefined;
    return (response, _outgoing, arrival) => {
      const { status } = response;
      const isSuccess = status >= 200 && status < 300;
      if (invite !== undefined && status >= 200) invite.outcome = isSuccess ? 'answered' : 'failed';
      if (
        isSuccess &&
        arrival !== undefined &&
        (invite !== undefined || method === 'UPDATE' || method === 'SUBSCRIBE')
      ) {
        refreshTarget(dialog, response.headers, arrival.flow);
      }
      if (status < 200) return true;
      if (isSuccess && mayRefresh(method)) {
        keepLocalSdp(dialog, request);
        sessionAnsweredByPeer(this.#context, dialog, response);
      }
      if (isSuccess && method === 'SUBSCRIBE') keepUntilExpiry(this.#context, dialog, response.headers.get('expires'));
      // A challenged BYE is sent again with credentials; any other answer ends the dialog (RFC 3261 §15.1.1).
      if (method === 'BYE' && (status === 401 || status === 407)) this.#awaitCredentials(dialog);
      else if (method === 'BYE' || (method === 'NOTIFY' && endsSubscription(dialog, request))) {
        this.#context.dialogs.remove(dialog);
      }
      return true;
    };
  }

  /** An application that has no credentials says nothing more; the dialog does not wait for it for ever. */
  #awaitCredentials(dialog: Dialog): void {
    const { clock, dialogs } = this.#context;
    dialog.state = 'confirmed';
    dialog.expiry?.[Symbol.dispose]();
    dialog.expiry = clock.after(TIMER_H_MS, () => dialogs.remove(dialog));
  }

  async #acknowledge({ sip, id }: AppSipMessage, app: AppConnection, dialog: Dialog): Promise<void> {
    const { stack, targets, counters, ids } = this.#context;
    const invite = dialog.clientInvite;
    const route = await targets.forDialog(dialog);
    if (route === undefined || invite === undefined) {
      app.refuse(id, NOK.noTransport);
      return;
    }
    const headers = appHeaders(sip, TAKEN, route.place);
    const content = contentType(sip);
    if (content !== 'missing' && content.type !== undefined) headers.push(['Content-Type', content.type]);
    const credentials = findHeader(sip, 'authorization') === undefined ? invite.credentials : [];
    const ack = requestInDialog(dialog, 'ACK', invite.cseq, [...credentials, ...headers], sip.body);
    keepLocalSdp(dialog, ack);
    invite.ack = { request: ack, target: route.target };
    const sent = await stack.sendAck(ack, route.target);
    counters.add('messagesOut');
    const meta = metaOfSentRequest(this.#context, sent.flow, sent.bytes);
    app.send((own) => requestEcho(own, id, meta, ids.uuid()), serialise(sent.request));
    // The answer crossed the CANCEL on the way: the call is ended as the application had asked (RFC 3261 §9.1).
    if (invite.isCancelled) hangUp(this.#context, dialog, 'ACK-BYE due to cancel race condition');
  }
}
