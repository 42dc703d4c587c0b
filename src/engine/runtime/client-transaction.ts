// The client side of one request (RFC 3261 §17.1): resends it, acknowledges failures, and cancels when asked.
import type { Clock } from '../../kernel/clock.ts';
import { tagOf } from '../../protocol/sip/fields.ts';
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import { serialise } from '../../protocol/sip/serialise.ts';
import { buildCancel, buildFailureAck } from '../../protocol/sip/transaction/build.ts';
import type { Effect, TransactionInput } from '../../protocol/sip/transaction/machine.ts';
import { inviteClient, nonInviteClient } from '../../protocol/sip/transaction/tables.ts';
import type { LiveFlow } from './flow.ts';
import type { Arrival, ClientEvents, ClientTransaction } from './sip-stack.ts';
import { TransactionDriver } from './transaction-driver.ts';

/** Answers with different To tags to one INVITE that are told apart; more count as repeated. */
const MAX_FORKS = 32;

export interface ClientOwner {
  readonly clock: Clock;
  /** Starts the CANCEL's own transaction; nobody waits for its answer. */
  sendCancel(cancel: SipRequest, branch: string, flow: LiveFlow): void;
  /** A 2xx that was given before. */
  stray(response: SipResponse, arrival: Arrival): void;
  /** Bytes are about to go on the wire, maybe not for the first time. */
  sent(bytes: Uint8Array, flow: LiveFlow, isAgain: boolean): void;
  over(transaction: RunningClientTransaction): void;
}

type Headers = Parameters<ClientTransaction['cancel']>[0];

export class RunningClientTransaction implements ClientTransaction {
  readonly request: SipRequest;
  readonly wire: Uint8Array;
  readonly flow: LiveFlow;
  readonly branch: string;
  readonly #events: ClientEvents;
  readonly #owner: ClientOwner;
  readonly #driver: TransactionDriver;
  readonly #answeredTags = new Set<string>();
  #current: { readonly response: SipResponse; readonly arrival: Arrival } | undefined;
  #heldCancel: { readonly headers: Headers } | undefined;
  #isCancelled = false;
  #isAnswered = false;

  constructor(request: SipRequest, branch: string, flow: LiveFlow, events: ClientEvents, owner: ClientOwner) {
    this.request = request;
    this.wire = serialise(request);
    this.flow = flow;
    this.branch = branch;
    this.#events = events;
    this.#owner = owner;
    const table = request.method === 'INVITE' ? inviteClient : nonInviteClient;
    this.#driver = new TransactionDriver(table, flow.isReliable, owner.clock, {
      perform: (effect) => this.#perform(effect),
      over: () => owner.over(this),
    });
  }

  start(): void {
    this.#driver.feed('request');
  }

  receive(response: SipResponse, arrival: Arrival): void {
    this.#current = { response, arrival };
    if (response.status >= 200) this.#isAnswered = true;
    this.#driver.feed(inputOf(response.status));
    this.#current = undefined;
    if (this.#heldCancel !== undefined && this.#driver.state === 'proceeding')
      this.#cancelNow(this.#heldCancel.headers);
  }

  readonly transportFailed = (): void => {
    this.#driver.feed('transport-error');
  };

  /** The connection is gone. A peer that has answered at all may still reach us by a new one (RFC 3261 §18.2.2). */
  flowClosed(): void {
    const { state } = this.#driver;
    if (state === 'calling' || state === 'trying') this.transportFailed();
  }

  cancel(headers?: Headers): void {
    if (this.request.method !== 'INVITE' || this.#isCancelled) return;
    const { state } = this.#driver;
    // RFC 3261 §9.1: no CANCEL before a provisional has come.
    if (state === 'calling') this.#heldCancel = { headers };
    else if (state === 'proceeding') this.#cancelNow(headers);
  }

  stop(): void {
    this.#driver.stop();
  }

  #cancelNow(headers: Headers): void {
    this.#isCancelled = true;
    this.#heldCancel = undefined;
    this.#driver.feed('cancel');
    this.#owner.sendCancel(buildCancel(this.request, headers), this.branch, this.flow);
  }

  #perform(effect: Effect): void {
    if (effect === 'send' || effect === 'resend') {
      this.#owner.sent(this.wire, this.flow, effect === 'resend');
      this.flow.send(this.wire, this.transportFailed);
    } else if (effect === 'report-timeout') this.#events.onFailure('timeout');
    // Who has the final answer is not told that its ACK could not leave.
    else if (effect === 'report-transport-error') {
      if (!this.#isAnswered) this.#events.onFailure('transport-error');
    } else if (this.#current !== undefined) {
      const { response, arrival } = this.#current;
      if (effect === 'send-ack') {
        const ack = serialise(buildFailureAck(this.request, response));
        this.#owner.sent(ack, this.flow, false);
        this.flow.send(ack, this.transportFailed);
      } else this.#pass(response, arrival);
    }
  }

  #pass(response: SipResponse, arrival: Arrival): void {
    if (response.status === 100) return;
    if (this.request.method === 'INVITE' && response.status >= 200 && response.status < 300) {
      const tag = tagOf(response.headers.get('to')) ?? '';
      if (this.#answeredTags.has(tag) || this.#answeredTags.size >= MAX_FORKS) {
        this.#owner.stray(response, arrival);
        return;
      }
      this.#answeredTags.add(tag);
    }
    this.#events.onResponse(response, arrival);
  }
}

function inputOf(status: number): TransactionInput {
  if (status < 200) return '1xx';
  return status < 300 ? '2xx' : '3xx-6xx';
}
