// Where a request goes and by which listener: a registered phone's own connection, the next hop, or the URI's host.
import { defaultPort, isAddress, planFor, type Server, type Transport } from '../../protocol/sip/locate.ts';
import type { SipUri } from '../../protocol/sip/uri.ts';
import { parseNameAddr, parseUri } from '../../protocol/sip/uri.ts';
import { isWildcard, localAddressFor } from '../runtime/addresses.ts';
import type { Locator } from '../runtime/locator.ts';
import { addressFamily } from '../runtime/resolver.ts';
import type { Flow, ListenerSpec, SipStack, SipTarget, SipTransport } from '../runtime/sip-stack.ts';
import type { ContactFlows } from './contact-flows.ts';
import type { Dialog } from './dialog.ts';
import type { Place } from './headers.ts';

/** How drachtio-fsmrf addresses a media server; its calls leave by the inner listener. */
const MEDIA_SERVER_USER = 'drachtio';
const INNER = 'inner';
const TRANSPORTS: readonly SipTransport[] = ['udp', 'tcp', 'tls', 'ws', 'wss'];
/** Which listener an outgoing request prefers, by what policy calls it. */
const PREFERENCE = ['carrier', 'phones', INNER];

export interface Route {
  readonly target: SipTarget;
  /** Our own address on that way. */
  readonly place: Place;
  /** The way to try when this one fails (RFC 3263 §4.3); absent when there cannot be another. */
  readonly next?: () => Promise<Route | undefined>;
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
  readonly #locator: Locator;

  constructor(stack: SipStack, contacts: ContactFlows, locator: Locator) {
    this.#stack = stack;
    this.#contacts = contacts;
    this.#locator = locator;
  }

  /** Whether the URI's host and port are ours; such a request would come back to us. */
  isMyself(uri: SipUri): boolean {
    const port = uri.port ?? defaultPort(transportOf(uri) === 'tls' ? 'tls' : 'udp');
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
    if (nextHop === undefined && this.#contacts.hasLostFlow(uri)) return this.#byConnection(uri);
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

  /** By a connection that is open already, or not at all (RFC 5626 §5.3, RFC 7118 §5); the transaction fails when there is none. */
  #byConnection({ host, port, params, scheme }: SipUri): Route | undefined {
    const named = params.get('transport')?.toLowerCase();
    const transport = TRANSPORTS.find((each) => each === named) ?? (scheme === 'sips' ? 'tls' : 'tcp');
    const target = { host, port: port ?? defaultPort('tcp'), transport, isFlowOnly: true };
    const flow = this.#stack.openFlow(target);
    if (flow !== undefined) return this.byFlow(flow, scheme === 'sips');
    const spec = this.#stack.listeners.find((each) => isSame(each.transport, transport));
    if (spec === undefined) return undefined;
    const place = {
      host: localAddressFor(spec.host, host),
      port: spec.port,
      transport,
      isSecureScheme: scheme === 'sips',
    };
    return { target: { ...target, listener: spec.name }, place };
  }

  async #byAddress(uri: SipUri, isSecure: boolean, isMedia: boolean, last?: Flow): Promise<Route | undefined> {
    const named = uri.params.get('transport')?.toLowerCase();
    if (named === 'ws' || named === 'wss' || this.#contacts.hasLostFlow(uri)) return this.#byConnection(uri);
    const listeners = rankListeners(this.#stack.listeners, isMedia, last);
    // What was said over TLS is never gone on with in clear.
    const wasSecure = last?.transport === 'tls' || last?.transport === 'wss';
    const meant: SipUri = wasSecure ? { ...uri, scheme: 'sips' } : uri;
    const reachable = listeners.filter((spec) => !isAddress(uri.host) || canReach(spec, uri.host));
    const plan = planFor(meant, [...new Set(reachable.map(({ transport }) => transport))].filter(isDialled));
    if (plan === undefined) return undefined;
    const routeTo = (server: Server): Route | undefined => {
      const spec = listeners.find((each) => each.transport === server.transport && canReach(each, server.host));
      if (spec === undefined) return undefined;
      // RFC 5922 §7.2: the certificate is to show the name that was asked for, whatever DNS made of it.
      const name = spec.transport === 'tls' && !isAddress(uri.host) ? { serverName: uri.host } : {};
      const local = localAddressFor(spec.host, server.host);
      return {
        target: { ...server, listener: spec.name, ...name },
        place: { host: local, port: spec.port, transport: spec.transport, isSecureScheme: isSecure },
      };
    };
    if (isAddress(uri.host)) return routeTo(plan.server);
    // A name without an address fails as a transport does, so that the application gets its 503.
    return (await nextRoute(this.#locator.servers(plan), routeTo)) ?? routeTo(plan.server);
  }
}

async function nextRoute(
  servers: AsyncIterator<Server, undefined>,
  routeTo: (server: Server) => Route | undefined,
): Promise<Route | undefined> {
  for (;;) {
    const { value } = await servers.next();
    if (value === undefined) return undefined;
    const route = routeTo(value);
    let asked: Promise<Route | undefined> | undefined;
    if (route === undefined) continue;
    return {
      ...route,
      next() {
        asked ??= nextRoute(servers, routeTo);
        return asked;
      },
    };
  }
}

/** The best first: that of the dialog so far, then by what it is for, then UDP before TCP before TLS. */
function rankListeners(listeners: readonly ListenerSpec[], isMedia: boolean, last?: Flow): ListenerSpec[] {
  const rank = ({ name, transport }: ListenerSpec) => {
    if (name === last?.listener) return -1;
    const isForMedia = policyName(name) === INNER;
    const transportRank = transport === 'udp' ? 0 : transport === 'tcp' ? 1 : 2;
    return (isForMedia === isMedia ? 0 : 100) + transportRank * 10 + PREFERENCE.indexOf(policyName(name));
  };
  return [...listeners].sort((a, b) => rank(a) - rank(b));
}

/** A URI says `ws` for both (RFC 7118 §5.2). */
function isSame(ours: SipTransport, named: SipTransport): boolean {
  return ours === named || (ours === 'wss' && named === 'ws') || (ours === 'ws' && named === 'wss');
}

/** Others come to us by WebSocket; we go to nobody by it. */
function isDialled(transport: SipTransport): transport is Transport {
  return transport === 'udp' || transport === 'tcp' || transport === 'tls';
}

function canReach(spec: ListenerSpec, host: string): boolean {
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
