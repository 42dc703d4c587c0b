// The media server's SIP side: INVITEs that name a loopback controller become calls, everything else gets its plain answer.
import { codeOf } from '../../kernel/errors.ts';
import { tagOf } from '../../protocol/sip/fields.ts';
import type { SipRequest } from '../../protocol/sip/message.ts';
import type { HostPort, ServerTransaction, SipStack } from '../runtime/sip-stack.ts';
import { createSipStack } from '../runtime/stack.ts';
import { Call } from './call.ts';
import type { Conferences } from './conference/conferences.ts';
import { reasonHeader, respondPlain } from './dialog.ts';
import type { EventHub } from './event-hub.ts';
import type { MediaHost } from './host.ts';
import type { Legs } from './legs.ts';
import type { Registry } from './registry.ts';

export interface SipServerOptions {
  readonly host: MediaHost;
  readonly hub: EventHub;
  readonly registry: Registry;
  readonly conferences: Conferences;
  readonly legs: Legs;
  readonly address: HostPort;
}

export class SipServer implements AsyncDisposable {
  readonly #options: SipServerOptions;
  readonly #stack: SipStack;
  readonly #calls = new Map<string, Call>();
  /** INVITEs whose port is being opened. */
  readonly #opening = new Set<ServerTransaction>();
  #bound: HostPort;
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
        onStrayResponse: () => undefined,
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
    return server;
  }

  get bound(): HostPort {
    return this.#bound;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }

  #dispatch(transaction: ServerTransaction): void {
    const { request } = transaction;
    const call = this.#find(request);
    if (call !== undefined) this.#inDialog(call, transaction);
    else if (tagOf(request.headers.get('to')) !== undefined) {
      this.#refuse(transaction, 481, 'Call/Transaction Does Not Exist');
    } else if (request.method === 'OPTIONS') this.#refuse(transaction, 200, 'OK');
    else if (request.method === 'INVITE') this.#invite(transaction);
    else this.#refuse(transaction, 405, 'Method Not Allowed');
  }

  #inDialog(call: Call, transaction: ServerTransaction): void {
    const { method } = transaction.request;
    if (!call.dialog.takesInOrder(transaction.request)) call.dialog.respond(transaction, 500, 'Request Out Of Order');
    else if (method === 'INVITE') call.reinvite(transaction);
    else if (method === 'BYE') call.byeReceived(transaction);
    else if (method === 'OPTIONS' || method === 'INFO') call.dialog.respond(transaction, 200, 'OK');
    else call.dialog.respond(transaction, 405, 'Method Not Allowed');
  }

  #invite(transaction: ServerTransaction): void {
    const controller = controllerOf(transaction.request);
    const { host, registry } = this.#options;
    if (controller === undefined) {
      this.#refuse(transaction, 404, 'Not Found', 'NO_ROUTE_DESTINATION');
    } else if (registry.isFull || registry.size + this.#opening.size >= registry.maxChannels) {
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
    const { host, hub, registry, conferences, legs } = this.#options;
    const leg = await legs.open();
    if (!this.#opening.delete(transaction)) {
      leg[Symbol.dispose]();
      return;
    }
    const sipAddress = `${this.#bound.host}:${this.#bound.port}`;
    const call = new Call({
      host,
      hub,
      registry,
      conferences,
      sipAddress,
      stack: this.#stack,
      leg,
      invite: transaction,
      controller,
      onEnd: () => {
        this.#calls.delete(keyOf(call.dialog));
        registry.remove(call.channel);
      },
    });
    if (!call.answer()) {
      leg[Symbol.dispose]();
      return;
    }
    this.#calls.set(keyOf(call.dialog), call);
    registry.add(call.channel);
  }

  #cancel(invite: ServerTransaction): void {
    if (this.#opening.delete(invite)) this.#refuse(invite, 487, 'Request Terminated');
  }

  #refuse(transaction: ServerTransaction, status: number, reason: string, cause?: string): void {
    const tag = Buffer.from(this.#options.host.random(8)).toString('hex');
    respondPlain(transaction, status, reason, tag, cause === undefined ? [] : [reasonHeader(cause)]);
  }

  #find(request: SipRequest): Call | undefined {
    const callId = request.headers.get('call-id') ?? '';
    const call = this.#calls.get(keyOf({ callId, localTag: tagOf(request.headers.get('to')) ?? '' }));
    return call?.dialog.remoteTag === tagOf(request.headers.get('from')) ? call : undefined;
  }
}

function keyOf({ callId, localTag }: { callId: string; localTag: string }): string {
  return `${callId} ${localTag}`;
}

/**
 * The first target of `X-esl-outbound`; the last `:` parts the port. Only loopback: whoever can send an INVITE could
 * otherwise have this server hand full control of a call to an address of his choosing.
 */
function controllerOf(request: SipRequest): HostPort | undefined {
  const target = (request.headers.get('x-esl-outbound') ?? '').split('|')[0]?.trim() ?? '';
  const match = /^(.+):(\d{1,5})$/.exec(target);
  const [host, port] = [match?.[1] ?? '', Number(match?.[2] ?? 0)];
  const isLoopback = /^127(?:\.\d{1,3}){3}$/.test(host) || host === 'localhost';
  return isLoopback && port > 0 && port < 65_536 ? { host, port } : undefined;
}
