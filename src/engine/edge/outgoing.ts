// One request of an application's on its way: its echo goes first, then what the network answers (RFC 3261 §8.1).
import { requestEcho, sipLeader } from '../../protocol/drachtio-wire/leader.ts';
import { tagOf } from '../../protocol/sip/fields.ts';
import { SipHeaders, type SipRequest, type SipResponse } from '../../protocol/sip/message.ts';
import { serialise } from '../../protocol/sip/serialise.ts';
import type { Arrival, ClientFailure, ClientTransaction } from '../runtime/sip-stack.ts';
import type { AppConnection } from './app-port.ts';
import { sendRequest } from './attempts.ts';
import { cdrAttempt, cdrStop } from './cdr.ts';
import { type EdgeContext, metaOfArrival, metaOfSentRequest, wireProtocol } from './context.ts';
import { type Dialog, holdClient } from './dialog.ts';
import { withoutOurHeaders } from './headers.ts';
import { isInner, type Route } from './targets.ts';

export interface Outgoing {
  /** drachtio's transaction id. */
  readonly id: string;
  readonly app: AppConnection;
  readonly method: string;
  readonly dialog: Dialog | undefined;
  client: ClientTransaction | undefined;
}

/** What an answer changes, before the application is told. Returning false keeps it from the application. */
export type OnAnswer = (response: SipResponse, outgoing: Outgoing, arrival: Arrival | undefined) => boolean;

/** drachtio tells a time-out and a broken transport so; the third is RFC 5626 §5.3.1. */
const FAILURES: Readonly<Record<ClientFailure, readonly [status: number, reason: string]>> = {
  timeout: [408, 'Request Timeout'],
  'transport-error': [503, 'Service Unavailable'],
  'flow-failed': [430, 'Flow Failed'],
};

export class OutgoingTable {
  readonly #context: EdgeContext;
  readonly #byId = new Map<string, Outgoing>();

  constructor(context: EdgeContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#byId.size;
  }

  [Symbol.iterator](): Iterator<Outgoing> {
    return [...this.#byId.values()][Symbol.iterator]();
  }

  find(id: string): Outgoing | undefined {
    return this.#byId.get(id);
  }

  /** Sends what `build` makes for the way it goes, echoes to the application, and passes answers up; none is told before the echo. */
  async start(
    build: (route: Route) => SipRequest,
    route: Route,
    to: Pick<Outgoing, 'app' | 'dialog' | 'method'> & { readonly replyTo: string },
    onAnswer: OnAnswer,
  ): Promise<void> {
    const { counters, ids } = this.#context;
    const { app, replyTo, dialog, method } = to;
    const outgoing: Outgoing = { id: ids.uuid(), app, method, dialog, client: undefined };
    this.#byId.set(outgoing.id, outgoing);
    counters.add('clientTransactions');
    let early: Array<() => void> | undefined = [];
    const whenEchoed = (work: () => void) => {
      if (early === undefined) work();
      else early.push(work);
    };
    const sending = sendRequest(this.#context, route, build, {
      onResponse: (response, arrival) => whenEchoed(() => this.#answered(outgoing, response, arrival, onAnswer)),
      onFailure: (ending) => whenEchoed(() => this.#failed(outgoing, ending, onAnswer)),
    });
    const client = await sending.catch((thrown: unknown) => {
      this.#byId.delete(outgoing.id);
      throw thrown;
    });
    outgoing.client = client;
    if (method === 'INVITE' && dialog?.clientInvite !== undefined) holdClient(dialog, dialog.clientInvite, client);
    counters.add('messagesOut');
    const meta = metaOfSentRequest(this.#context, client.flow, client.wire.length);
    app.send((id) => requestEcho(id, replyTo, meta, outgoing.id), client.wire);
    if (method === 'INVITE' && dialog?.state === 'early') cdrAttempt(this.#context, 'application', client.request);
    else if (method === 'BYE') cdrStop(this.#context, 'application', 'normal-release', client.request);
    const waiting = early;
    early = undefined;
    for (const work of waiting) work();
  }

  #answered(outgoing: Outgoing, response: SipResponse, arrival: Arrival, onAnswer: OnAnswer): void {
    this.#context.counters.add('messagesIn');
    const shown = isInner(arrival.flow) ? response : withoutOurHeaders(response);
    this.#tell(outgoing, shown, arrival, onAnswer);
  }

  /** From nowhere. */
  #failed(outgoing: Outgoing, ending: ClientFailure, onAnswer: OnAnswer): void {
    const [status, reason] = FAILURES[ending];
    const { client } = outgoing;
    if (client !== undefined) this.#tell(outgoing, selfMade(client.request, status, reason), undefined, onAnswer);
  }

  #tell(outgoing: Outgoing, response: SipResponse, arrival: Arrival | undefined, onAnswer: OnAnswer): void {
    const { app, id, dialog, client } = outgoing;
    if (response.status >= 200) this.#byId.delete(id);
    if (!onAnswer(response, outgoing, arrival) || !app.isOpen) return;
    const protocol = client === undefined ? '' : wireProtocol(client.flow);
    const nowhere = { bytes: 0, protocol, address: '', port: 0, atMs: this.#context.clock.now() };
    const meta = arrival === undefined ? nowhere : metaOfArrival(this.#context, arrival);
    app.send((own) => sipLeader(own, 'network', meta, id, dialog?.id ?? ''), serialise(response));
  }
}

function selfMade({ headers }: SipRequest, status: number, reason: string): SipResponse {
  const copied = ['Via', 'From', 'To', 'Call-ID', 'CSeq'].map((name) => [name, headers.get(name) ?? ''] as const);
  return { kind: 'response', status, reason, headers: SipHeaders.of(...copied), body: new Uint8Array(0) };
}

export function toTag(response: SipResponse): string | undefined {
  return tagOf(response.headers.get('to'));
}
