// Requests that applications make outside a dialog, and their CANCEL (RFC 3261 §8.1.1, §9.1), with drachtio-server's defaults.
import type { AppHeader, AppSip } from '../../protocol/drachtio-wire/app-message.ts';
import { NOK, requestEcho } from '../../protocol/drachtio-wire/leader.ts';
import { parseCSeq, tagOf } from '../../protocol/sip/fields.ts';
import { SipHeaders, type SipRequest } from '../../protocol/sip/message.ts';
import { serialise } from '../../protocol/sip/serialise.ts';
import { buildCancel } from '../../protocol/sip/transaction/build.ts';
import { parseUri, type SipUri } from '../../protocol/sip/uri.ts';
import type { AppConnection, AppSipMessage } from './app-port.ts';
import type { ClientDialogs } from './client-dialogs.ts';
import { type EdgeContext, metaOfSentRequest } from './context.ts';
import {
  appHeaders,
  canonicalName,
  contactUri,
  contentType,
  fillPlaceholder,
  findHeader,
  inBrackets,
} from './headers.ts';
import type { Outgoing, OutgoingTable } from './outgoing.ts';
import type { Route } from './targets.ts';

const TAKEN = new Set(['from', 'to', 'call-id', 'cseq', 'max-forwards', 'content-type']);

export class NewRequests {
  readonly #context: EdgeContext;
  readonly #outgoing: OutgoingTable;
  readonly #dialogs: ClientDialogs;

  constructor(context: EdgeContext, outgoing: OutgoingTable, dialogs: ClientDialogs) {
    this.#context = context;
    this.#outgoing = outgoing;
    this.#dialogs = dialogs;
  }

  async send(message: AppSipMessage, app: AppConnection): Promise<void> {
    const { sip, routeUrl, id } = message;
    const line = parseRequestLine(sip.startLine);
    const uri = line === undefined ? undefined : parseUri(line.uri);
    const nextHop = routeUrl === undefined ? undefined : parseUri(routeUrl);
    if (line === undefined || uri === undefined || (routeUrl !== undefined && nextHop === undefined)) {
      app.refuse(id, NOK.invalidUri(sip.startLine));
      return;
    }
    const refusal = this.#whyNot(sip, uri, nextHop);
    if (refusal !== undefined) {
      app.refuse(id, refusal);
      return;
    }
    const route = await this.#context.targets.forRequest(uri, nextHop);
    if (route === undefined) {
      app.refuse(id, NOK.noTransport);
      return;
    }
    const { ids } = this.#context;
    const made = { tag: ids.tag(), callId: ids.uuid(), cseq: ids.cseq() };
    const dialog = this.#dialogs.begin(this.#build(line, sip, route, made), sip, app, route);
    const build = (way: Route) => {
      const request = this.#build(line, sip, way, made);
      // Another way may leave by another address of ours.
      if (dialog !== undefined) dialog.localContact = request.headers.get('contact') ?? dialog.localContact;
      return request;
    };
    const to = { app, replyTo: id, dialog, method: line.method };
    await this.#outgoing.start(build, route, to, this.#dialogs.onAnswer);
  }

  /** The CANCEL goes out once a provisional has come; its echo goes back at once, under an id that nothing answers to. */
  cancel(message: AppSipMessage, app: AppConnection): void {
    const outgoing = this.#outgoing.find(message.transactionId);
    const { client } = outgoing ?? {};
    if (outgoing === undefined || client === undefined || outgoing.method !== 'INVITE') {
      app.refuse(message.id, NOK.unknownCancel(message.transactionId));
      return;
    }
    const extra = message.sip.headers.filter(([name]) => /^(reason|x-.*)$/i.test(name)).map(named);
    this.cancelOutgoing(outgoing, extra);
    const text = serialise(buildCancel(client.request, extra));
    const meta = metaOfSentRequest(this.#context, client.flow, text.length);
    app.send((id) => requestEcho(id, message.id, meta, this.#context.ids.uuid()), text);
  }

  cancelOutgoing({ client, dialog }: Outgoing, extra: readonly AppHeader[] = []): void {
    if (dialog?.clientInvite !== undefined) dialog.clientInvite.isCancelled = true;
    client?.cancel(extra);
    this.#context.counters.add('messagesOut');
  }

  #whyNot(sip: AppSip, uri: SipUri, nextHop: SipUri | undefined): string | undefined {
    const { targets, counters, limits, dialogs } = this.#context;
    if (contentType(sip) === 'missing') return NOK.missingContentType;
    if (nextHop === undefined && !targets.isRegistered(uri) && targets.isMyself(uri)) return NOK.toMyself;
    if (this.#outgoing.size < limits.outgoingRequests && dialogs.size < limits.dialogs) return undefined;
    counters.fault('too-many-outgoing');
    return 'too many requests in progress';
  }

  #build({ method, uri }: RequestLine, sip: AppSip, { place }: Route, made: MadeIds): SipRequest {
    const from = fillPlaceholder('from', inBrackets(findHeader(sip, 'from') ?? `<${contactUri(place)}>`), place);
    const to = fillPlaceholder('to', inBrackets(findHeader(sip, 'to') ?? `<${uri}>`), place);
    const cseq = parseCSeq(findHeader(sip, 'cseq') ?? '')?.number ?? made.cseq;
    const list: AppHeader[] = [
      ['Max-Forwards', findHeader(sip, 'max-forwards') ?? '70'],
      ['From', tagOf(from) === undefined ? `${from};tag=${made.tag}` : from],
      ['To', to],
      ['Call-ID', findHeader(sip, 'call-id') ?? made.callId],
      ['CSeq', `${cseq} ${method}`],
    ];
    const isDialogMaking = method === 'INVITE' || method === 'SUBSCRIBE';
    if (isDialogMaking && findHeader(sip, 'contact') === undefined) list.push(['Contact', `<${contactUri(place)}>`]);
    list.push(...appHeaders(sip, TAKEN, place));
    const content = contentType(sip);
    if (content !== 'missing' && content.type !== undefined) list.push(['Content-Type', content.type]);
    return { kind: 'request', method, uri, headers: SipHeaders.of(...list), body: sip.body };
  }
}

/** What a request gets where its application says nothing: the same on every way it tries. */
interface MadeIds {
  readonly tag: string;
  readonly callId: string;
  readonly cseq: number;
}

interface RequestLine {
  readonly method: string;
  readonly uri: string;
}

/** `METHOD uri SIP/2.0`; the method in capitals, as srf writes it. */
export function parseRequestLine(line: string): RequestLine | undefined {
  const match = /^([A-Z]{1,32}) (\S+)(?: SIP\/2\.0)?$/.exec(line);
  return match === null ? undefined : { method: match[1] ?? '', uri: match[2] ?? '' };
}

function named([name, value]: AppHeader): AppHeader {
  return [canonicalName(name), value];
}
