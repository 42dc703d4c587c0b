// Which transaction each message belongs to (RFC 3261 §17.1.3, §17.2.3), and what the stack answers by itself.
import type { Clock } from '../../kernel/clock.ts';
import type { HostPort } from '../../kernel/ip.ts';
import type { CSeq, Via } from '../../protocol/sip/fields.ts';
import { BRANCH_COOKIE, completeTopVia, cseqOf, formatVia, topVia } from '../../protocol/sip/fields.ts';
import { findFlaw } from '../../protocol/sip/flaws.ts';
import type { SipMessage, SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import { serialise } from '../../protocol/sip/serialise.ts';
import { buildResponse } from '../../protocol/sip/transaction/build.ts';
import { clientKey, serverKey } from '../../protocol/sip/transaction/match.ts';
import { AnsweredRequests } from './answered-requests.ts';
import { RunningClientTransaction } from './client-transaction.ts';
import type { LiveFlow } from './flow.ts';
import type { StackLimits } from './limits.ts';
import type { StackObserver } from './observer.ts';
import { RunningServerTransaction, type ServerOwner } from './server-transaction.ts';
import { type ClientEvents, type ClientFailure, defaultPort, type StackEvents } from './sip-stack.ts';

const BRANCH_BYTES = 12;
const TAG_BYTES = 8;

type LiveArrival = { readonly flow: LiveFlow; readonly bytes: number };

export interface TransactionsOptions {
  readonly clock: Clock;
  readonly limits: StackLimits;
  readonly events: StackEvents & StackObserver;
  readonly random: (count: number) => Uint8Array;
  readonly onThrow: ((thrown: unknown) => void) | undefined;
  /** RFC 5923 §8: a peer says that its connection may be used for requests to `port` of it. */
  readonly onAlias?: (flow: LiveFlow, port: number) => void;
  /** A connection back to where a request came from, when its own is gone. */
  readonly reconnect: (flow: LiveFlow, to: HostPort) => Promise<LiveFlow | undefined>;
}

export class Transactions {
  readonly clock: Clock;
  readonly #options: TransactionsOptions;
  readonly #clients = new Map<string, RunningClientTransaction>();
  readonly #servers = new Map<string, RunningServerTransaction>();
  /** Those over UDP whose answer was given, other than INVITEs. */
  readonly #answered: AnsweredRequests;
  /** Of them all: one for each would be most of what an answered request keeps. */
  readonly #serverOwner: ServerOwner;

  constructor(options: TransactionsOptions) {
    this.clock = options.clock;
    this.#options = options;
    this.#answered = new AnsweredRequests(options.clock, options.limits.answeredRequests);
    this.#serverOwner = {
      clock: this.clock,
      newTag: () => this.#newTag(),
      sendResponse: (bytes, sender) => this.#sendResponse(bytes, sender),
      began: (transaction) => options.events.onRequest(transaction),
      passAck: (ack, from) => options.events.onAck(ack, from),
      over: (ended) => this.#servers.delete(ended.key),
      takeOver: ({ key, flow }, answer) => {
        this.#servers.delete(key);
        this.#answered.add(key, answer, flow);
      },
    };
  }

  get size(): number {
    return this.#clients.size + this.#servers.size + this.#answered.size;
  }

  get isFull(): boolean {
    return this.#clients.size + this.#servers.size >= this.#options.limits.transactions;
  }

  receive(message: SipMessage, flow: LiveFlow, bytes: number): void {
    const { events } = this.#options;
    if (message.kind === 'request' && events.admits?.(message, flow) === false) return;
    events.received?.(message, flow);
    const via = topVia(message);
    const cseq = cseqOf(message);
    const flaw = findFlaw(message, via, cseq);
    if (via === undefined || cseq === undefined || flaw !== undefined) {
      this.#options.events.onFault(flaw ?? 'bad-message', flow);
      if (message.kind === 'request') this.#refuseBroken(message, flaw ?? 'bad-message', flow);
      return;
    }
    if (message.kind === 'response') this.#receiveResponse(message, via, cseq, { flow, bytes });
    else this.#receiveRequest(completeTopVia(message, via, flow.remote), via, cseq, { flow, bytes });
  }

  /** A request that could be read in part: its sender is told, unless the guard turns it away. */
  receiveBroken(request: SipRequest, reason: string, flow: LiveFlow): void {
    if (this.#options.events.admits?.(request, flow) !== false) this.#refuseBroken(request, reason, flow);
  }

  /** Tells the sender of a request that cannot be acted on, statelessly, when its Via leads back (RFC 3261 §21.4.1, §21.5.6). */
  #refuseBroken(request: SipRequest, reason: string, flow: LiveFlow): void {
    if (request.method === 'ACK' || !request.headers.has('via')) return;
    const via = topVia(request);
    const answered = via === undefined ? request : completeTopVia(request, via, flow.remote);
    if (reason === 'bad-version') this.#refuse(answered, flow, 505, 'Version Not Supported');
    else this.#refuse(answered, flow, 400, 'Bad Request');
  }

  /** Adds the Via and starts a client transaction on `flow`; `failure` is what is said when that is not open. */
  start(
    request: SipRequest,
    flow: LiveFlow,
    events: ClientEvents,
    failure: ClientFailure = 'transport-error',
  ): RunningClientTransaction {
    const branch = this.newBranch();
    const transaction = this.#newClient(this.withVia(request, flow, branch), branch, flow, events);
    if (flow.isOpen && !this.isFull) this.#begin(transaction);
    else setImmediate(() => this.#guard(flow, () => events.onFailure(failure)));
    return transaction;
  }

  withVia(request: SipRequest, flow: LiveFlow, branch: string): SipRequest {
    return { ...request, headers: request.headers.prepend('Via', formatVia(flow.transport, flow.sentBy, branch)) };
  }

  /** Tells whoever looks on. */
  sent(bytes: Uint8Array, flow: LiveFlow, isAgain = false): void {
    this.#options.events.sent?.(bytes, flow);
    if (isAgain) this.#options.events.retransmitted?.('out');
  }

  newBranch(): string {
    return BRANCH_COOKIE + hex(this.#options.random(BRANCH_BYTES));
  }

  flowClosed(flow: LiveFlow): void {
    for (const transaction of this.#clients.values()) {
      if (transaction.flow === flow) this.#guard(flow, () => transaction.flowClosed());
    }
  }

  stop(): void {
    for (const transaction of this.#clients.values()) transaction.stop();
    for (const transaction of this.#servers.values()) transaction.stop();
    this.#clients.clear();
    this.#servers.clear();
    this.#answered.stop();
  }

  #receiveRequest(request: SipRequest, via: Via, cseq: CSeq, arrival: LiveArrival): void {
    if (via.params.has('alias') && arrival.flow.isReliable) {
      this.#options.onAlias?.(arrival.flow, via.port ?? defaultPort(arrival.flow.transport));
    }
    const method = request.method === 'ACK' ? 'INVITE' : request.method;
    const key = serverKey(request, via, cseq, method);
    const known = this.#servers.get(key);
    this.#guard(
      arrival.flow,
      () => {
        if (request.method === 'ACK') {
          if (known === undefined) this.#options.events.onAck(request, arrival);
          else known.receiveAck(request, arrival);
        } else if (known !== undefined) {
          this.#options.events.retransmitted?.('in');
          known.receive();
        } else if (this.#answerAgain(key)) this.#options.events.retransmitted?.('in');
        else if (request.method === 'CANCEL')
          this.#receiveCancel(request, serverKey(request, via, cseq, 'INVITE'), key, arrival);
        else this.#accept(request, key, arrival);
      },
      known,
    );
  }

  #answerAgain(key: string): boolean {
    const answered = this.#answered.find(key);
    if (answered === undefined) return false;
    this.sent(answered.wire, answered.flow);
    answered.flow.send(answered.wire, () => this.#answered.delete(key));
    return true;
  }

  #accept(request: SipRequest, key: string, arrival: LiveArrival): void {
    if (this.isFull) {
      this.#options.events.onFault('too-many-transactions', arrival.flow);
      this.#refuse(request, arrival.flow, 503, 'Service Unavailable');
      return;
    }
    const transaction = this.#newServer(request, key, arrival, this.#serverOwner);
    this.#guard(arrival.flow, () => transaction.receive(), transaction);
  }

  /** RFC 3261 §9.2: answered here; the INVITE's owner is told. */
  #receiveCancel(cancel: SipRequest, inviteKey: string, key: string, arrival: LiveArrival): void {
    const invite = this.#servers.get(inviteKey);
    const [status, reason] =
      invite === undefined ? ([481, 'Call/Transaction Does Not Exist'] as const) : ([200, 'OK'] as const);
    const began = (own: RunningServerTransaction) =>
      void own.respond(buildResponse(cancel, status, reason, invite?.toTag ?? own.toTag));
    this.#newServer(cancel, key, arrival, { ...this.#serverOwner, began }).receive();
    if (invite !== undefined) this.#options.events.onCancel(cancel, arrival, invite);
  }

  #receiveResponse(response: SipResponse, via: Via, cseq: CSeq, arrival: LiveArrival): void {
    const client = this.#clients.get(clientKey(via.branch ?? '', cseq.method));
    this.#guard(arrival.flow, () => {
      if (client === undefined) this.#options.events.onStrayResponse(response, arrival);
      else client.receive(response, arrival);
    });
  }

  #newServer(request: SipRequest, key: string, arrival: LiveArrival, owner: ServerOwner) {
    const transaction = new RunningServerTransaction(request, arrival, key, owner);
    this.#servers.set(key, transaction);
    return transaction;
  }

  #newClient(request: SipRequest, branch: string, flow: LiveFlow, events: ClientEvents): RunningClientTransaction {
    return new RunningClientTransaction(request, branch, flow, events, {
      clock: this.clock,
      sendCancel: (cancel, ofBranch, by) => this.#begin(this.#newClient(cancel, ofBranch, by, IGNORED)),
      stray: (response, arrival) => this.#options.events.onStrayResponse(response, arrival),
      sent: (bytes, by, isAgain) => this.sent(bytes, by, isAgain),
      over: (ended) => this.#clients.delete(clientKey(ended.branch, ended.request.method)),
    });
  }

  #begin(transaction: RunningClientTransaction): void {
    this.#clients.set(clientKey(transaction.branch, transaction.request.method), transaction);
    transaction.start();
  }

  /** RFC 3261 §18.2.2: by the connection the request came by; when that is gone, a new one to where its Via says. */
  #sendResponse(bytes: Uint8Array, { flow, request, transportFailed }: RunningServerTransaction): void {
    this.sent(bytes, flow);
    if (flow.isOpen || !flow.isReliable) {
      flow.send(bytes, transportFailed);
      return;
    }
    const port = topVia(request)?.port ?? defaultPort(flow.transport);
    void this.#options.reconnect(flow, { host: flow.remote.host, port }).then((again) => {
      if (again === undefined) this.#guard(flow, transportFailed);
      else again.send(bytes, transportFailed);
    });
  }

  #newTag(): string {
    return hex(this.#options.random(TAG_BYTES));
  }

  /** An answer outside any transaction. */
  #refuse(request: SipRequest, flow: LiveFlow, status: number, reason: string): void {
    const bytes = serialise(buildResponse(request, status, reason, this.#newTag()));
    this.sent(bytes, flow);
    flow.send(bytes);
  }

  /** What an owner throws ends its own request, never the process. */
  #guard(flow: LiveFlow, work: () => void, transaction?: RunningServerTransaction): void {
    try {
      work();
    } catch (thrown) {
      this.#options.onThrow?.(thrown);
      this.#options.events.onFault('handler-threw', flow);
      if (transaction === undefined) return;
      transaction.respond(buildResponse(transaction.request, 500, 'Server Internal Error', transaction.toTag));
    }
  }
}

const IGNORED: ClientEvents = { onResponse() {}, onFailure() {} };

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
