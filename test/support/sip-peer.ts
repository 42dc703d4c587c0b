// A phone or carrier for tests: a bare socket that speaks SIP by hand, with nothing automatic unless a test asks for it.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, isIPv6, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { cseqOf, tagOf } from '../../src/protocol/sip/fields.ts';
import type { SipMessage, SipRequest, SipResponse } from '../../src/protocol/sip/message.ts';
import { SipHeaders } from '../../src/protocol/sip/message.ts';
import { parseMessage, SipStreamReader } from '../../src/protocol/sip/parse.ts';
import { serialise } from '../../src/protocol/sip/serialise.ts';
import { buildResponse } from '../../src/protocol/sip/transaction/build.ts';
import { formatHostPort } from '../../src/protocol/sip/uri.ts';
import { PATIENCE_MS } from './patience.ts';

export const SDP = [
  'v=0',
  'o=peer 100 1 IN IP4 127.0.0.1',
  's=-',
  'c=IN IP4 127.0.0.1',
  't=0 0',
  'm=audio 40000 RTP/AVP 0 101',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:101 telephone-event/8000',
  'a=sendrecv',
  '',
].join('\r\n');

type Pair = readonly [name: string, value: string];

export interface CallParts {
  readonly uri?: string;
  readonly callId?: string;
  readonly fromTag?: string;
  readonly toTag?: string | undefined;
  readonly cseq?: number;
  readonly contact?: string;
  readonly branch?: string;
  readonly headers?: readonly Pair[];
  readonly body?: string;
}

export interface TlsPeerOptions {
  readonly host?: string;
  /** A certificate of its own, and the key to it, PEM. */
  readonly cert?: string;
  readonly key?: string;
}

let made = 0;

export class SipPeer implements AsyncDisposable {
  readonly transport: 'udp' | 'tcp' | 'tls';
  /** Everything that came, in order. */
  readonly seen: SipMessage[] = [];
  readonly #taken = new Set<SipMessage>();
  readonly #socket: UdpSocket | Socket;
  readonly #to: number;
  readonly #host: string;
  #woken = Promise.withResolvers<void>();

  private constructor(transport: 'udp' | 'tcp' | 'tls', socket: UdpSocket | Socket, to: number, host: string) {
    this.transport = transport;
    this.#socket = socket;
    this.#to = to;
    this.#host = host;
  }

  /** A UDP socket on loopback that sends to port `to` of the same address. */
  static async udp(to: number, host = '127.0.0.1'): Promise<SipPeer> {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    socket.bind(0, host);
    await once(socket, 'listening');
    const peer = new SipPeer('udp', socket, to, host);
    socket.on('message', (bytes) => {
      const message = parseMessage(bytes);
      if (!('fault' in message)) peer.#keep(message);
    });
    return peer;
  }

  static async tcp(to: number, host = '127.0.0.1'): Promise<SipPeer> {
    const socket = connect(to, host);
    await once(socket, 'connect');
    return SipPeer.#stream('tcp', socket, to, host);
  }

  static async tls(to: number, ca: string, options: TlsPeerOptions = {}): Promise<SipPeer> {
    const { host = '127.0.0.1', ...own } = options;
    const socket = connectTls({ port: to, host, ca, ...own });
    await once(socket, 'secureConnect');
    return SipPeer.#stream('tls', socket, to, host);
  }

  static #stream(transport: 'tcp' | 'tls', socket: Socket, to: number, host: string): SipPeer {
    const peer = new SipPeer(transport, socket, to, host);
    const reader = new SipStreamReader();
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      for (const item of reader.push(chunk)) if (item.item === 'message') peer.#keep(item.message);
    });
    return peer;
  }

  get port(): number {
    return 'bind' in this.#socket ? this.#socket.address().port : (this.#socket.localPort ?? 0);
  }

  get uri(): string {
    const transport = this.transport === 'udp' ? '' : `;transport=${this.transport}`;
    return `sip:peer@${this.#place}${transport}`;
  }

  get #place(): string {
    return formatHostPort(this.#host, this.port);
  }

  /** A request with fresh ids unless `parts` names them. */
  request(method: string, parts: CallParts = {}): SipRequest {
    made += 1;
    const { uri = `sip:app@${formatHostPort(this.#host, this.#to)}`, cseq = 1, headers = [], body = '' } = parts;
    const { callId = `call-${made}@peer.example`, fromTag = `f${made}`, toTag, contact = `<${this.uri}>` } = parts;
    const via = `SIP/2.0/${this.transport.toUpperCase()} ${this.#place};rport;branch=${parts.branch ?? `z9hG4bKp${made}`}`;
    const type: Pair[] = body.startsWith('v=0') ? [['Content-Type', 'application/sdp']] : [];
    return {
      kind: 'request',
      method,
      uri,
      headers: SipHeaders.of(
        ['Via', via],
        ['Max-Forwards', '70'],
        ['From', `"Test Person" <sip:peer@127.0.0.1>;tag=${fromTag}`],
        ['To', `<sip:app@127.0.0.1>${toTag === undefined ? '' : `;tag=${toTag}`}`],
        ['Call-ID', callId],
        ['CSeq', `${cseq} ${method}`],
        ...(contact === '' ? [] : [['Contact', contact] as const]),
        ...headers,
        ...type,
      ),
      body: Buffer.from(body),
    };
  }

  /** A further request in the dialog that `invite` and its answer made. */
  within(invite: SipRequest, answer: SipResponse, method: string, parts: CallParts = {}): SipRequest {
    return this.request(method, {
      callId: invite.headers.get('call-id') ?? '',
      fromTag: tagOf(invite.headers.get('from')) ?? '',
      toTag: tagOf(answer.headers.get('to')),
      cseq: (cseqOf(invite)?.number ?? 0) + (method === 'ACK' ? 0 : 1),
      ...parts,
    });
  }

  send(message: SipMessage | string): void {
    const bytes = typeof message === 'string' ? Buffer.from(message) : serialise(message);
    if ('bind' in this.#socket) this.#socket.send(bytes, this.#to, this.#host);
    else this.#socket.write(bytes);
  }

  /** Answers a request that came; a To tag is added to all but 100. */
  answer(
    request: SipRequest,
    status: number,
    reason: string,
    parts: { tag?: string; headers?: Pair[]; body?: string } = {},
  ): SipResponse {
    const { tag = 'peertag', headers = [], body = '' } = parts;
    const type: Pair[] = body.startsWith('v=0') ? [['Content-Type', 'application/sdp']] : [];
    const response = buildResponse(request, status, reason, tag, [...headers, ...type]);
    const full = { ...response, body: Buffer.from(body) };
    this.send(full);
    return full;
  }

  /** The next request of this method that has not been taken yet. */
  async takeRequest(method: string): Promise<SipRequest> {
    const message = await this.#take((m) => m.kind === 'request' && m.method === method, method);
    if (message.kind !== 'request') throw new Error('not a request');
    return message;
  }

  /** The next response with this status (and method of its CSeq) that has not been taken yet. */
  async takeResponse(status: number, method?: string): Promise<SipResponse> {
    const isIt = (m: SipMessage) =>
      m.kind === 'response' && m.status === status && (method === undefined || cseqOf(m)?.method === method);
    const message = await this.#take(isIt, String(status));
    if (message.kind !== 'response') throw new Error('not a response');
    return message;
  }

  /** The next message of any kind. */
  takeNext(): Promise<SipMessage> {
    return this.#take(() => true, 'message');
  }

  /** Start lines of what came, for messages of failing tests and for counting. */
  get lines(): string[] {
    return this.seen.map((m) => (m.kind === 'request' ? m.method : `${m.status} ${cseqOf(m)?.method}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, 'close');
    if ('bind' in this.#socket) this.#socket.close();
    else {
      if (this.#socket.closed) return;
      this.#socket.destroy();
    }
    await closed;
  }

  #keep(message: SipMessage): void {
    this.seen.push(message);
    this.#woken.resolve();
    this.#woken = Promise.withResolvers<void>();
  }

  async #take(isIt: (message: SipMessage) => boolean, what: string): Promise<SipMessage> {
    const timeout = AbortSignal.timeout(PATIENCE_MS);
    const expired = once(timeout, 'abort');
    for (;;) {
      const found = this.seen.find((message) => !this.#taken.has(message) && isIt(message));
      if (found !== undefined) {
        this.#taken.add(found);
        return found;
      }
      await Promise.race([this.#woken.promise, expired]);
      if (timeout.aborted) throw new Error(`No ${what} came; there came ${this.lines.join(', ') || 'nothing'}.`);
    }
  }
}
