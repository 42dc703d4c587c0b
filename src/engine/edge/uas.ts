// Requests from the network (RFC 3261 §8.2, §12.2.2): to the application that takes the method, or that owns the dialog.
import { sipLeader } from '../../protocol/drachtio-wire/leader.ts';
import { cseqOf, tagOf } from '../../protocol/sip/fields.ts';
import type { SipRequest } from '../../protocol/sip/message.ts';
import { serialise } from '../../protocol/sip/serialise.ts';
import { buildResponse } from '../../protocol/sip/transaction/build.ts';
import type { Arrival, ServerTransaction } from '../runtime/sip-stack.ts';
import type { AppConnection } from './app-port.ts';
import { cdrAttempt, cdrStop } from './cdr.ts';
import { type EdgeContext, metaOfArrival } from './context.ts';
import { cseqNumber, type Dialog, refreshTarget } from './dialog.ts';
import { withClientSubject, withoutOurHeaders } from './headers.ts';
import { dialogIdFor, type Incoming, IncomingTable } from './incoming.ts';
import { Proxies } from './proxies.ts';
import { type RequestHandler, RequestHandlers } from './request-handlers.ts';
import { isIntervalTooSmall, MIN_SE_SECONDS } from './session-timer.ts';
import { isInner } from './targets.ts';

/** Passed up outside a dialog; an application that routes another method gets that too. */
const OUTSIDE_DIALOG = new Set(['INVITE', 'REGISTER', 'MESSAGE', 'OPTIONS', 'INFO', 'NOTIFY', 'SUBSCRIBE', 'PUBLISH']);
/** Mean nothing without their dialog. */
const INSIDE_DIALOG = new Set(['BYE', 'UPDATE', 'PRACK']);
/** With a To tag that fits no dialog these get 481; the rest may stand alone. */
const NEEDS_DIALOG = new Set(['INVITE', 'BYE', 'UPDATE', 'PRACK', 'INFO', 'REFER', 'SUBSCRIBE']);
/** Change the peer's Contact (RFC 3261 §12.2, RFC 3311, RFC 6665). */
const REFRESHES_TARGET = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER']);
const RETRY_SOON = [['Retry-After', '5']] as const;
const NO_DIALOG = [481, 'Call/Transaction Does Not Exist'] as const;
/** RFC 4028 §9. */
const TOO_SHORT = [422, 'Session Interval Too Small', [['Min-SE', String(MIN_SE_SECONDS)]]] as const;

export class UasSide {
  readonly incoming: IncomingTable;
  readonly proxies: Proxies;
  readonly #context: EdgeContext;
  readonly #handlers: RequestHandlers;
  isDraining = false;

  constructor(context: EdgeContext, handlers: readonly RequestHandler[], trust: string | undefined) {
    const incoming = new IncomingTable(context);
    const proxies = new Proxies(context, incoming);
    this.#context = context;
    this.incoming = incoming;
    this.proxies = proxies;
    this.#handlers = new RequestHandlers({ context, handlers, incoming, proxies, trust });
  }

  onRequest(transaction: ServerTransaction): void {
    const { counters, dialogs, limits } = this.#context;
    counters.add('messagesIn');
    counters.add('serverTransactions');
    const request = this.#cleaned(transaction.request, transaction.arrival);
    const flaw = flawOf(request);
    if (flaw !== undefined) {
      counters.fault(flaw);
      this.#refuse(transaction, 400, 'Bad Request');
    } else if (this.incoming.size >= limits.incomingRequests) {
      counters.fault('too-many-requests');
      this.#refuse(transaction, 503, 'Service Unavailable', RETRY_SOON);
    } else {
      const dialog = dialogs.findFor(request);
      if (dialog === undefined && this.proxies.relay(transaction, request)) return;
      if (dialog === undefined) this.#outsideDialog(transaction, request);
      else this.#insideDialog(transaction, request, dialog);
    }
  }

  /** RFC 3261 §9.2: the stack has answered the CANCEL. After a final answer it has no effect. */
  onCancel(cancel: SipRequest, arrival: Arrival, invite: ServerTransaction): void {
    this.#context.counters.add('messagesIn');
    if (this.proxies.onCancel(invite) || this.#handlers.onCancel(invite)) return;
    const incoming = this.incoming.findByTransaction(invite);
    if (incoming !== undefined) this.#cancel(incoming, this.#cleaned(cancel, arrival), arrival);
  }

  /** The ACK to a 2xx; one that nobody waits for was resent with its 2xx and is dropped. */
  onAck(ack: SipRequest, arrival: Arrival): void {
    const { counters, dialogs } = this.#context;
    counters.add('messagesIn');
    const request = this.#cleaned(ack, arrival);
    const dialog = dialogs.findFor(request);
    if (dialog === undefined && this.proxies.relayAck(request)) return;
    const wait = dialog?.answerWait;
    if (dialog === undefined || wait === undefined || wait.cseq !== cseqNumber(request)) return;
    wait.timer[Symbol.dispose]();
    dialog.answerWait = undefined;
    if (!dialog.app.isOpen) return;
    const meta = { ...metaOfArrival(this.#context, arrival), protocol: '' };
    dialog.app.send((id) => sipLeader(id, 'network', meta, wait.transactionId, dialog.id), serialise(request));
  }

  /** drachtio-server leaves callers ringing; we tell them to try again. Dialogs stay for the next application. */
  appClosed(app: AppConnection): void {
    for (const incoming of this.incoming) {
      if (incoming.app !== app) continue;
      this.#dropEarly(incoming);
      const { isInDialog, request } = incoming;
      if (request.method === 'BYE') this.incoming.refuse(incoming, 200, 'OK');
      else if (isInDialog) this.incoming.refuse(incoming, 500, 'Server Internal Error', RETRY_SOON);
      else this.incoming.refuse(incoming, 503, 'Service Unavailable', RETRY_SOON);
    }
  }

  #outsideDialog(transaction: ServerTransaction, request: SipRequest): void {
    const { apps, counters, dialogs, limits } = this.#context;
    const { method } = request;
    const isInvite = method === 'INVITE';
    const hasTag = tagOf(request.headers.get('to')) !== undefined;
    if (INSIDE_DIALOG.has(method) || (hasTag && NEEDS_DIALOG.has(method))) {
      if (isInvite) this.#trying(transaction);
      this.#refuse(transaction, ...NO_DIALOG);
      return;
    }
    if (isInvite && this.#isMerged(request)) {
      this.#refuse(transaction, 482, 'Loop Detected');
      return;
    }
    if (isInvite) this.#trying(transaction);
    if (isIntervalTooSmall(request)) {
      this.#refuse(transaction, ...TOO_SHORT);
      return;
    }
    const isFull = dialogs.size >= limits.dialogs;
    if (isInvite && (this.isDraining || isFull)) {
      counters.fault(isFull ? 'too-many-dialogs' : 'draining');
      this.#refuse(transaction, 503, 'Service Unavailable', RETRY_SOON);
      return;
    }
    if (this.#handlers.take(transaction, request)) return;
    const app = apps.pick(method);
    if (isInvite && app !== undefined) cdrAttempt(this.#context, 'network', request);
    if (app !== undefined) this.incoming.deliver(this.incoming.open(transaction, request, app));
    else if (OUTSIDE_DIALOG.has(method)) this.#refuse(transaction, 503, 'Service Unavailable');
    else this.#refuse(transaction, 405, 'Method Not Allowed', [['Allow', [...OUTSIDE_DIALOG].join(', ')]]);
  }

  #insideDialog(transaction: ServerTransaction, request: SipRequest, dialog: Dialog): void {
    const { method } = request;
    const { flow } = transaction.arrival;
    const cseq = cseqNumber(request);
    if (dialog.state === 'ending' || dialog.state === 'ended') {
      // Both sides hung up at once.
      if (method === 'BYE') this.#refuse(transaction, 200, 'OK');
      else this.#refuse(transaction, ...NO_DIALOG);
    } else if (dialog.remoteCSeq !== undefined && cseq < dialog.remoteCSeq) {
      this.#refuse(transaction, 500, 'Server Internal Error');
    } else if (isNewOffer(request) && dialog.clientInvite?.outcome === 'pending') {
      this.#refuse(transaction, 491, 'Request Pending');
    } else if ((isNewOffer(request) && dialog.hasServerInvite) || (method === 'INVITE' && this.#isUnanswered(dialog))) {
      // RFC 3261 §14.2, RFC 3311 §5.2: a second one before the first is answered.
      this.#refuse(transaction, 500, 'Server Internal Error', RETRY_SOON);
    } else {
      dialog.remoteCSeq = cseq;
      dialog.remoteTag ??= tagOf(request.headers.get('from')) ?? '';
      if (REFRESHES_TARGET.has(method)) refreshTarget(dialog, request.headers, flow);
      else dialog.flow = flow;
      if (isIntervalTooSmall(request)) {
        if (method === 'INVITE') this.#trying(transaction);
        this.#refuse(transaction, ...TOO_SHORT);
        return;
      }
      this.#pass(transaction, request, dialog);
    }
  }

  /** The INVITE that is making the dialog has no final answer yet. */
  #isUnanswered(dialog: Dialog): boolean {
    return dialog.role === 'uas' && dialog.state === 'early' && this.incoming.findInvite(dialog.id) !== undefined;
  }

  #pass(transaction: ServerTransaction, request: SipRequest, dialog: Dialog): void {
    const { method } = request;
    const pendingInvite = this.incoming.findInvite(dialog.id);
    const early = dialog.role === 'uas' && dialog.state === 'early' ? pendingInvite : undefined;
    if (method === 'BYE' && early !== undefined) {
      this.#refuse(transaction, 200, 'OK');
      this.#cancel(early, asCancel(request), transaction.arrival);
      return;
    }
    if (method === 'PRACK' && early !== undefined && !this.#takePrack(early, request)) {
      this.#refuse(transaction, ...NO_DIALOG);
      return;
    }
    if (!dialog.app.isOpen) {
      // The application is gone; the call need not end with it (drachtio-server says 481 here).
      if (method === 'BYE') this.#endWith(dialog);
      if (method === 'BYE') this.#refuse(transaction, 200, 'OK');
      else this.#refuse(transaction, 500, 'Server Internal Error', RETRY_SOON);
      return;
    }
    if (method === 'INVITE') {
      this.#trying(transaction);
      dialog.hasServerInvite = true;
    }
    if (method === 'BYE') {
      cdrStop(this.#context, 'network', 'normal-release', request);
      this.#endWith(dialog);
    }
    const host = method === 'UPDATE' ? early : undefined;
    this.incoming.deliver(this.incoming.open(transaction, request, dialog.app, dialog, host));
    if (method === 'NOTIFY' && endsSubscription(dialog, request)) this.#context.dialogs.remove(dialog);
  }

  /** The dialog is over: what the peer still asked in it is answered for the application (RFC 3261 §15.1.2). */
  #endWith(dialog: Dialog): void {
    this.#context.dialogs.remove(dialog);
    for (const incoming of this.incoming) {
      if (incoming.dialog === dialog) this.incoming.refuse(incoming, 487, 'Request Terminated');
    }
  }

  #cancel(incoming: Incoming, cancel: SipRequest, arrival: Arrival): void {
    const dialogId = incoming.isInDialog || incoming.isTagFixed ? dialogIdOfIncoming(incoming) : '';
    this.#dropEarly(incoming);
    this.incoming.refuse(incoming, 487, 'Request Terminated');
    if (!incoming.app.isOpen) return;
    const meta = metaOfArrival(this.#context, arrival);
    incoming.app.send((id) => sipLeader(id, 'network', meta, incoming.id, dialogId), serialise(cancel));
  }

  #dropEarly({ dialog, isInDialog }: Incoming): void {
    if (dialog !== undefined && !isInDialog && dialog.state === 'early') this.#context.dialogs.remove(dialog);
  }

  /** RFC 3262 §3: the PRACK that names what is unacknowledged ends its resending. */
  #takePrack(invite: Incoming, prack: SipRequest): boolean {
    const rack = /^(\d+)\s+(\d+)\s+(\S+)$/.exec(prack.headers.get('rack') ?? '');
    const cseq = cseqOf(invite.request);
    const isMatch = Number(rack?.[1]) === invite.reliable?.rseq && Number(rack?.[2]) === cseq?.number;
    if (rack === null || invite.reliable === undefined || !isMatch) return false;
    invite.reliable.timer[Symbol.dispose]();
    invite.reliable = undefined;
    return true;
  }

  /** RFC 3261 §8.2.2.2: the same request by another way. */
  #isMerged(request: SipRequest): boolean {
    const id = dialogIdFor(request);
    const cseq = cseqNumber(request);
    const dialog = this.#context.dialogs.find(id);
    const pending = this.incoming.findInvite(id);
    if (pending !== undefined && cseqNumber(pending.request) === cseq) return true;
    return dialog !== undefined && dialog.role === 'uas' && dialog.remoteCSeq === cseq;
  }

  #trying(transaction: ServerTransaction): void {
    this.incoming.send(transaction, buildResponse(transaction.request, 100, 'Trying', ''));
  }

  #refuse(
    transaction: ServerTransaction,
    status: number,
    reason: string,
    extra: ReadonlyArray<readonly [string, string]> = [],
  ): void {
    this.incoming.send(transaction, buildResponse(transaction.request, status, reason, transaction.toTag, extra));
  }

  #cleaned(request: SipRequest, { flow }: Arrival): SipRequest {
    return isInner(flow) ? request : withClientSubject(withoutOurHeaders(request), flow.clientSubject);
  }
}

function dialogIdOfIncoming({ dialog, request }: Incoming): string {
  return dialog?.id ?? dialogIdFor(request);
}

/** Ids become fields of drachtio's wire; a bar in one would forge others. */
function flawOf({ headers }: SipRequest): string | undefined {
  const ids = `${headers.get('call-id')}${tagOf(headers.get('from')) ?? ''}`;
  return /[|\r\n]/.test(ids) ? 'bar-in-id' : undefined;
}

/** RFC 3261 §14.1, RFC 3311 §5.2: what must not cross another of its kind. */
function isNewOffer({ method, body }: SipRequest): boolean {
  return method === 'INVITE' || (method === 'UPDATE' && body.length > 0);
}

/** srf learns of an ended ringing by CANCEL alone. */
function asCancel(bye: SipRequest): SipRequest {
  return { ...bye, method: 'CANCEL', headers: bye.headers.with('CSeq', `${cseqNumber(bye)} CANCEL`) };
}

export function endsSubscription(dialog: Dialog, { headers }: SipRequest): boolean {
  const isTerminated = /^\s*terminated\b/i.test(headers.get('subscription-state') ?? '');
  return dialog.kind === 'subscribe' && isTerminated && !/^\s*refer\b/i.test(headers.get('event') ?? '');
}
