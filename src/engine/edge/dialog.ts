// Dialogs (RFC 3261 §12) under drachtio's ids: `Call-ID;from-tag=<From tag of the request that made it>`, for both roles.
import type { AppHeader } from '../../protocol/drachtio-wire/app-message.ts';
import { cseqOf, tagOf } from '../../protocol/sip/fields.ts';
import { SipHeaders, type SipMessage, type SipRequest } from '../../protocol/sip/message.ts';
import { parseNameAddr, parseUri, splitList } from '../../protocol/sip/uri.ts';
import type { ClientTransaction, Flow, SipTarget } from '../runtime/sip-stack.ts';
import type { AppConnection } from './app-port.ts';

/** An INVITE that we sent in a dialog, until the next one. */
export interface ClientInvite {
  readonly cseq: number;
  /** Authorization headers; the ACK to a 2xx repeats them (RFC 3261 §13.2.2.4). */
  readonly credentials: readonly AppHeader[];
  outcome: 'pending' | 'answered' | 'failed';
  isCancelled: boolean;
  /** On its way. A peer that says 180 and nothing more would have it for ever (RFC 3261 §17.1.1.2). */
  client?: Pick<ClientTransaction, 'cancel'>;
  /** Kept to answer repeated 2xx. */
  ack?: { readonly request: SipRequest; readonly target: SipTarget };
}

/** Our 2xx to an INVITE whose ACK has not come. */
export interface AnswerWait {
  readonly cseq: number;
  readonly transactionId: string;
  readonly timer: Disposable;
}

/** The timer of a session (RFC 4028): it is refreshed by us or by the peer, or ends. */
export interface Session {
  readonly seconds: number;
  readonly isRefresher: boolean;
  readonly end: Disposable;
  next: Disposable | undefined;
}

export interface Dialog {
  readonly id: string;
  readonly role: 'uac' | 'uas';
  readonly kind: 'invite' | 'subscribe';
  readonly callId: string;
  readonly localTag: string;
  remoteTag: string | undefined;
  /** From and To values with their tags, for requests of ours. */
  readonly localParty: string;
  remoteParty: string;
  remoteTarget: string;
  routeSet: readonly string[];
  localContact: string;
  localCSeq: number;
  remoteCSeq: number | undefined;
  app: AppConnection;
  state: 'early' | 'confirmed' | 'ending' | 'ended';
  flow: Flow | undefined;
  /** The peer's Contact cannot be trusted to lead back: what it sends comes from elsewhere. */
  isBehindNat: boolean;
  clientInvite?: ClientInvite | undefined;
  answerWait?: AnswerWait | undefined;
  /** A server INVITE of the peer awaits its final answer. */
  hasServerInvite: boolean;
  expiry?: Disposable | undefined;
  session?: Session | undefined;
  /** Settles when the refresh that is on its way has its answer. */
  refreshing?: Promise<void> | undefined;
  /** What we said last of our audio, for a refresh. */
  localSdp?: { readonly type: string; readonly body: Uint8Array } | undefined;
}

/** The dialog's INVITE is on its way; it is cancelled when the dialog ends before its answer. */
export function holdClient(dialog: Dialog, invite: ClientInvite, client: ClientTransaction): void {
  invite.client = client;
  if (dialog.state === 'ended') client.cancel();
}

export function dialogIdOf(callId: string, fromTag: string): string {
  return `${callId};from-tag=${fromTag}`;
}

export class DialogTable {
  readonly #byId = new Map<string, Dialog>();
  /** One entry a Call-ID and local tag: both sides of a call through ourselves differ in it. */
  readonly #byLocal = new Map<string, Dialog>();

  get size(): number {
    return this.#byId.size;
  }

  [Symbol.iterator](): Iterator<Dialog> {
    return this.#byId.values();
  }

  add(dialog: Dialog): void {
    const old = this.#byId.get(dialog.id);
    if (old !== undefined) this.remove(old);
    this.#byId.set(dialog.id, dialog);
    this.#byLocal.set(localKey(dialog.callId, dialog.localTag), dialog);
  }

  remove(dialog: Dialog): void {
    dialog.state = 'ended';
    dialog.expiry?.[Symbol.dispose]();
    dialog.session?.end[Symbol.dispose]();
    dialog.session?.next?.[Symbol.dispose]();
    dialog.answerWait?.timer[Symbol.dispose]();
    dialog.answerWait = undefined;
    if (dialog.clientInvite?.outcome === 'pending') dialog.clientInvite.client?.cancel();
    if (this.#byId.get(dialog.id) === dialog) this.#byId.delete(dialog.id);
    const key = localKey(dialog.callId, dialog.localTag);
    if (this.#byLocal.get(key) === dialog) this.#byLocal.delete(key);
  }

  find(id: string): Dialog | undefined {
    return this.#byId.get(id);
  }

  /** The dialog that a request from the network belongs to (RFC 3261 §12.2.2). */
  findFor(request: SipRequest): Dialog | undefined {
    const localTag = tagOf(request.headers.get('to'));
    if (localTag === undefined) return undefined;
    const dialog = this.#byLocal.get(localKey(request.headers.get('call-id') ?? '', localTag));
    if (dialog === undefined) return undefined;
    const isPeer = dialog.remoteTag === undefined || dialog.remoteTag === (tagOf(request.headers.get('from')) ?? '');
    return isPeer ? dialog : undefined;
  }
}

function localKey(callId: string, localTag: string): string {
  return `${callId}\n${localTag}`;
}

/** Takes note of the SDP in a message of ours. */
export function keepLocalSdp(dialog: Dialog, { headers, body }: SipMessage): void {
  const type = headers.get('content-type');
  if (body.length > 0 && type !== undefined && /^application\/sdp\b/i.test(type)) dialog.localSdp = { type, body };
}

/** The URI of the first Contact, as written; undefined when there is none that can be used. */
export function contactOf(headers: SipHeaders): string | undefined {
  const first = splitList(headers.get('contact') ?? '')[0];
  return first === undefined ? undefined : parseNameAddr(first)?.uriText;
}

/** Record-Route as the route set of a UAS; a UAC reverses it (RFC 3261 §12.1). */
export function recordRouteOf(headers: SipHeaders): string[] {
  return headers.all('record-route').flatMap((line) => splitList(line));
}

/** A request inside the dialog: RFC 3261 §12.2.1.1, loose and strict routing. */
export function requestInDialog(
  dialog: Dialog,
  method: string,
  cseq: number,
  headers: readonly AppHeader[],
  body: Uint8Array = new Uint8Array(0),
): SipRequest {
  const { uri, routes } = route(dialog);
  return {
    kind: 'request',
    method,
    uri,
    headers: SipHeaders.of(
      ['Max-Forwards', '70'],
      ...routes.map((value): AppHeader => ['Route', value]),
      ['From', dialog.localParty],
      ['To', dialog.remoteParty],
      ['Call-ID', dialog.callId],
      ['CSeq', `${cseq} ${method}`],
      ...headers,
    ),
    body,
  };
}

function route({ routeSet, remoteTarget }: Dialog): { uri: string; routes: readonly string[] } {
  const first = routeSet[0];
  const hop = first === undefined ? undefined : parseNameAddr(first);
  if (hop === undefined || hop.uri.params.has('lr')) return { uri: remoteTarget, routes: routeSet };
  return { uri: hop.uriText, routes: [...routeSet.slice(1), `<${remoteTarget}>`] };
}

/** Takes over the peer's new Contact and the path it came by (target refresh, RFC 3261 §12.2.2). */
export function refreshTarget(dialog: Dialog, headers: SipHeaders, flow: Flow): void {
  dialog.flow = flow;
  const contact = contactOf(headers);
  if (contact === undefined) return;
  dialog.remoteTarget = contact;
  dialog.isBehindNat = isBehindNat(dialog, flow);
}

/** The rule of drachtio-server: no route to follow and a Contact that is not where the message came from. */
export function isBehindNat({ routeSet, remoteTarget, role }: Dialog, flow: Flow): boolean {
  const first = routeSet[0];
  const uri = first === undefined ? parseUri(remoteTarget) : parseNameAddr(first)?.uri;
  if (uri === undefined) return true;
  const isElsewhere = uri.host !== flow.remote.host;
  if (first !== undefined) return isElsewhere && isPrivateAddress(uri.host);
  return isElsewhere || (role === 'uas' && (uri.port ?? 5060) !== flow.remote.port);
}

/** RFC 1918. */
function isPrivateAddress(host: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)\d/.test(host);
}

export function cseqNumber(message: SipRequest): number {
  return cseqOf(message)?.number ?? 0;
}
