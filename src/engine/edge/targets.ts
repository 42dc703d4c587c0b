// Where a request goes and by which listener: a registered phone's own connection, the next hop, or the URI's host.
import type { SipUri } from '../../protocol/sip/uri.ts';
import { parseNameAddr, parseUri } from '../../protocol/sip/uri.ts';
import { isWildcard, localAddressFor } from '../runtime/addresses.ts';
import { addressFamily, type Resolver } from '../runtime/resolver.ts';
import type { Flow, ListenerSpec, SipStack, SipTarget, SipTransport } from '../runtime/sip-stack.ts';
import type { ContactFlows } from './contact-flows.ts';
import type { Dialog } from './dialog.ts';
import type { Place } from './headers.ts';

/** How drachtio-fsmrf addresses a media server; its calls leave by the inner listener. */
const MEDIA_SERVER_USER = 'drachtio';
const INNER = 'inner';
/** Which listener an outgoing request prefers, by what policy calls it. */
const PREFERENCE = ['carrier', 'phones', INNER];

export interface Route {
  readonly target: SipTarget;
  /** Our own address on that way. */
  readonly place: Place;
}

/** A listener's name in the stack is `name/transport`, for two may share the name that policy knows. */
export function policyName(listener: string): string {
  return listener.split('/')[0] ?? listener;
}

export function isInner(flow: Flow): boolean {
  return policyName(flow.listener) === INNER;
}

export class Targets {
  readonly #stack: SipStack;
  readonly #contacts: ContactFlows;
  readonly #resolve: Resolver;

  constructor(stack: SipStack, contacts: ContactFlows, resolve: Resolver) {
    this.#stack = stack;
    this.#contacts = contacts;
    this.#resolve = resolve;
  }

  /** Whether the URI's host and port are ours; such a request would come back to us. */
  isMyself(uri: SipUri): boolean {
    const port = uri.port ?? defaultPort(transportOf(uri) ?? 'udp');
    const host = uri.host.toLowerCase() === 'localhost' ? '127.0.0.1' : uri.host;
    return this.#stack.listeners.some((spec) => spec.port === port && localAddressFor(spec.host, host) === host);
  }

  isRegistered(uri: SipUri): boolean {
    return this.#contacts.find(uri) !== undefined;
  }

  /** A new request: the next hop when the application names one, else the Contact's connection, else the URI's host. */
  async forRequest(uri: SipUri, nextHop: SipUri | undefined): Promise<Route | undefined> {
    const flow = nextHop === undefined ? this.#contacts.find(uri) : this.#contacts.findBySource(nextHop);
    if (flow !== undefined) return this.byFlow(flow, uri.scheme === 'sips');
    const isMediaServer = uri.user === MEDIA_SERVER_USER;
    return this.#byAddress(nextHop ?? uri, uri.scheme === 'sips', isMediaServer);
  }

  /** A request in a dialog: RFC 3261 §12.2.1.1 and §8.1.2, and the rules for peers behind NAT. */
  async forDialog(dialog: Dialog): Promise<Route | undefined> {
    const { flow, routeSet, remoteTarget } = dialog;
    const isSecure = /^sips:/i.test(remoteTarget);
    if (flow?.isOpen && (flow.isReliable || dialog.isBehindNat)) return this.byFlow(flow, isSecure);
    const target = parseUri(remoteTarget);
    const known = routeSet.length === 0 && target !== undefined ? this.#contacts.find(target) : undefined;
    if (known !== undefined) return this.byFlow(known, isSecure);
    const hop = routeSet[0] === undefined ? target : parseNameAddr(routeSet[0])?.uri;
    if (hop === undefined) return undefined;
    return this.#byAddress(hop, isSecure, false, flow);
  }

  byFlow(flow: Flow, isSecureScheme = false): Route {
    const { transport, listener, remote, local } = flow;
    const spec = this.#stack.listeners.find(({ name }) => name === listener);
    const place = { host: local.host, port: spec?.port ?? local.port, transport, isSecureScheme };
    return { target: { ...remote, transport, flow, listener }, place };
  }

  async #byAddress(uri: SipUri, isSecure: boolean, isMedia: boolean, last?: Flow): Promise<Route | undefined> {
    // A name without an address fails as a transport does, so that the application gets its 503.
    const host = (await this.#addressOf(uri.host)) ?? uri.host;
    // What was said over TLS is never gone on with in clear.
    const wanted = last?.transport === 'tls' ? 'tls' : transportOf(uri);
    const usable = this.#stack.listeners.filter((spec) => canReach(spec, host, wanted));
    const spec = usable.find(({ name }) => name === last?.listener) ?? pickListener(usable, isMedia);
    if (spec === undefined) return undefined;
    const { transport, name } = spec;
    const target = { host, port: uri.port ?? defaultPort(transport), transport, listener: name };
    const needsName = transport === 'tls' && addressFamily(uri.host) === 0;
    const local = localAddressFor(spec.host, host);
    return {
      target: needsName ? { ...target, serverName: uri.host } : target,
      place: { host: local, port: spec.port, transport, isSecureScheme: isSecure },
    };
  }

  /** An address takes no tick longer than needed: messages of one dialog keep their order. */
  #addressOf(host: string): Promise<string | undefined> {
    return addressFamily(host) === 0 ? this.#resolve(host) : Promise.resolve(host);
  }
}

function pickListener(usable: readonly ListenerSpec[], isMedia: boolean): ListenerSpec | undefined {
  const rank = ({ name, transport }: ListenerSpec) => {
    const isForMedia = policyName(name) === INNER;
    const transportRank = transport === 'udp' ? 0 : transport === 'tcp' ? 1 : 2;
    return (isForMedia === isMedia ? 0 : 100) + transportRank * 10 + PREFERENCE.indexOf(policyName(name));
  };
  return [...usable].sort((a, b) => rank(a) - rank(b))[0];
}

function canReach(spec: ListenerSpec, host: string, wanted: SipTransport | undefined): boolean {
  if (wanted !== undefined && spec.transport !== wanted) return false;
  if (addressFamily(host) === 0) return true;
  if (addressFamily(spec.host) !== addressFamily(host)) return false;
  return isWildcard(spec.host) || isLoopback(host) === isLoopback(spec.host);
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.');
}

/** What `;transport=` or `sips:` asks for; undefined when any will do. A transport that we lack is `ws` and finds no listener. */
function transportOf(uri: SipUri): SipTransport | undefined {
  const named = uri.params.get('transport')?.toLowerCase();
  if (uri.scheme === 'sips') return 'tls';
  return named === undefined || named === '' ? undefined : (named as SipTransport);
}

function defaultPort(transport: SipTransport): number {
  return transport === 'tls' ? 5061 : 5060;
}
