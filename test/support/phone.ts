// A test telephone over real SIP and RTP: registers, calls, is called, speaks tones and hears; TLS with SRTP as a desk phone, UDP with RTP as a carrier.
import { createHash, randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { MediaPorts } from '../../src/engine/runtime/media-socket.ts';
import { createMediaPorts } from '../../src/engine/runtime/media-socket.ts';
import type { ServerTransaction, SipStack, SipTarget } from '../../src/engine/runtime/sip-stack.ts';
import { createSipStack } from '../../src/engine/runtime/stack.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { SecurePolicy } from '../../src/protocol/sdp/audio.ts';
import type { SipRequest, SipResponse } from '../../src/protocol/sip/message.ts';
import { SipHeaders } from '../../src/protocol/sip/message.ts';
import { PATIENCE_MS } from './patience.ts';
import { PendingCall, PhoneCall } from './phone-call.ts';

export type { PhoneCall } from './phone-call.ts';

export interface TestPhoneOptions {
  readonly transport: 'tls' | 'udp' | 'tcp';
  readonly server: { readonly host: string; readonly port: number };
  readonly username: string;
  readonly password?: string;
  /** PEM of the CA that the server's certificate is signed by. */
  readonly trust?: string;
  /** `required` for TLS and `forbidden` otherwise, unless told. */
  readonly secure?: SecurePolicy;
}

/** What the phone does when it is called. */
export type Manner = 'answer' | 'ring' | 'busy' | 'decline' | 'unavailable';

export class TestPhone implements AsyncDisposable {
  readonly username: string;
  manner: Manner = 'answer';
  /** Whether MESSAGE is understood; a phone that does not answers 405. */
  takesMessages = true;
  readonly notifies: string[] = [];
  readonly messages: string[] = [];
  /** Emits `call` with each answered call, `ringing` with each INVITE, `notify`, `cancelled`. */
  readonly events = new EventEmitter();
  readonly #options: TestPhoneOptions;
  readonly #stack: SipStack;
  readonly #ports: MediaPorts;
  readonly #calls = new Map<string, PhoneCall>();
  #target: SipTarget;
  #local = { host: '127.0.0.1', port: 0 };
  #cseq = Math.floor(Math.random() * 1000) + 1;
  #nc = 0;
  #challenge: Map<string, string> | undefined;
  readonly #registrationId = randomBytes(8).toString('hex');

  private constructor(options: TestPhoneOptions) {
    this.username = options.username;
    this.#options = options;
    this.#ports = createMediaPorts({ address: '127.0.0.1', first: 0, last: 0, clock: systemClock });
    this.#target = { ...options.server, transport: options.transport };
    this.#stack = createSipStack(
      {
        onRequest: (transaction) => void this.#onRequest(transaction),
        onCancel: (_cancel, _arrival, invite) => {
          this.events.emit('cancelled');
          invite.respond(responseTo(invite.request, 487, 'Request Terminated'));
        },
        onAck: (ack) => this.#calls.get(ack.headers.get('Call-ID') ?? '')?.acked(Buffer.from(ack.body).toString()),
        onStrayResponse() {},
        onFault() {},
      },
      { clock: systemClock, ...(options.trust === undefined ? {} : { trust: options.trust }) },
    );
  }

  static async open(options: TestPhoneOptions): Promise<TestPhone> {
    const phone = new TestPhone(options);
    if (options.transport === 'udp') {
      const listener = await phone.#stack.listen({ name: 'phone', transport: 'udp', host: '127.0.0.1', port: 0 });
      phone.#local = { host: listener.host, port: listener.port };
    }
    return phone;
  }

  get local(): { readonly host: string; readonly port: number } {
    return this.#local;
  }

  get contact(): string {
    const transport = this.#options.transport === 'udp' ? '' : `;transport=${this.#options.transport}`;
    return `sip:${this.username}@${this.#local.host}:${this.#local.port || 5060}${transport}`;
  }

  /** Registers with the first challenge of that algorithm; answers the final response. */
  async register({
    algorithm = 'SHA-256',
    expires = 300,
    headers = [] as [string, string][],
  } = {}): Promise<SipResponse> {
    const uri = `sip:${this.#options.server.host}`;
    const own = `<sip:${this.username}@${this.#options.server.host}>`;
    const build = (authorization: string | undefined) =>
      this.#request('REGISTER', uri, own, own, this.#registrationId, [
        ...headers,
        ['Contact', `<${this.contact}>`],
        ['Expires', String(expires)],
        ...(authorization === undefined ? [] : [['Authorization', authorization] as [string, string]]),
      ]);
    return await this.#withDigest(build, 'REGISTER', uri, algorithm);
  }

  async subscribe(event = 'message-summary'): Promise<SipResponse> {
    const uri = `sip:${this.username}@${this.#options.server.host}`;
    const callId = randomBytes(8).toString('hex');
    const build = (authorization: string | undefined) =>
      this.#request('SUBSCRIBE', uri, `<${uri}>`, `<${uri}>`, callId, [
        ['Contact', `<${this.contact}>`],
        ['Event', event],
        ['Expires', '300'],
        ...(authorization === undefined ? [] : [['Authorization', authorization] as [string, string]]),
      ]);
    return await this.#withDigest(build, 'SUBSCRIBE', uri, 'SHA-256');
  }

  /** Calls `number`; resolves when it is answered. @throws the refusal's status as an Error with `status` */
  async call(number: string, { from = this.username, hasOffer = true } = {}): Promise<PhoneCall> {
    const pending = await this.startCall(number, { from, hasOffer });
    return await pending.answered;
  }

  /** Sends the INVITE and answers what may still happen to it. */
  async startCall(number: string, { from = this.username, hasOffer = true } = {}): Promise<PendingCall> {
    const { server } = this.#options;
    const uri = `sip:${encodeURIComponent(number).replace('%2B', '+')}@${server.host}:${server.port}`;
    const call = await PhoneCall.open(this.#ports, this.#secure);
    const callId = randomBytes(8).toString('hex');
    const offer = hasOffer ? call.negotiation.makeOffer() : '';
    const pending = new PendingCall();
    const send = async (authorization: string | undefined): Promise<void> => {
      const invite = this.#request('INVITE', uri, `<sip:${from}@${server.host}>`, `<${uri}>`, callId, [
        ['Contact', `<${this.contact}>`],
        ...(hasOffer ? [['Content-Type', 'application/sdp'] as [string, string]] : []),
        ...(authorization === undefined ? [] : [['Authorization', authorization] as [string, string]]),
      ]);
      const withBody = { ...invite, body: Buffer.from(offer) };
      const transaction = await this.#stack.request(withBody, this.#target, {
        onResponse: (response) => {
          if (response.status < 200) pending.progress.push(response.status);
          else if (response.status === 401 && authorization === undefined && this.#options.password !== undefined) {
            void send(this.#answerChallenge(response, 'INVITE', uri, 'SHA-256'));
          } else if (response.status >= 300) pending.fail(response);
          else void this.#established(call, withBody, response).then(() => pending.succeed(call), pending.reject);
        },
        onFailure: (ending) => pending.reject(new Error(ending)),
      });
      pending.cancel = () => transaction.cancel();
    };
    await send(undefined);
    return pending;
  }

  /** The next call that this phone answers. Ask before it is made. */
  async nextCall(): Promise<PhoneCall> {
    const { promise, resolve, reject } = Promise.withResolvers<PhoneCall>();
    const timer = setTimeout(() => reject(new Error('nobody called')), PATIENCE_MS);
    this.events.once('call', resolve);
    return await promise.finally(() => clearTimeout(timer));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const call of this.#calls.values()) call.close();
    await this.#stack[Symbol.asyncDispose]();
    await this.#ports[Symbol.asyncDispose]();
  }

  get #secure(): SecurePolicy {
    return this.#options.secure ?? (this.#options.transport === 'tls' ? 'required' : 'forbidden');
  }

  async #established(call: PhoneCall, invite: SipRequest, response: SipResponse): Promise<void> {
    const dialog = {
      uri: contactOf(response) ?? invite.uri,
      from: invite.headers.get('From') ?? '',
      to: response.headers.get('To') ?? '',
      callId: invite.headers.get('Call-ID') ?? '',
    };
    call.attach(dialog, this.#stack, this.#target, this.contact);
    this.#calls.set(dialog.callId, call);
    const theirs = Buffer.from(response.body).toString();
    const answer = invite.body.length === 0 ? (answerTo(call, theirs) ?? '') : '';
    const ack = call.request('ACK', answer);
    const cseq = invite.headers.get('CSeq')?.replace('INVITE', 'ACK') ?? '';
    await this.#stack.sendAck({ ...ack, headers: ack.headers.with('CSeq', cseq) }, this.#target);
    if (answer === '') call.agree(theirs);
    else call.start();
  }

  async #onRequest(transaction: ServerTransaction): Promise<void> {
    const { request } = transaction;
    const callId = request.headers.get('Call-ID') ?? '';
    const body = Buffer.from(request.body).toString();
    switch (request.method) {
      case 'INVITE':
        return await this.#onInvite(transaction);
      case 'BYE':
        this.#calls.get(callId)?.close();
        transaction.respond(responseTo(request, 200, 'OK'));
        return;
      case 'NOTIFY':
        this.notifies.push(body);
        transaction.respond(responseTo(request, 200, 'OK'));
        this.events.emit('notify', body);
        return;
      case 'MESSAGE':
        if (this.takesMessages) this.messages.push(body);
        transaction.respond(responseTo(request, this.takesMessages ? 200 : 405, 'Message'));
        this.events.emit('message', body);
        return;
      default:
        transaction.respond(responseTo(request, 200, 'OK'));
    }
  }

  async #onInvite(transaction: ServerTransaction): Promise<void> {
    const { request } = transaction;
    this.events.emit('ringing', request);
    const tag = randomBytes(4).toString('hex');
    const contact: [string, string] = ['Contact', `<${this.contact}>`];
    if (this.manner === 'busy') return void transaction.respond(responseTo(request, 486, 'Busy Here', tag));
    if (this.manner === 'unavailable') return void transaction.respond(responseTo(request, 503, 'Unavailable', tag));
    if (this.manner === 'decline') return void transaction.respond(responseTo(request, 603, 'Decline', tag));
    transaction.respond(responseTo(request, 180, 'Ringing', tag, [contact]));
    if (this.manner === 'ring') return;
    const call = await PhoneCall.open(this.#ports, this.#secure);
    const offer = Buffer.from(request.body).toString();
    const sdp = offer === '' ? call.negotiation.makeOffer() : answerTo(call, offer);
    if (sdp === undefined) return void transaction.respond(responseTo(request, 488, 'Not Acceptable Here', tag));
    const ok = responseTo(request, 200, 'OK', tag, [contact, ['Content-Type', 'application/sdp']], sdp);
    const dialog = {
      uri: contactOf(request) ?? '',
      from: ok.headers.get('To') ?? '',
      to: request.headers.get('From') ?? '',
      callId: request.headers.get('Call-ID') ?? '',
    };
    call.attach(dialog, this.#stack, { ...this.#target, flow: transaction.arrival.flow }, this.contact);
    this.#calls.set(dialog.callId, call);
    transaction.respond(ok);
    call.onAcked = () => this.events.emit('call', call);
  }

  async #withDigest(
    build: (authorization: string | undefined) => SipRequest,
    method: string,
    uri: string,
    algorithm: string,
  ): Promise<SipResponse> {
    if (this.#challenge !== undefined) {
      const response = await this.#ask(build(this.#authorization(method, uri)));
      if (response.status !== 401) return response;
    }
    const challenged = await this.#ask(build(undefined));
    if (challenged.status !== 401 || this.#options.password === undefined) return challenged;
    return await this.#ask(build(this.#answerChallenge(challenged, method, uri, algorithm)));
  }

  #answerChallenge(response: SipResponse, method: string, uri: string, algorithm: string): string {
    const challenges = response.headers.all('WWW-Authenticate').map(challengeParams);
    this.#challenge = challenges.find((params) => params.get('algorithm') === algorithm) ?? challenges[0];
    this.#nc = 0;
    return this.#authorization(method, uri);
  }

  #authorization(method: string, uri: string): string {
    const get = (name: string) => this.#challenge?.get(name) ?? '';
    const hash = (text: string) =>
      createHash(get('algorithm') === 'MD5' ? 'md5' : 'sha256')
        .update(text)
        .digest('hex');
    const nc = (++this.#nc).toString(16).padStart(8, '0');
    const cnonce = randomBytes(8).toString('hex');
    const ha1 = hash(`${this.username}:${get('realm')}:${this.#options.password ?? ''}`);
    const answer = hash(`${ha1}:${get('nonce')}:${nc}:${cnonce}:auth:${hash(`${method}:${uri}`)}`);
    return `Digest username="${this.username}", realm="${get('realm')}", nonce="${get('nonce')}", uri="${uri}", algorithm=${get('algorithm')}, qop=auth, nc=${nc}, cnonce="${cnonce}", response="${answer}"`;
  }

  async #ask(request: SipRequest): Promise<SipResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<SipResponse>();
    const transaction = await this.#stack.request(request, this.#target, {
      onResponse: (response) => {
        if (response.status >= 200) resolve(response);
      },
      onFailure: (ending) => reject(new Error(ending)),
    });
    this.#target = { ...this.#target, flow: transaction.flow };
    this.#local = { host: transaction.flow.local.host, port: transaction.flow.local.port };
    return await promise;
  }

  #request(
    method: string,
    uri: string,
    from: string,
    to: string,
    callId: string,
    headers: [string, string][],
  ): SipRequest {
    const list: [string, string][] = [
      ['Max-Forwards', '70'],
      ['From', `${from};tag=${randomBytes(4).toString('hex')}`],
      ['To', to],
      ['Call-ID', callId],
      ['CSeq', `${++this.#cseq} ${method}`],
      ['User-Agent', 'test-phone'],
      ...headers,
    ];
    return { kind: 'request', method, uri, headers: SipHeaders.of(...list), body: new Uint8Array() };
  }
}

function answerTo(call: PhoneCall, offer: string): string | undefined {
  const answer = call.negotiation.answerOffer(offer);
  return 'refused' in answer ? undefined : answer.sdp;
}

function contactOf(message: { readonly headers: SipHeaders }): string | undefined {
  return /<([^>]+)>/.exec(message.headers.get('Contact') ?? '')?.[1];
}

function challengeParams(header: string): Map<string, string> {
  const params = new Map<string, string>();
  for (const [, name = '', quoted, token = ''] of header.matchAll(/([a-z]+)=(?:"([^"]*)"|([^\s",]+))/gi)) {
    params.set(name.toLowerCase(), quoted ?? token);
  }
  return params;
}

function responseTo(
  request: SipRequest,
  status: number,
  reason: string,
  tag?: string,
  more: readonly [string, string][] = [],
  body = '',
): SipResponse {
  const copied = ['Via', 'Record-Route', 'From', 'To', 'Call-ID', 'CSeq'].flatMap((name) =>
    request.headers.all(name).map((value): [string, string] => {
      const needsTag = name === 'To' && tag !== undefined && !/;tag=/.test(value);
      return [name, needsTag ? `${value};tag=${tag}` : value];
    }),
  );
  return { kind: 'response', status, reason, headers: SipHeaders.of(...copied, ...more), body: Buffer.from(body) };
}
