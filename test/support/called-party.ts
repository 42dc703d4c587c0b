// Somebody whom a media server calls by SIP: rings, answers with a far-end phone's audio, refuses, hangs up.
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type { ServerTransaction, SipStack } from '../../src/engine/runtime/sip-stack.ts';
import { createSipStack } from '../../src/engine/runtime/stack.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { SipHeaders, type SipRequest } from '../../src/protocol/sip/message.ts';
import { buildResponse } from '../../src/protocol/sip/transaction/build.ts';
import { parseNameAddr } from '../../src/protocol/sip/uri.ts';
import type { FarPhone } from './media-bench.ts';

export class CalledParty implements AsyncDisposable {
  /** Requests by method, in order, ACKs and CANCELs among them. */
  readonly seen: string[] = [];
  readonly invites: SipRequest[] = [];
  readonly #events = new EventEmitter();
  readonly #stack: SipStack;
  readonly #phone: FarPhone | undefined;
  readonly #status: number;
  #port = 0;
  #invite: ServerTransaction | undefined;
  #respond: (status: number) => void = () => undefined;

  /** Without a phone every call is answered with `status`; 180 rings for ever. With one and 183, it is heard first, and answers when told. */
  private constructor(phone: FarPhone | undefined, status: number) {
    this.#phone = phone;
    this.#status = status;
    this.#stack = createSipStack(
      {
        onRequest: (transaction) => this.#take(transaction),
        onCancel: (_cancel, _arrival, invite) => {
          this.#note('CANCEL');
          invite.respond(buildResponse(invite.request, 487, 'Request Terminated', invite.toTag));
        },
        onAck: () => this.#note('ACK'),
        onStrayResponse: () => undefined,
        onFault: () => undefined,
      },
      { clock: systemClock },
    );
  }

  /** Another response to the INVITE, with its description where it agrees to something. */
  respond(status: number): void {
    this.#respond(status);
  }

  static async open(phone: FarPhone | undefined, status = 486): Promise<CalledParty> {
    const party = new CalledParty(phone, status);
    const { port } = await party.#stack.listen({ name: 'party', transport: 'udp', host: '127.0.0.1', port: 0 });
    party.#port = port;
    return party;
  }

  /** What `originate` is told. */
  get url(): string {
    return `sofia/drachtio_mrf/sip:party@127.0.0.1:${this.#port}`;
  }

  async until(method: string): Promise<void> {
    while (!this.seen.includes(method)) await once(this.#events, 'seen');
  }

  async hangUp(): Promise<void> {
    const invite = this.#invite;
    if (invite === undefined) return;
    const { headers } = invite.request;
    const contact = parseNameAddr(headers.get('contact') ?? '');
    const request: SipRequest = {
      kind: 'request',
      method: 'BYE',
      uri: contact?.uriText ?? '',
      headers: SipHeaders.of(
        ['Max-Forwards', '70'],
        ['From', `${headers.get('to')};tag=${invite.toTag}`],
        ['To', headers.get('from') ?? ''],
        ['Call-ID', headers.get('call-id') ?? ''],
        ['CSeq', '1 BYE'],
      ),
      body: new Uint8Array(),
    };
    const target = { host: '127.0.0.1', port: contact?.uri.port ?? 0, transport: 'udp' } as const;
    const answered = Promise.withResolvers<void>();
    const onResponse = () => answered.resolve();
    await this.#stack.request(request, target, { onResponse, onFailure: () => answered.resolve() });
    await answered.promise;
  }

  #take(transaction: ServerTransaction): void {
    const { request } = transaction;
    const respond = (status: number, reason: string, body = '') => {
      const extra = [['Contact', `<sip:party@127.0.0.1:${this.#port}>`] as const];
      const plain = buildResponse(request, status, reason, transaction.toTag, extra);
      transaction.respond({ ...plain, body: Buffer.from(body) });
    };
    if (request.method !== 'INVITE') respond(200, 'OK');
    else {
      this.invites.push(request);
      this.#invite = transaction;
      const sdp = this.#phone?.answer(Buffer.from(request.body).toString());
      this.#respond = (status) => respond(status, randomUUID(), status < 300 ? sdp : '');
      if (this.#phone === undefined || this.#status === 183) this.#respond(this.#status);
      else this.#respond(200);
    }
    this.#note(request.method);
  }

  #note(method: string): void {
    this.seen.push(method);
    this.#events.emit('seen');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}
