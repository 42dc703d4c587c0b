// Every TCP, TLS and WebSocket connection: how many there are, from where, and which one a request can reuse (RFC 3261 §18.1.1, RFC 5923).
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import type { Clock } from '../../kernel/clock.ts';
import type { HostPort } from '../../kernel/ip.ts';
import { isWildcard, plainAddress } from './addresses.ts';
import { Connection } from './connection.ts';
import { deadFlow, type LiveFlow, type TransportEvents } from './flow.ts';
import type { StackLimits } from './limits.ts';
import type { ListenerSpec, SipTarget, SipTransport } from './sip-stack.ts';
import { StreamWire, type Wire } from './wire.ts';

export interface ConnectionsOptions {
  readonly clock: Clock;
  readonly limits: StackLimits;
  readonly events: TransportEvents;
  /** PEM certificates that outgoing TLS trusts beside Node's own list. */
  readonly trust: string | undefined;
}

interface Adoption {
  readonly listener: ListenerSpec | undefined;
  readonly transport: SipTransport;
  /** Of a connection that we made: the name that its certificate was checked against, maybe empty. */
  readonly serverName?: string;
  readonly onProven?: () => void;
}

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #sockets = new Set<Socket>();
  readonly #perAddress = new Map<string, number>();
  readonly #open = new Map<string, Connection>();
  /** Under which keys each is in `#open`: its remote end, and what it may be used for beside. */
  readonly #keys = new Map<LiveFlow, string[]>();
  readonly #opening = new Map<string, Promise<LiveFlow | undefined>>();
  #context: SecureContext | undefined;
  #made = 0;
  #isClosed = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Counts a socket, or destroys it when a limit is reached. Returns whether it may stay. */
  admit(socket: Socket, address: string): boolean {
    const { connections, connectionsPerAddress } = this.#options.limits;
    const fromThere = this.#perAddress.get(address) ?? 0;
    if (this.#isClosed || this.#sockets.size >= connections || fromThere >= connectionsPerAddress) {
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    this.#perAddress.set(address, fromThere + 1);
    socket.once('close', () => this.#forget(socket, address));
    return true;
  }

  /** A connection that came in was ended; says why. */
  refused(reason: string, remote: HostPort, listener: ListenerSpec): void {
    const { name, transport, host, port } = listener;
    this.#options.events.onFault(reason, deadFlow({ transport, listener: name, local: { host, port }, remote }));
  }

  /** Makes a flow of a socket that is connected and secured. */
  adopt(socket: Socket, wire: Wire, { listener, transport, serverName, onProven }: Adoption): Connection {
    this.#made += 1;
    const { clock, limits, events } = this.#options;
    const connection = new Connection(socket, wire, {
      id: `${transport}/${this.#made}`,
      listener: listener?.name ?? '',
      listenerPort: listener?.port,
      transport,
      isInbound: serverName === undefined,
      onProven: onProven ?? (() => {}),
      clock,
      limits,
      events: { ...events, onClosed: (flow) => this.#closed(flow) },
    });
    this.#name(connection, keyOf(transport, connection.remote.host, connection.remote.port, serverName ?? ''));
    return connection;
  }

  /**
   * RFC 5923 §8: requests to the peer's own port may go by the connection that it made to us, when it has shown in TLS that it
   * is who they are for. Anybody may write `alias`; without a certificate it would turn others' calls to himself.
   */
  alias(flow: LiveFlow, port: number): void {
    if (!(flow instanceof Connection) || flow.peer === undefined || this.#keys.get(flow)?.length !== 1) return;
    const { transport, remote, peer } = flow;
    for (const name of peer.names) {
      const key = keyOf(transport, remote.host, port, name === remote.host ? '' : name);
      if (this.#open.get(key)?.isOpen !== true) this.#name(flow, key);
    }
  }

  /** An open connection to the target. */
  find({ transport, host, port, serverName = '' }: SipTarget): LiveFlow | undefined {
    const open = this.#open.get(keyOf(transport, host, port, serverName));
    return open?.isOpen ? open : undefined;
  }

  /** The same, or a new one; undefined when it cannot be opened. */
  async to(target: SipTarget, listener: ListenerSpec | undefined): Promise<LiveFlow | undefined> {
    const open = this.find(target);
    if (open !== undefined) return open;
    const key = keyOf(target.transport, target.host, target.port, target.serverName ?? '');
    const opening = this.#opening.get(key) ?? this.#connect(target, listener).finally(() => this.#opening.delete(key));
    this.#opening.set(key, opening);
    return opening;
  }

  close(): void {
    this.#isClosed = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(target: SipTarget, listener: ListenerSpec | undefined): Promise<LiveFlow | undefined> {
    if (isIP(target.host) === 0 || target.port < 1 || target.port > 65_535) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<LiveFlow | undefined>();
    const socket = this.#dial(target, listener);
    const deadline = this.#options.clock.after(this.#options.limits.connectMs, () => socket.destroy());
    const fail = () => {
      deadline[Symbol.dispose]();
      resolve(undefined);
    };
    socket.on('error', () => {});
    socket.once('close', fail);
    socket.once(target.transport === 'tls' ? 'secureConnect' : 'connect', () => {
      socket.off('close', fail);
      deadline[Symbol.dispose]();
      const { transport, serverName = '' } = target;
      resolve(this.adopt(socket, new StreamWire(socket, this.#options.limits), { listener, transport, serverName }));
    });
    if (!this.admit(socket, target.host)) fail();
    return promise;
  }

  #dial(target: SipTarget, listener: ListenerSpec | undefined): Socket {
    const bound = listener === undefined || isWildcard(listener.host) ? {} : { localAddress: listener.host };
    const place = { host: target.host, port: target.port, ...bound };
    if (target.transport === 'tcp') return connect(place);
    const name = target.serverName === undefined ? {} : { servername: target.serverName };
    return connectTls({ ...place, ...name, secureContext: this.#trustingContext() });
  }

  /** Made once, at the first need: reading Node's list takes its time. */
  #trustingContext(): SecureContext {
    const { trust } = this.#options;
    const ca = trust === undefined ? {} : { ca: [...rootCertificates, trust] };
    this.#context ??= createSecureContext({ minVersion: 'TLSv1.2', ...ca });
    return this.#context;
  }

  #name(connection: Connection, key: string): void {
    this.#open.set(key, connection);
    this.#keys.set(connection, [...(this.#keys.get(connection) ?? []), key]);
  }

  #closed(flow: LiveFlow): void {
    for (const key of this.#keys.get(flow) ?? []) if (this.#open.get(key) === flow) this.#open.delete(key);
    this.#keys.delete(flow);
    this.#options.events.onClosed(flow);
  }

  #forget(socket: Socket, address: string): void {
    this.#sockets.delete(socket);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }
}

/**
 * A connection whose certificate was checked against a name is reused for that name alone. `ws` and `wss` are one, as in
 * URIs (RFC 7118 §5.2).
 */
function keyOf(transport: SipTransport, host: string, port: number, serverName: string): string {
  return `${transport === 'wss' ? 'ws' : transport}|${plainAddress(host)}|${port}|${serverName.toLowerCase()}`;
}
