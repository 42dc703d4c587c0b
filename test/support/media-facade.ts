// What drachtio-fsmrf needs of drachtio-srf and nothing else: `createUAC` and its dialogs, over the project's own SIP stack.
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { ServerTransaction, SipStack, SipTarget } from '../../src/engine/runtime/sip-stack.ts';
import { createSipStack } from '../../src/engine/runtime/stack.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../src/protocol/sip/message.ts';
import { buildResponse } from '../../src/protocol/sip/transaction/build.ts';

interface UacOptions {
  readonly headers: Record<string, string>;
  readonly localSdp?: string;
}

interface UasOptions {
  readonly localSdp: string;
}

type Done = (error: unknown, dialog?: EventEmitter) => void;

export class FacadeSrf implements AsyncDisposable {
  readonly stack: SipStack;
  readonly dialogs = new Map<string, FacadeDialog>();
  /** What `createUAS` answered its callers with. */
  readonly answers: string[] = [];
  #port = 0;

  private constructor() {
    const ignore = () => undefined;
    this.stack = createSipStack(
      {
        onRequest: (transaction) => this.#request(transaction),
        onCancel: ignore,
        onAck: ignore,
        onStrayResponse: ignore,
        onFault: ignore,
      },
      { clock: systemClock },
    );
  }

  static async open(): Promise<FacadeSrf> {
    const facade = new FacadeSrf();
    const { port } = await facade.stack.listen({ name: 'app', transport: 'udp', host: '127.0.0.1', port: 0 });
    facade.#port = port;
    return facade;
  }

  get contact(): string {
    return `<sip:127.0.0.1:${this.#port}>`;
  }

  /** As drachtio-srf: a promise, or a call back when one is given. */
  async createUAC(uri: string, options: UacOptions, _progress?: object, done?: Done): Promise<FacadeDialog> {
    const calling = this.#call(uri, options);
    calling.then(
      (dialog) => done?.(null, dialog),
      (error: unknown) => done?.(error),
    );
    return await calling;
  }

  /** The party that calls is answered with that description; what it gets is all that happens to it. */
  async createUAS(_request: object, _response: object, { localSdp }: UasOptions, done?: Done): Promise<EventEmitter> {
    const dialog = Object.assign(new EventEmitter(), { destroy: async () => {} });
    this.answers.push(localSdp);
    done?.(null, dialog);
    return dialog;
  }

  async #call(uri: string, { headers, localSdp }: UacOptions): Promise<FacadeDialog> {
    const dialog = new FacadeDialog(this, uri, localSdp);
    const offer = localSdp?.replace('RTP/xAVP', 'RTP/SAVP');
    const response = await dialog.send('INVITE', offer, headers);
    if (response.status >= 300) throw Object.assign(new Error(response.reason), { status: response.status });
    const remote = Buffer.from(response.body).toString();
    // What drachtio-srf does without a local description: it answers with the offer itself, made receive-only.
    const answer = offer === undefined ? remote.replace(/(t=0 0\r\n)/, '$1a=recvonly\r\n') : undefined;
    dialog.established(response);
    await dialog.ack(answer);
    this.dialogs.set(dialog.callId, dialog);
    return dialog;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack[Symbol.asyncDispose]();
  }

  #request(transaction: ServerTransaction): void {
    const { headers, method } = transaction.request;
    const dialog = this.dialogs.get(headers.get('call-id') ?? '');
    transaction.respond(buildResponse(transaction.request, 200, 'OK', 'x'));
    if (method === 'BYE') dialog?.emit('destroy', { reason: headers.get('reason') });
  }
}

export class FacadeDialog extends EventEmitter {
  readonly callId = randomUUID();
  readonly remote = { sdp: '' };
  readonly #srf: FacadeSrf;
  readonly #uri: string;
  readonly #from: string;
  readonly #target: SipTarget;
  #to: string;
  #cseq = 0;
  /** Our side as it was told last. */
  #offer: string;

  constructor(srf: FacadeSrf, uri: string, offer = '') {
    super();
    this.#offer = offer;
    this.#srf = srf;
    this.#uri = uri;
    this.#from = `${srf.contact};tag=${this.callId.slice(0, 8)}`;
    this.#to = `<${uri}>`;
    const [, host = '', port = ''] = /@([\d.]+):(\d+)/.exec(uri) ?? [];
    this.#target = { host, port: Number(port), transport: 'udp' };
  }

  established(response: SipResponse): void {
    this.#to = response.headers.get('to') ?? '';
    this.remote.sdp = Buffer.from(response.body).toString();
  }

  async request({ method, body }: { method: string; body?: string }): Promise<{ status: number; body: string }> {
    const response = await this.send(method, body);
    if (method === 'INVITE') await this.ack();
    return { status: response.status, body: Buffer.from(response.body).toString() };
  }

  /** A new description, or `hold` and `unhold` of the one before, as drachtio-srf makes them. */
  async modify(wanted: string): Promise<string> {
    if (wanted === 'hold') this.#offer = this.#offer.replace('a=sendrecv', 'a=inactive');
    else if (wanted === 'unhold') this.#offer = this.#offer.replace('a=inactive', 'a=sendrecv');
    else this.#offer = wanted;
    const sdp = this.#offer;
    const response = await this.send('INVITE', sdp.replace('RTP/xAVP', 'RTP/SAVP'));
    await this.ack();
    if (response.status >= 300) throw new Error(response.reason);
    this.remote.sdp = Buffer.from(response.body).toString();
    return this.remote.sdp;
  }

  async destroy(): Promise<void> {
    await this.send('BYE');
  }

  async ack(body?: string): Promise<void> {
    await this.#srf.stack.sendAck(this.#request('ACK', body, {}), this.#target);
  }

  /** Sends a request and waits for its final response. */
  async send(method: string, body?: string, headers: Record<string, string> = {}): Promise<SipResponse> {
    this.#cseq++;
    const { promise, resolve, reject } = Promise.withResolvers<SipResponse>();
    await this.#srf.stack.request(this.#request(method, body, headers), this.#target, {
      onResponse: (response) => response.status >= 200 && resolve(response),
      onFailure: (ending) => reject(new Error(ending)),
    });
    return promise;
  }

  #request(method: string, body: string | undefined, extra: Record<string, string>): SipRequest {
    const headers = SipHeaders.of(
      ['Max-Forwards', '70'],
      ['From', this.#from],
      ['To', this.#to],
      ['Call-ID', this.callId],
      ['CSeq', `${this.#cseq} ${method}`],
      ['Contact', this.#srf.contact],
      ...Object.entries(extra).map(([name, value]): [string, string] => [name, String(value)]),
      ...(body === undefined ? [] : [['Content-Type', 'application/sdp'] as const]),
    );
    return { kind: 'request', method, uri: this.#uri, headers, body: Buffer.from(body ?? '') };
  }
}
