// Applications' answers to requests from the network: sent, echoed, and what follows from them (dialogs, resending, contacts).
import { NOK, responseEcho } from '../../protocol/drachtio-wire/leader.ts';
import { parseCSeq, tagOf } from '../../protocol/sip/fields.ts';
import type { SipResponse } from '../../protocol/sip/message.ts';
import { splitList } from '../../protocol/sip/uri.ts';
import { resendUntilAck } from './ack-wait.ts';
import type { AppConnection, AppSipMessage } from './app-port.ts';
import { cdrStart, cdrStop } from './cdr.ts';
import { type EdgeContext, metaOfArrival } from './context.ts';
import { contactOf, cseqNumber, type Dialog, isBehindNat, keepLocalSdp, recordRouteOf } from './dialog.ts';
import { hangUp } from './hang-up.ts';
import { findHeader } from './headers.ts';
import { dialogIdFor, type Incoming, type IncomingTable } from './incoming.ts';
import { withFlowTimer } from './outbound.ts';
import { buildAppResponse, parseStatusLine, type ResponseParts, tagChosenByApp } from './responses.ts';
import { sessionAnsweredByUs } from './session-refresh.ts';
import { mayRefresh, sessionHeaders } from './session-timer.ts';
import { keepUntilExpiry } from './subscription.ts';

export class Answers {
  readonly #context: EdgeContext;
  readonly #incoming: IncomingTable;

  constructor(context: EdgeContext, incoming: IncomingTable) {
    this.#context = context;
    this.#incoming = incoming;
  }

  respond(message: AppSipMessage, app: AppConnection): void {
    const status = parseStatusLine(message.sip.startLine);
    const cseq = parseCSeq(findHeader(message.sip, 'cseq') ?? '');
    const incoming = this.#find(message.transactionId, cseq?.method);
    if (cseq?.method === 'CANCEL') app.refuse(message.id, NOK.automaticCancelOk);
    else if (incoming === undefined || status === undefined) app.refuse(message.id, NOK.unknownTransaction);
    else this.#answer(message, app, incoming, status);
  }

  /** An UPDATE in an early dialog goes under the INVITE's id; its answer is told apart by its CSeq. */
  #find(transactionId: string, method: string | undefined): Incoming | undefined {
    const incoming = this.#incoming.find(transactionId);
    return method === 'UPDATE' && incoming?.request.method === 'INVITE' ? incoming.update : incoming;
  }

  #answer(
    message: AppSipMessage,
    app: AppConnection,
    incoming: Incoming,
    { status, reason }: { status: number; reason: string },
  ): void {
    const { transaction } = incoming;
    const { request } = transaction;
    const isReliable = status < 200 && wants100rel(message);
    if (isReliable && !accepts100rel(incoming)) {
      app.refuse(message.id, NOK.noReliable);
      return;
    }
    if (!incoming.isTagFixed && !incoming.isInDialog)
      incoming.localTag = tagChosenByApp(message.sip) ?? incoming.localTag;
    const parts: ResponseParts = {
      request,
      status,
      reason,
      sip: message.sip,
      localTag: incoming.localTag,
      place: this.#context.targets.byFlow(transaction.arrival.flow, /^sips:/i.test(request.uri)).place,
      isInDialog: incoming.isInDialog,
      ...(isReliable ? { rseq: this.#nextRseq(incoming) } : {}),
      ...(isSuccess(status) && mayRefresh(request.method)
        ? { session: sessionHeaders(request, findHeader(message.sip, 'session-expires'), incoming.dialog) }
        : {}),
    };
    const { flow } = transaction.arrival;
    const isGuarded = this.#context.guard.isGuarded(flow);
    const built = buildAppResponse(parts);
    const response = isGuarded ? withFlowTimer(request, built, flow) : built;
    const sent = this.#incoming.send(transaction, response);
    if (sent === undefined) {
      this.#incoming.close(incoming);
      app.refuse(message.id, NOK.unknownTransaction);
      return;
    }
    if (status > 100) incoming.isTagFixed = true;
    const dialogId = this.#settle(incoming, response, parts);
    this.#echo(message.id, app, incoming, sent, status, dialogId);
  }

  /** What an answer changes; returns the dialog id for its echo. */
  #settle(incoming: Incoming, response: SipResponse, parts: ResponseParts): string {
    const { method } = incoming.request;
    const { status } = response;
    const isOk = isSuccess(status);
    const isRinging = method === 'INVITE' && status > 100 && status < 200;
    if (isRinging || (isOk && makesDialog(method))) this.#makeDialog(incoming, response, isOk);
    const { dialog } = incoming;
    if (dialog !== undefined && status < 300 && mayRefresh(method)) keepLocalSdp(dialog, response);
    if (status < 200) {
      this.#incoming.arm(incoming, status > 100);
      if (isRinging && parts.rseq === undefined) this.#incoming.remind(incoming, response);
      if (parts.rseq !== undefined) this.#resendReliably(incoming, response, parts.rseq);
    } else {
      this.#incoming.close(incoming);
      if (method === 'INVITE' && !incoming.isInDialog) this.#record(response, isOk);
      if (method === 'INVITE' && isOk && dialog !== undefined) this.#awaitAck(incoming, dialog, response);
      else if (!incoming.isInDialog && dialog?.state === 'early') this.#context.dialogs.remove(dialog);
      if (isOk && dialog !== undefined && mayRefresh(method)) sessionAnsweredByUs(this.#context, dialog, response);
      if (method === 'SUBSCRIBE' && isOk && dialog !== undefined) {
        const asked = incoming.request.headers.get('expires');
        keepUntilExpiry(this.#context, dialog, response.headers.get('expires') ?? asked);
      }
      if (method === 'REGISTER' || method === 'SUBSCRIBE') {
        this.#context.contacts.learn(incoming.request, response, incoming.transaction.arrival.flow);
      }
    }
    if (method === 'BYE') return '';
    return dialog?.id ?? (makesDialog(method) ? dialogIdFor(incoming.request) : '');
  }

  #record(response: SipResponse, isOk: boolean): void {
    if (isOk) cdrStart(this.#context, 'application', 'uas', response);
    else cdrStop(this.#context, 'application', 'call-rejected', response);
  }

  #echo(
    replyTo: string,
    app: AppConnection,
    incoming: Incoming,
    sent: Uint8Array,
    status: number,
    dialogId: string,
  ): void {
    const { flow } = incoming.transaction.arrival;
    const isMuted = status >= 200 && incoming.request.method !== 'INVITE';
    const meta = metaOfArrival(this.#context, { flow, bytes: sent.length });
    const shown = isMuted ? { ...meta, protocol: '' } : meta;
    app.send((id) => responseEcho(id, replyTo, shown, incoming.id, dialogId), sent);
  }

  #makeDialog(incoming: Incoming, response: SipResponse, isOk: boolean): void {
    if (incoming.isInDialog) return;
    const { dialogs } = this.#context;
    if (incoming.dialog === undefined) {
      incoming.dialog = newDialog(incoming, response);
      dialogs.add(incoming.dialog);
    }
    const { dialog } = incoming;
    if (isOk) dialog.state = 'confirmed';
    dialog.localContact = response.headers.get('contact') ?? dialog.localContact;
    dialog.app = incoming.app;
  }

  #awaitAck(incoming: Incoming, dialog: Dialog, response: SipResponse): void {
    const { clock, ids } = this.#context;
    const { transaction, isInDialog, id } = incoming;
    dialog.answerWait?.timer[Symbol.dispose]();
    const timer = resendUntilAck(
      clock,
      transaction.arrival.flow.isReliable,
      () => void this.#incoming.send(transaction, response),
      () => {
        dialog.answerWait = undefined;
        this.#context.counters.fault('no-ack');
        // A call that stood before the re-INVITE goes on, as with drachtio-server.
        if (!isInDialog && dialog.state === 'confirmed') hangUp(this.#context, dialog, 'ACK timeout');
      },
    );
    const transactionId = isInDialog ? ids.uuid() : id;
    dialog.answerWait = { cseq: cseqNumber(incoming.request), transactionId, timer };
  }

  #nextRseq(incoming: Incoming): number {
    return incoming.reliable === undefined ? this.#context.ids.rseq() : incoming.reliable.rseq + 1;
  }

  /** RFC 3262 §3: resent from T1, doubling without end, until the PRACK; after 64·T1 the INVITE is refused. */
  #resendReliably(incoming: Incoming, response: SipResponse, rseq: number): void {
    incoming.reliable?.timer[Symbol.dispose]();
    const timer = resendUntilAck(
      this.#context.clock,
      false,
      () => void this.#incoming.send(incoming.transaction, response),
      () => this.#incoming.refuse(incoming, 504, 'Server Time-out'),
      Number.POSITIVE_INFINITY,
    );
    incoming.reliable = { rseq, timer };
  }
}

function newDialog(incoming: Incoming, response: SipResponse): Dialog {
  const { transaction, request, localTag, app } = incoming;
  const { headers } = request;
  const { flow } = transaction.arrival;
  const to = headers.get('to') ?? '';
  const dialog: Dialog = {
    id: dialogIdFor(request),
    role: 'uas',
    kind: request.method === 'SUBSCRIBE' ? 'subscribe' : 'invite',
    callId: headers.get('call-id') ?? '',
    localTag,
    remoteTag: tagOf(headers.get('from')) ?? '',
    localParty: tagOf(to) === undefined ? `${to};tag=${localTag}` : to,
    remoteParty: headers.get('from') ?? '',
    remoteTarget: contactOf(headers) ?? `sip:${flow.remote.host}:${flow.remote.port}`,
    routeSet: recordRouteOf(headers),
    localContact: response.headers.get('contact') ?? '',
    // As drachtio-server: our numbers go on from the peer's.
    localCSeq: cseqNumber(request),
    remoteCSeq: cseqNumber(request),
    app,
    state: 'early',
    flow,
    isBehindNat: false,
    hasServerInvite: false,
  };
  dialog.isBehindNat = isBehindNat(dialog, flow);
  return dialog;
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function makesDialog(method: string): boolean {
  return method === 'INVITE' || method === 'SUBSCRIBE';
}

function wants100rel({ sip }: AppSipMessage): boolean {
  return hasOption(findHeader(sip, 'require'));
}

function accepts100rel({ request: { headers } }: Incoming): boolean {
  return [...headers.all('supported'), ...headers.all('require')].some(hasOption);
}

function hasOption(value: string | undefined): boolean {
  return splitList(value ?? '').some((option) => option.toLowerCase() === '100rel');
}
