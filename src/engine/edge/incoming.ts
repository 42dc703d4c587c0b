// Requests from the network that an application is to answer: who has them, how long, and under which ids.

import { sipLeader } from '../../protocol/drachtio-wire/leader.ts';
import { tagOf } from '../../protocol/sip/fields.ts';
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import { serialise } from '../../protocol/sip/serialise.ts';
import { buildResponse } from '../../protocol/sip/transaction/build.ts';
import type { ServerTransaction } from '../runtime/sip-stack.ts';
import type { AppConnection } from './app-port.ts';
import { cdrStop } from './cdr.ts';
import { type EdgeContext, metaOfArrival } from './context.ts';
import { type Dialog, dialogIdOf } from './dialog.ts';
import {
  ANSWER_DEADLINE_MS,
  INVITE_RINGING_DEADLINE_MS,
  INVITE_SILENT_DEADLINE_MS,
  PROVISIONAL_REFRESH_MS,
} from './limits.ts';

export interface Incoming {
  /** drachtio's transaction id. */
  readonly id: string;
  readonly transaction: ServerTransaction;
  /** As the application sees it. */
  readonly request: SipRequest;
  readonly app: AppConnection;
  /** The dialog it came in, or the one that it has made. */
  dialog: Dialog | undefined;
  readonly isInDialog: boolean;
  /** The To tag of every answer. */
  localTag: string;
  isTagFixed: boolean;
  timer: Disposable | undefined;
  /** Resends the last provisional of an INVITE. */
  reminder?: Disposable | undefined;
  /** An UPDATE in the early dialog of this INVITE; it is answered under the INVITE's id. */
  update?: Incoming | undefined;
  /** A reliable provisional that awaits its PRACK (RFC 3262). */
  reliable?: { readonly rseq: number; readonly timer: Disposable } | undefined;
}

export class IncomingTable {
  readonly #context: EdgeContext;
  readonly #byId = new Map<string, Incoming>();
  readonly #byTransaction = new Map<ServerTransaction, Incoming>();
  /** Initial INVITEs by the id of the dialog that they would make. */
  readonly #invites = new Map<string, Incoming>();

  constructor(context: EdgeContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#byTransaction.size;
  }

  [Symbol.iterator](): Iterator<Incoming> {
    return [...this.#byTransaction.values()][Symbol.iterator]();
  }

  find(id: string): Incoming | undefined {
    return this.#byId.get(id);
  }

  findByTransaction(transaction: ServerTransaction): Incoming | undefined {
    return this.#byTransaction.get(transaction);
  }

  findInvite(dialogId: string): Incoming | undefined {
    return this.#invites.get(dialogId);
  }

  /** Takes the request in, for `app` to answer. `id` is given for an UPDATE that goes under its INVITE's. */
  open(transaction: ServerTransaction, request: SipRequest, app: AppConnection, dialog?: Dialog, invite?: Incoming) {
    const incoming: Incoming = {
      id: invite?.id ?? this.#context.ids.uuid(),
      transaction,
      request,
      app,
      dialog,
      isInDialog: dialog !== undefined,
      localTag: dialog?.localTag ?? transaction.toTag,
      isTagFixed: false,
      timer: undefined,
    };
    if (invite === undefined) this.#byId.set(incoming.id, incoming);
    else invite.update = incoming;
    this.#byTransaction.set(transaction, incoming);
    if (request.method === 'INVITE' && dialog === undefined) this.#invites.set(dialogIdFor(request), incoming);
    this.arm(incoming, false);
    transaction.onEnd = () => {
      this.close(incoming);
      if (!incoming.isInDialog && incoming.dialog?.state === 'early') this.#context.dialogs.remove(incoming.dialog);
    };
    return incoming;
  }

  /** Starts the application's time again; a rung INVITE has longer. */
  arm(incoming: Incoming, isRinging: boolean): void {
    incoming.timer?.[Symbol.dispose]();
    const inviteMs = isRinging ? INVITE_RINGING_DEADLINE_MS : INVITE_SILENT_DEADLINE_MS;
    const afterMs = incoming.request.method === 'INVITE' ? inviteMs : ANSWER_DEADLINE_MS;
    incoming.timer = this.#context.clock.after(afterMs, () => {
      this.#context.counters.fault('application-silent');
      this.refuse(incoming, 500, 'Server Internal Error');
    });
  }

  /** Says again from time to time that the call still rings. */
  remind(incoming: Incoming, provisional: SipResponse): void {
    incoming.reminder?.[Symbol.dispose]();
    incoming.reminder = this.#context.clock.after(PROVISIONAL_REFRESH_MS, () => {
      this.send(incoming.transaction, provisional);
      this.remind(incoming, provisional);
    });
  }

  /** Answers in the application's stead and forgets the request. */
  refuse(
    incoming: Incoming,
    status: number,
    reason: string,
    extra: ReadonlyArray<readonly [string, string]> = [],
  ): void {
    const { transaction, localTag } = incoming;
    this.close(incoming);
    const response = buildResponse(transaction.request, status, reason, localTag, extra);
    this.send(transaction, response);
    if (incoming.request.method !== 'INVITE' || incoming.isInDialog) return;
    if (status === 487) cdrStop(this.#context, 'network', 'call-canceled', incoming.request);
    else cdrStop(this.#context, 'application', 'call-rejected', response);
  }

  send(transaction: ServerTransaction, response: SipResponse): Uint8Array | undefined {
    const sent = transaction.respond(response);
    if (sent === undefined) return undefined;
    const { counters, guard } = this.#context;
    counters.add('messagesOut');
    guard.relayed(transaction.request, response, transaction.arrival.flow);
    return sent;
  }

  close(incoming: Incoming): void {
    incoming.timer?.[Symbol.dispose]();
    incoming.reminder?.[Symbol.dispose]();
    incoming.reliable?.timer[Symbol.dispose]();
    incoming.reliable = undefined;
    this.#byTransaction.delete(incoming.transaction);
    if (this.#byId.get(incoming.id) === incoming) this.#byId.delete(incoming.id);
    else {
      const invite = this.#byId.get(incoming.id);
      if (invite?.update === incoming) invite.update = undefined;
    }
    if (incoming.request.method !== 'INVITE') return;
    if (incoming.isInDialog && incoming.dialog !== undefined) incoming.dialog.hasServerInvite = false;
    const key = dialogIdFor(incoming.request);
    if (this.#invites.get(key) === incoming) this.#invites.delete(key);
  }

  /** Hands the request to its application. Outside a dialog it is told where the request arrived. */
  deliver(incoming: Incoming): void {
    const { transaction, request, app, id, dialog } = incoming;
    const meta = metaOfArrival(this.#context, transaction.arrival);
    const receivedOn = dialog === undefined ? transaction.arrival.flow.local : undefined;
    app.send((own) => sipLeader(own, 'network', meta, id, dialog?.id ?? '', receivedOn), serialise(request));
  }
}

export function dialogIdFor(request: SipRequest): string {
  return dialogIdOf(request.headers.get('call-id') ?? '', tagOf(request.headers.get('from')) ?? '');
}
