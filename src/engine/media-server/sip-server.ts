// The media server's SIP side: INVITEs that name a controller on this machine become calls, everything else gets its plain answer.
import { codeOf } from '../../kernel/errors.ts';
import type { HostPort } from '../../kernel/ip.ts';
import { tagOf } from '../../protocol/sip/fields.ts';
import type { SipRequest, SipResponse } from '../../protocol/sip/message.ts';
import type { ServerTransaction, SipStack } from '../runtime/sip-stack.ts';
import { createSipStack } from '../runtime/stack.ts';
import type { Legs } from './audio/legs.ts';
import type { Channels } from './channel/channels.ts';
import type { Conferences } from './conference/conferences.ts';
import type { OutboundSocketOptions } from './event-socket/outbound-socket.ts';
import type { EventHub } from './host/event-hub.ts';
import type { MediaHost } from './host/host.ts';
import { controllerAt } from './host/own-addresses.ts';
import { Dialer } from './originate/dialer.ts';
import { type Header, reasonHeader, respondPlain } from './sip/dialog.ts';
import { InboundCall } from './sip/inbound-call.ts';
import { OutboundCall } from './sip/outbound-call.ts';
import { ACCEPT, faultOf } from './sip/request-fault.ts';

export interface SipServerOptions {
  readonly host: MediaHost;
  readonly hub: EventHub;
  readonly channels: Channels;
  readonly conferences: Conferences;
  readonly legs: Legs;
  readonly address: HostPort;
}

export class SipServer implements AsyncDisposable {
  readonly #options: SipServerOptions;
  readonly #stack: SipStack;
  readonly #calls = new Map<string, InboundCall | OutboundCall>();
  /** INVITEs whose port is being opened. */
  readonly #opening = new Set<ServerTransaction>();
  #bound: HostPort;
  #dialer: Dialer | undefined;
  /** Datagrams that were no SIP. */
  faults = 0;

  private constructor(options: SipServerOptions) {
    this.#options = options;
    this.#bound = options.address;
    this.#stack = createSipStack(
      {
        onRequest: (transaction) => this.#dispatch(transaction),
        onCancel: (_cancel, _arrival, invite) => this.#cancel(invite),
        onAck: (ack) => this.#find(ack)?.acknowledged(ack),
        onStrayResponse: (response) => this.#answeredAgain(response),
        onFault: () => {
          this.faults++;
        },
      },
      { clock: options.host.clock, random: options.host.random },
    );
  }

  static async listen(options: SipServerOptions): Promise<SipServer> {
    const server = new SipServer(options);
    const { port } = await server.#stack.listen({ name: 'inner', transport: 'udp', ...options.address });
    server.#bound = { host: options.address.host, port };
    server.#dialer = server.#newDialer();
    return server;
  }

  get bound(): HostPort {
    return this.#bound;
  }

  /** Makes calls by this server. */
  get dialer(): Dialer {
    if (this.#dialer === undefined) throw new Error('a SIP server that does not listen');
    return this.#dialer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }

  #dispatch(transaction: ServerTransaction): void {
    const { request } = transaction;
    const call = this.#find(request);
    const fault = faultOf(request);
    if (fault !== undefined) this.#refuse(transaction, fault.status, fault.reason, [fault.header]);
    else if (call !== undefined) this.#inDialog(call, transaction);
    else if (tagOf(request.headers.get('to')) !== undefined) {
      this.#refuse(transaction, 481, 'Call/Transaction Does Not Exist');
    } else if (request.method === 'OPTIONS') this.#refuse(transaction, 200, 'OK', [ACCEPT]);
    else if (request.method === 'INVITE') this.#invite(transaction);
    else this.#refuse(transaction, 405, 'Method Not Allowed');
  }

  #inDialog(call: InboundCall | OutboundCall, transaction: ServerTransaction): void {
    const { method } = transaction.request;
    const { dialog } = call;
    if (dialog === undefined) return;
    if (!dialog.takesInOrder(transaction.request)) dialog.respond(transaction, 500, 'Request Out Of Order');
    else if (method === 'INVITE') call.reinvite(transaction);
    else if (method === 'BYE') call.byeReceived(transaction);
    else if (method === 'OPTIONS') dialog.respond(transaction, 200, 'OK', [ACCEPT]);
    else if (method === 'INFO') dialog.respond(transaction, 200, 'OK');
    else dialog.respond(transaction, 405, 'Method Not Allowed');
  }

  #invite(transaction: ServerTransaction): void {
    const controller = controllerAt(transaction.request.headers.get('x-esl-outbound') ?? '');
    const { host, channels } = this.#options;
    if (controller === undefined) {
      this.#refuse(transaction, 404, 'Not Found', [reasonHeader('NO_ROUTE_DESTINATION')]);
    } else if (channels.isFull || channels.size + this.#opening.size >= channels.maxChannels) {
      this.#refuse(transaction, 503, 'Service Unavailable');
    } else {
      respondPlain(transaction, 100, 'Trying', '');
      this.#opening.add(transaction);
      this.#open(transaction, controller).catch((error: unknown) => {
        this.#opening.delete(transaction);
        host.logger.error({ code: codeOf(error) }, 'a call could not be opened');
        this.#refuse(transaction, 503, 'Service Unavailable');
      });
    }
  }

  async #open(transaction: ServerTransaction, controller: HostPort): Promise<void> {
    const { channels, legs } = this.#options;
    const leg = await legs.open();
    if (!this.#opening.delete(transaction)) {
      leg[Symbol.dispose]();
      return;
    }
    const call = new InboundCall({
      ...this.#context,
      dialer: this.dialer,
      stack: this.#stack,
      leg,
      invite: transaction,
      controller,
      onEnd: () => {
        this.#calls.delete(keyOf(call.dialog));
        channels.remove(call.channel);
      },
    });
    if (!call.answer()) {
      leg[Symbol.dispose]();
      return;
    }
    this.#calls.set(keyOf(call.dialog), call);
    channels.add(call.channel);
  }

  get #context(): Pick<OutboundSocketOptions, 'host' | 'hub' | 'channels' | 'conferences' | 'sipAddress'> {
    const { host, hub, channels, conferences } = this.#options;
    return { host, hub, channels, conferences, sipAddress: `${this.#bound.host}:${this.#bound.port}` };
  }

  #newDialer(): Dialer {
    return new Dialer({
      ...this.#context,
      legs: this.#options.legs,
      stack: this.#stack,
      onDialog: (call) => {
        if (call.dialog !== undefined) this.#calls.set(keyOf(call.dialog), call);
      },
      onOver: (call) => {
        if (call.dialog !== undefined) this.#calls.delete(keyOf(call.dialog));
      },
    });
  }

  /** A 2xx that came again, to an INVITE of ours. */
  #answeredAgain({ headers }: SipResponse): void {
    const callId = headers.get('call-id') ?? '';
    const call = this.#calls.get(keyOf({ callId, localTag: tagOf(headers.get('from')) ?? '' }));
    if (call instanceof OutboundCall) call.answeredAgain();
  }

  #cancel(invite: ServerTransaction): void {
    if (this.#opening.delete(invite)) this.#refuse(invite, 487, 'Request Terminated');
  }

  #refuse(transaction: ServerTransaction, status: number, reason: string, extra: readonly Header[] = []): void {
    const tag = Buffer.from(this.#options.host.random(8)).toString('hex');
    respondPlain(transaction, status, reason, tag, extra);
  }

  #find(request: SipRequest): InboundCall | OutboundCall | undefined {
    const callId = request.headers.get('call-id') ?? '';
    const call = this.#calls.get(keyOf({ callId, localTag: tagOf(request.headers.get('to')) ?? '' }));
    return call?.dialog?.remoteTag === tagOf(request.headers.get('from')) ? call : undefined;
  }
}

function keyOf({ callId, localTag }: { callId: string; localTag: string }): string {
  return `${callId} ${localTag}`;
}
