// The UAS side of one SIP dialog (RFC 3261 §12.1.1, §13.3.1.4): answers, the 2xx until its ACK, and a BYE of our own.
import type { Clock } from '../../kernel/clock.ts';
import { cseqOf, tagOf } from '../../protocol/sip/fields.ts';
import { SipHeaders, type SipRequest } from '../../protocol/sip/message.ts';
import { buildResponse } from '../../protocol/sip/transaction/build.ts';
import { parseNameAddr, parseUri } from '../../protocol/sip/uri.ts';
import type { Flow, ServerTransaction, SipStack, SipTarget } from '../runtime/sip-stack.ts';
import { reasonValue } from './causes.ts';

const T1_MS = 500;
const T2_MS = 4_000;
const USER_AGENT = 'FreeSWITCH drachtio_mrf';
const ALLOW = 'INVITE, ACK, BYE, CANCEL, OPTIONS, INFO';
const NO_BODY = new Uint8Array(0);

type Header = readonly [name: string, value: string];

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

export interface DialogOptions {
  readonly stack: SipStack;
  readonly clock: Clock;
  readonly supervise: (work: Promise<unknown>) => void;
  readonly invite: ServerTransaction;
  readonly localTag: string;
  /** Our Contact, `host:port`. */
  readonly localAddress: string;
}

export class UasDialog {
  readonly callId: string;
  readonly localTag: string;
  readonly #options: DialogOptions;
  readonly #flow: Flow;
  readonly #contact: string;
  readonly #local: string;
  readonly #remote: string;
  readonly #routes: readonly string[];
  #remoteTarget: string;
  #resend: Disposable | undefined;
  #cseq = 1;
  /** The highest number that they used, and the one of the INVITE that was answered last. */
  #remoteCseq: number;
  #answeredCseq = 0;
  #isOver = false;

  constructor(options: DialogOptions) {
    const { request, arrival } = options.invite;
    const { headers } = request;
    this.#options = options;
    this.localTag = options.localTag;
    this.callId = headers.get('call-id') ?? '';
    this.#remoteCseq = cseqOf(request)?.number ?? 0;
    this.#flow = arrival.flow;
    this.#remote = headers.get('from') ?? '';
    this.#local = `${headers.get('to') ?? ''};tag=${options.localTag}`;
    this.#routes = headers.all('record-route');
    this.#remoteTarget = contactUri(request) ?? '';
    const user = parseUri(request.uri)?.user ?? 'drachtio';
    this.#contact = `<sip:${user}@${options.localAddress};transport=udp>`;
  }

  get remoteTag(): string | undefined {
    return tagOf(this.#remote);
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
      ['Contact', this.#contact],
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
        this.#resend = this.#options.clock.after(waitMs, again);
      }
    };
    transaction.respond(response);
    this.#resend = this.#options.clock.after(waitMs, again);
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
    const headers = SipHeaders.of(
      ...this.#routes.map((value): Header => ['Route', value]),
      ['Max-Forwards', '70'],
      ['From', this.#local],
      ['To', this.#remote],
      ['Call-ID', this.callId],
      ['CSeq', `${this.#cseq++} BYE`],
      ['User-Agent', USER_AGENT],
      reasonHeader(cause),
    );
    const request: SipRequest = { kind: 'request', method: 'BYE', uri: this.#remoteTarget, headers, body: NO_BODY };
    const nothing = () => undefined;
    this.#options.supervise(
      this.#options.stack.request(request, this.#target(), { onResponse: nothing, onFailure: nothing }),
    );
  }

  #stopResending(): void {
    this.#resend?.[Symbol.dispose]();
    this.#resend = undefined;
  }

  /** By the first route or the contact; an open connection is used again. */
  #target(): SipTarget {
    const route = this.#routes[0] === undefined ? undefined : parseNameAddr(this.#routes[0])?.uri;
    const uri = route ?? parseUri(this.#remoteTarget);
    const { transport, remote, isReliable } = this.#flow;
    const port = uri?.port ?? (uri === undefined ? remote.port : 5060);
    const target = { host: uri?.host ?? remote.host, port, transport, listener: this.#flow.listener };
    return isReliable ? { ...target, flow: this.#flow } : target;
  }
}

function contactUri(request: SipRequest): string | undefined {
  const contact = request.headers.get('contact');
  return contact === undefined ? undefined : parseNameAddr(contact)?.uriText;
}
