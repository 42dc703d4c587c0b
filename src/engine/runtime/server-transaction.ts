// The server side of one request (RFC 3261 §17.2): answers retransmissions, resends responses, waits for the ACK.
import type { Clock } from '../../kernel/clock.ts';
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import { serialise } from '../../protocol/sip/serialise.ts';
import type { Effect, TransactionInput } from '../../protocol/sip/transaction/machine.ts';
import { inviteServer, nonInviteServer } from '../../protocol/sip/transaction/tables.ts';
import type { LiveFlow } from './flow.ts';
import type { Arrival, ServerTransaction, TransactionEnding } from './sip-stack.ts';
import { TransactionDriver } from './transaction-driver.ts';

export interface ServerOwner {
  readonly clock: Clock;
  newTag(): string;
  /** Sends by the flow the request came by, or by a new one when that is gone (RFC 3261 §18.2.2). */
  sendResponse(bytes: Uint8Array, transaction: RunningServerTransaction): void;
  /** The request is new. */
  began(transaction: RunningServerTransaction): void;
  /** An ACK to a 2xx came with the INVITE's own branch. */
  passAck(ack: SipRequest, arrival: Arrival): void;
  over(transaction: RunningServerTransaction): void;
  /** Takes over a request that has its final answer, and sends that again when the request is; absent, the transaction does. */
  takeOver?(transaction: RunningServerTransaction, answer: Uint8Array): void;
}

export class RunningServerTransaction implements ServerTransaction {
  readonly request: SipRequest;
  readonly arrival: Arrival;
  readonly flow: LiveFlow;
  readonly key: string;
  onEnd: ((ending: TransactionEnding) => void) | undefined;
  readonly #owner: ServerOwner;
  readonly #driver: TransactionDriver;
  #last: Uint8Array | undefined;
  #toTag: string | undefined;
  #ack: { readonly request: SipRequest; readonly arrival: Arrival } | undefined;
  #ending: TransactionEnding = 'done';
  #isTakenOver = false;

  constructor(request: SipRequest, arrival: Arrival & { readonly flow: LiveFlow }, key: string, owner: ServerOwner) {
    this.request = request;
    this.arrival = arrival;
    this.flow = arrival.flow;
    this.key = key;
    this.#owner = owner;
    const table = request.method === 'INVITE' ? inviteServer : nonInviteServer;
    this.#driver = new TransactionDriver(table, arrival.flow.isReliable, owner.clock, {
      perform: (effect) => this.#perform(effect),
      over: () => this.#over(),
    });
  }

  /** The To tag of answers that the stack makes for it. */
  get toTag(): string {
    this.#toTag ??= this.#owner.newTag();
    return this.#toTag;
  }

  get isOver(): boolean {
    return this.#isTakenOver || this.#driver.isOver;
  }

  respond(response: SipResponse): Uint8Array | undefined {
    const bytes = serialise(response);
    const before = this.#last;
    this.#last = bytes;
    if (this.#driver.feed(inputOf(response.status))) {
      if (isGrant(this.request, response.status)) this.flow.prove();
      if (this.#driver.state === 'completed' && this.request.method !== 'INVITE') this.#handOver(bytes);
      return bytes;
    }
    this.#last = before;
    return undefined;
  }

  /** The request has come, for the first time or again. */
  receive(): void {
    this.#driver.feed('request');
  }

  receiveAck(request: SipRequest, arrival: Arrival): void {
    this.#ack = { request, arrival };
    this.#driver.feed('ack');
    this.#ack = undefined;
  }

  readonly transportFailed = (): void => {
    this.#driver.feed('transport-error');
  };

  stop(): void {
    this.#driver.stop();
  }

  #perform(effect: Effect): void {
    if (effect === 'send' || effect === 'resend') {
      if (this.#last !== undefined) this.#owner.sendResponse(this.#last, this);
    } else if (effect === 'pass') {
      if (this.#ack === undefined) this.#owner.began(this);
      else this.#owner.passAck(this.#ack.request, this.#ack.arrival);
    } else if (effect === 'report-timeout') this.#ending = 'timeout';
    else if (effect === 'report-transport-error') this.#ending = 'transport-error';
  }

  #handOver(answer: Uint8Array): void {
    if (this.#owner.takeOver === undefined) return;
    this.#isTakenOver = true;
    this.#driver.stop();
    this.#owner.takeOver(this, answer);
    this.onEnd?.('done');
  }

  #over(): void {
    this.#owner.over(this);
    this.onEnd?.(this.#ending);
  }
}

/** Whether an answer shows that the sender is one of ours; anybody may be told what we are (OPTIONS). */
function isGrant({ method, headers }: SipRequest, status: number): boolean {
  if (status < 200 || status >= 300) return false;
  return (
    method === 'REGISTER' || method === 'INVITE' || headers.has('authorization') || headers.has('proxy-authorization')
  );
}

function inputOf(status: number): TransactionInput {
  if (status < 200) return 'tu-1xx';
  return status < 300 ? 'tu-2xx' : 'tu-3xx-6xx';
}
