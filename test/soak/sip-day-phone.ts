// A phone of the soak: a bare socket that registers, subscribes, keeps alive, calls in one of several ways, and answers what it is asked.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Clock } from '../../src/kernel/clock.ts';
import { tagOf } from '../../src/protocol/sip/fields.ts';
import type { SipMessage, SipRequest, SipResponse } from '../../src/protocol/sip/message.ts';
import { parseMessage, SipStreamReader } from '../../src/protocol/sip/parse.ts';
import { serialise } from '../../src/protocol/sip/serialise.ts';
import { buildResponse } from '../../src/protocol/sip/transaction/build.ts';
import type { Seeded } from '../support/seeded.ts';
import { SDP } from '../support/sip-peer.ts';

/** How a call goes: the user part that is called says it to the application too. */
export const KINDS = [
  'peer-ends',
  'we-end',
  'refreshed',
  'vanished',
  'busy',
  'cancelled',
  'no-ack',
  'proxied',
  'called-back',
  'called-in-vain',
] as const;
export type Kind = (typeof KINDS)[number];

interface PhoneParts {
  readonly clock: Clock;
  readonly random: Seeded;
  readonly index: number;
  readonly transport: 'udp' | 'tcp';
  /** The edge's. */
  readonly port: number;
  readonly longestMs: number;
  readonly expiresSeconds: number;
}

/** RFC 5389: a binding request with a transaction id of zeros. */
const STUN = Buffer.from('000100002112a442000000000000000000000000', 'hex');
const RING_MS = 6_000;
let made = 0;

export class SoakPhone {
  readonly #parts: PhoneParts;
  readonly #socket: UdpSocket | Socket;
  /** What it does when its INVITE is answered, by Call-ID. */
  readonly #calls = new Map<string, (response: SipResponse) => void>();
  readonly #timers = new Set<Disposable>();
  /** Calls of which it has forgotten everything, as a phone without power has. */
  readonly #vanished = new Set<string>();
  readonly #port: number;

  private constructor(parts: PhoneParts, socket: UdpSocket | Socket, port: number) {
    this.#parts = parts;
    this.#socket = socket;
    this.#port = port;
  }

  static async open(parts: PhoneParts): Promise<SoakPhone> {
    if (parts.transport === 'udp') {
      const socket = createSocket('udp4');
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      const phone = new SoakPhone(parts, socket, socket.address().port);
      socket.on('message', (bytes) => {
        const message = parseMessage(bytes);
        if (!('fault' in message)) phone.#receive(message);
      });
      return phone;
    }
    const socket = connect(parts.port, '127.0.0.1');
    await once(socket, 'connect');
    const phone = new SoakPhone(parts, socket, socket.localPort ?? 0);
    const reader = new SipStreamReader();
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      for (const item of reader.push(chunk)) if (item.item === 'message') phone.#receive(item.message);
    });
    return phone;
  }

  get uri(): string {
    return `sip:phone${this.#parts.index}@127.0.0.1:${this.#port}`;
  }

  register(): void {
    this.#send(this.#request('REGISTER', 'app', this.#newCallId(), [`Expires: ${this.#parts.expiresSeconds}`]));
  }

  subscribe(): void {
    this.#send(
      this.#request('SUBSCRIBE', 'app', this.#newCallId(), [
        'Event: presence',
        `Expires: ${this.#parts.expiresSeconds}`,
      ]),
    );
  }

  keepAlive(): void {
    this.#send(this.#request('OPTIONS', 'app', this.#newCallId(), []));
    this.#send(this.#parts.transport === 'udp' ? STUN : Buffer.from('\r\n\r\n'));
  }

  call(kind: Kind, other: SoakPhone): void {
    const callId = this.#newCallId();
    if (kind === 'called-back' || kind === 'called-in-vain') {
      // A number of its own: nobody answers there.
      const target = kind === 'called-back' ? other.uri : 'sip:nobody@127.0.0.1:9';
      this.#send(this.#request('MESSAGE', 'app', callId, [`X-Target: ${target}`]));
      return;
    }
    const headers = [`X-Target: ${other.uri}`];
    if (kind === 'refreshed' || kind === 'vanished')
      headers.push('Supported: timer', 'Session-Expires: 90;refresher=uas');
    const branch = `z9hG4bKsoak${++made}`;
    this.#calls.set(callId, (response) => this.#answered(kind, callId, response));
    this.#send(this.#request('INVITE', kind, callId, headers, { branch, body: SDP }));
    if (kind === 'cancelled')
      this.#later(RING_MS, () => this.#send(this.#request('CANCEL', kind, callId, [], { branch })));
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) timer[Symbol.dispose]();
    const closed = once(this.#socket, 'close');
    if ('bind' in this.#socket) this.#socket.close();
    else if (this.#socket.closed) return;
    else this.#socket.destroy();
    await closed;
  }

  #receive(message: SipMessage): void {
    if (message.kind === 'response') {
      this.#calls.get(message.headers.get('call-id') ?? '')?.(message);
      return;
    }
    if (message.method === 'ACK' || this.#vanished.has(message.headers.get('call-id') ?? '')) return;
    const isOffer = message.method === 'INVITE' || message.method === 'UPDATE';
    const toTag = tagOf(message.headers.get('to')) ?? `p${this.#parts.index}`;
    const extra = isOffer ? [['Contact', `<${this.uri}>`] as const, ['Content-Type', 'application/sdp'] as const] : [];
    const response = buildResponse(message, 200, 'OK', toTag, [...recordRoutes(message), ...extra]);
    this.#send(serialise(isOffer ? { ...response, body: Buffer.from(SDP) } : response));
    if (message.method === 'BYE') this.#calls.delete(message.headers.get('call-id') ?? '');
  }

  #answered(kind: Kind, callId: string, response: SipResponse): void {
    if (response.status < 200) return;
    const isBye = response.headers.get('cseq')?.endsWith('BYE') === true;
    if (response.status >= 300 || isBye) {
      if (!isBye && kind !== 'cancelled')
        this.#send(this.#request('ACK', kind, callId, [], { toTag: tagOf(response.headers.get('to')) }));
      this.#calls.delete(callId);
      return;
    }
    if (kind === 'no-ack' || response.headers.get('cseq')?.endsWith('CANCEL') === true) return;
    const toTag = tagOf(response.headers.get('to'));
    const routes = response.headers.all('record-route').map((route) => `Route: ${route}`);
    this.#send(this.#request('ACK', kind, callId, routes, { toTag }));
    this.#calls.set(
      callId,
      (again) => again.headers.get('cseq')?.endsWith('BYE') === true && this.#calls.delete(callId),
    );
    if (kind === 'we-end') return;
    this.#later(this.#parts.random.below(this.#parts.longestMs), () => {
      if (kind === 'vanished') this.#vanished.add(callId);
      else this.#send(this.#request('BYE', kind, callId, routes, { toTag, cseq: 2 }));
    });
  }

  #later(ms: number, action: () => void): void {
    const timer = this.#parts.clock.after(ms, () => {
      this.#timers.delete(timer);
      action();
    });
    this.#timers.add(timer);
  }

  #newCallId(): string {
    made += 1;
    return `soak-${made}-${this.#port}`;
  }

  #request(
    method: string,
    user: string,
    callId: string,
    headers: readonly string[],
    { branch = `z9hG4bKsoak${++made}`, toTag = undefined as string | undefined, cseq = 1, body = '' } = {},
  ): Buffer {
    const { transport, port, index } = this.#parts;
    return Buffer.from(
      [
        `${method} sip:${user}@127.0.0.1:${port} SIP/2.0`,
        `Via: SIP/2.0/${transport.toUpperCase()} 127.0.0.1:${this.#port};branch=${branch};rport`,
        'Max-Forwards: 70',
        `From: <sip:phone${index}@clinic.example>;tag=p${index}`,
        `To: <sip:${method === 'REGISTER' ? `phone${index}` : user}@clinic.example>${toTag === undefined ? '' : `;tag=${toTag}`}`,
        `Call-ID: ${callId}`,
        `CSeq: ${cseq} ${method}`,
        `Contact: <${this.uri}${transport === 'tcp' ? ';transport=tcp' : ''}>`,
        ...headers,
        ...(body === '' ? [] : ['Content-Type: application/sdp']),
        `Content-Length: ${body.length}`,
        '',
        body,
      ].join('\r\n'),
    );
  }

  #send(bytes: Uint8Array): void {
    if ('bind' in this.#socket) this.#socket.send(bytes, this.#parts.port, '127.0.0.1', () => {});
    else this.#socket.write(bytes);
  }
}

function recordRoutes({ headers }: SipRequest) {
  return headers.all('record-route').map((value) => ['Record-Route', value] as const);
}
