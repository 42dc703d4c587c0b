// One SIP dialog (RFC 3261 §12, §13.3.1.4): answers, the 2xx until its ACK, and a BYE of our own.
import type { Clock } from '../../../kernel/clock.ts';
import { cseqOf, tagOf } from '../../../protocol/sip/fields.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../../protocol/sip/message.ts';
import { buildResponse } from '../../../protocol/sip/transaction/build.ts';
import { parseNameAddr, parseUri } from '../../../protocol/sip/uri.ts';
import type { Flow, ServerTransaction, SipStack, SipTarget } from '../../runtime/sip-stack.ts';
import { reasonValue } from '../channel/causes.ts';
import { USER_AGENT } from '../host/identity.ts';

const T1_MS = 500;
const T2_MS = 4_000;
export const ALLOW = 'INVITE, ACK, BYE, CANCEL, OPTIONS, INFO';
const NO_BODY = new Uint8Array(0);

export type Header = readonly [name: string, value: string];

export function reasonHeader(cause: string): Header {
  return ['Reason', reasonValue(cause)];
}

/** Answers a request outside any call. */
export function respondPlain(
  transaction: ServerTransaction,
  status: number,
  reason: string,
  toTag: string,
  extra: readonly Header[] = [],
): void {
  const headers: Header[] = [['User-Agent', USER_AGENT], ['Allow', ALLOW], ...extra];
  transaction.respond(buildResponse(transaction.request, status, reason, toTag, headers));
}

/** What a dialog stands on. */
export interface DialogHost {
  readonly stack: SipStack;
  readonly clock: Clock;
  readonly supervise: (work: Promise<unknown>) => void;
}

/** RFC 3261 §12: a dialog's state at its beginning. */
export interface DialogState {
  readonly callId: string;
  readonly localTag: string;
  /** From and To of our requests, with their tags. */
  readonly local: string;
  readonly remote: string;
  readonly remoteTarget: string;
  readonly routes: readonly string[];
  readonly contact: string;
  readonly flow: Flow;
  /** Of our next request, and the highest one that they used. */
  readonly cseq: number;
  readonly remoteCseq: number;
}

/** RFC 3261 §12.1.1. `localAddress`: our Contact, `host:port`. */
export function uasState({ request, arrival }: ServerTransaction, localTag: string, localAddress: string): DialogState {
  const { headers } = request;
  return {
    callId: headers.get('call-id') ?? '',
    localTag,
    local: `${headers.get('to') ?? ''};tag=${localTag}`,
    remote: headers.get('from') ?? '',
    remoteTarget: contactUri(request) ?? '',
    routes: headers.all('record-route'),
    contact: `<sip:${parseUri(request.uri)?.user ?? 'drachtio'}@${localAddress};transport=udp>`,
    flow: arrival.flow,
    cseq: 1,
    remoteCseq: cseqOf(request)?.number ?? 0,
  };
}

/** RFC 3261 §12.1.2, from the 2xx that answered our INVITE. */
export function uacState(invite: SipRequest, answer: SipResponse, flow: Flow): DialogState {
  const { headers } = invite;
  const local = headers.get('from') ?? '';
  return {
    callId: headers.get('call-id') ?? '',
    localTag: tagOf(local) ?? '',
    local,
    remote: answer.headers.get('to') ?? '',
    remoteTarget: contactUri(answer) ?? invite.uri,
    routes: answer.headers.all('record-route').toReversed(),
    contact: headers.get('contact') ?? '',
    flow,
    cseq: (cseqOf(invite)?.number ?? 0) + 1,
    remoteCseq: 0,
  };
}

export class Dialog {
  readonly callId: string;
  readonly localTag: string;
  readonly #host: DialogHost;
  readonly #state: DialogState;
  #remoteTarget: string;
  #resend: Disposable | undefined;
  #cseq: number;
  /** The highest number that they used, and the one of the INVITE that was answered last. */
  #remoteCseq: number;
  #answeredCseq = 0;
  #isOver = false;

  constructor(host: DialogHost, state: DialogState) {
    this.#host = host;
    this.#state = state;
    this.callId = state.callId;
    this.localTag = state.localTag;
    this.#cseq = state.cseq;
    this.#remoteCseq = state.remoteCseq;
    this.#remoteTarget = state.remoteTarget;
  }

  get remoteTag(): string | undefined {
    return tagOf(this.#state.remote);
  }

  /** RFC 3261 §12.2.2: a request whose number is lower than one before it is answered 500. */
  takesInOrder(request: SipRequest): boolean {
    const number = cseqOf(request)?.number ?? 0;
    if (number < this.#remoteCseq) return false;
    this.#remoteCseq = number;
    return true;
  }

  respond(transaction: ServerTransaction, status: number, reason: string, extra: readonly Header[] = []): void {
    respondPlain(transaction, status, reason, this.localTag, extra);
  }

  /** 200 with `sdp`, sent again from T1 doubling to T2 until the ACK; `onTimeout` after 64·T1 without one. */
  answer(transaction: ServerTransaction, sdp: string, onTimeout: () => void): void {
    const headers: Header[] = [
      ['Contact', this.#state.contact],
      ['User-Agent', USER_AGENT],
      ['Accept', 'application/sdp'],
      ['Allow', ALLOW],
      ['Content-Type', 'application/sdp'],
      ['Content-Disposition', 'session'],
    ];
    const recordRoutes = transaction.request.headers
      .all('record-route')
      .map((value): Header => ['Record-Route', value]);
    const plain = buildResponse(transaction.request, 200, 'OK', this.localTag, [...recordRoutes, ...headers]);
    const response = { ...plain, body: Buffer.from(sdp) };
    this.#remoteTarget = contactUri(transaction.request) ?? this.#remoteTarget;
    this.#answeredCseq = cseqOf(transaction.request)?.number ?? 0;
    let [waitMs, waitedMs] = [T1_MS, 0];
    const again = () => {
      waitedMs += waitMs;
      waitMs = Math.min(T2_MS, waitMs * 2);
      if (waitedMs >= 64 * T1_MS) onTimeout();
      else {
        transaction.respond(response);
        this.#resend = this.#host.clock.after(waitMs, again);
      }
    };
    transaction.respond(response);
    this.#resend = this.#host.clock.after(waitMs, again);
  }

  /** Whether `ack` belongs to the 2xx that was sent last; then it is sent no more. */
  takeAck(ack: SipRequest): boolean {
    if (cseqOf(ack)?.number !== this.#answeredCseq) return false;
    this.#stopResending();
    return true;
  }

  /** The dialog is over without a BYE of ours. */
  end(): void {
    this.#isOver = true;
    this.#stopResending();
  }

  bye(cause: string): void {
    if (this.#isOver) return;
    this.end();
    const request = this.#request('BYE', this.#cseq++, [reasonHeader(cause)]);
    const nothing = () => undefined;
    this.#host.supervise(
      this.#host.stack.request(request, this.#target(), { onResponse: nothing, onFailure: nothing }),
    );
  }

  /** To a 2xx of theirs, each time that it comes. */
  acknowledge(cseq: number): void {
    this.#host.supervise(this.#host.stack.sendAck(this.#request('ACK', cseq, []), this.#target()));
  }

  #request(method: string, cseq: number, extra: readonly Header[]): SipRequest {
    const { routes, local, remote } = this.#state;
    const headers = SipHeaders.of(
      ...routes.map((value): Header => ['Route', value]),
      ['Max-Forwards', '70'],
      ['From', local],
      ['To', remote],
      ['Call-ID', this.callId],
      ['CSeq', `${cseq} ${method}`],
      ['User-Agent', USER_AGENT],
      ...extra,
    );
    return { kind: 'request', method, uri: this.#remoteTarget, headers, body: NO_BODY };
  }

  #stopResending(): void {
    this.#resend?.[Symbol.dispose]();
    this.#resend = undefined;
  }

  /** By the first route or the contact; an open connection is used again. */
  #target(): SipTarget {
    const { routes, flow } = this.#state;
    const route = routes[0] === undefined ? undefined : parseNameAddr(routes[0])?.uri;
    const uri = route ?? parseUri(this.#remoteTarget);
    const { transport, remote, isReliable } = flow;
    const port = uri?.port ?? (uri === undefined ? remote.port : 5060);
    const target = { host: uri?.host ?? remote.host, port, transport, listener: flow.listener };
    return isReliable ? { ...target, flow } : target;
  }
}

function contactUri(request: SipRequest | SipResponse): string | undefined {
  const contact = request.headers.get('contact');
  return contact === undefined ? undefined : parseNameAddr(contact)?.uriText;
}
