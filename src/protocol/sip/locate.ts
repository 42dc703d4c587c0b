// Which servers a SIP URI means and in which order they are tried (RFC 3263 §4, RFC 2782): what to ask, and what the answers say.
import type { SipUri } from './uri.ts';

/** What a request can leave by. */
export type Transport = 'udp' | 'tcp' | 'tls';

/** RFC 3403 §4.1. */
export interface NaptrRecord {
  readonly order: number;
  readonly preference: number;
  readonly flags: string;
  readonly service: string;
  readonly replacement: string;
}

/** RFC 2782. */
export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly name: string;
}

/** An SRV domain and the transport that its servers speak. */
export interface Service {
  readonly transport: Transport;
  readonly domain: string;
}

/** `host` is a name or an address; a name's addresses are still to be asked for. */
export interface Server {
  readonly transport: Transport;
  readonly host: string;
  readonly port: number;
}

/** What DNS is to be asked, in this order: NAPTR of `naptr`, SRV of `services`; `server` when neither tells of any. */
export interface Plan {
  readonly naptr: string | undefined;
  readonly services: readonly Service[];
  readonly server: Server;
}

/** A whole number from 0 to below `limit`. */
export type Below = (limit: number) => number;

/** Servers of one name that are tried at most. */
export const MAX_SERVERS = 16;

const SRV_PREFIX: Readonly<Record<Transport, string>> = { udp: '_sip._udp.', tcp: '_sip._tcp.', tls: '_sips._tcp.' };
const NAPTR_SERVICE: ReadonlyMap<string, Transport> = new Map([
  ['SIP+D2U', 'udp'],
  ['SIP+D2T', 'tcp'],
  ['SIPS+D2T', 'tls'],
]);

export function defaultPort(transport: Transport): number {
  return transport === 'tls' ? 5061 : 5060;
}

/**
 * RFC 3263 §4.1 and §4.2. `transports` are those that can be used, the preferred first (UDP, where there is no reason for another); undefined
 * when none of them serves. A URI that names a transport goes by that alone.
 */
export function planFor(uri: SipUri, transports: readonly Transport[]): Plan | undefined {
  const usable = usableFor(uri, transports);
  const first = usable[0];
  if (first === undefined) return undefined;
  const server = { transport: first, host: uri.host, port: uri.port ?? defaultPort(first) };
  if (isAddress(uri.host) || uri.port !== undefined) return { naptr: undefined, services: [], server };
  const services = usable.map((transport) => ({ transport, domain: SRV_PREFIX[transport] + uri.host }));
  const isNamed = uri.params.has('transport');
  return { naptr: isNamed ? undefined : uri.host, services, server };
}

/** An IP address, as it stands in `SipUri.host`: a name has no colon and is no four numbers. */
export function isAddress(host: string): boolean {
  return host.includes(':') || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
}

/** §4.1: `sips` means TLS whatever else is said. */
function usableFor({ scheme, params }: SipUri, transports: readonly Transport[]): readonly Transport[] {
  if (scheme === 'sips') return transports.filter((transport) => transport === 'tls');
  const named = params.get('transport')?.toLowerCase() ?? '';
  return named === '' ? transports : transports.filter((transport) => transport === named);
}

/** The services that NAPTR records offer and `services` allows, the best first (RFC 3403 §4.1: order, then preference). */
export function servicesOf(records: readonly NaptrRecord[], services: readonly Service[]): Service[] {
  const found: Service[] = [];
  for (const record of [...records].sort((a, b) => a.order - b.order || a.preference - b.preference)) {
    const transport = NAPTR_SERVICE.get(record.service.toUpperCase());
    const isUsable = transport !== undefined && services.some((each) => each.transport === transport);
    if (!isUsable || record.flags.toLowerCase() !== 's' || record.replacement === '') continue;
    found.push({ transport, domain: record.replacement });
  }
  return found.slice(0, MAX_SERVERS);
}

/** RFC 2782: by priority, and among equals at random by weight. A lone `.` says that there is no such service. */
export function orderSrv(records: readonly SrvRecord[], below: Below): SrvRecord[] {
  const byPriority = new Map<number, SrvRecord[]>();
  for (const record of records) {
    const known = byPriority.get(record.priority);
    if (known === undefined) byPriority.set(record.priority, [record]);
    else known.push(record);
  }
  const priorities = [...byPriority.keys()].sort((a, b) => a - b);
  const ordered = priorities.flatMap((priority) => drawByWeight(byPriority.get(priority) ?? [], below));
  return ordered.filter(({ name }) => name !== '' && name !== '.').slice(0, MAX_SERVERS);
}

function drawByWeight(records: readonly SrvRecord[], below: Below): SrvRecord[] {
  // Those of weight 0 stand first, so that they have a small chance beside the others.
  const left = [...records].sort((a, b) => Math.sign(a.weight) - Math.sign(b.weight));
  const drawn: SrvRecord[] = [];
  while (left.length > 0) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    const mark = below(total + 1);
    let sum = 0;
    const at = left.findIndex(({ weight }) => {
      sum += weight;
      return sum >= mark;
    });
    drawn.push(...left.splice(Math.max(0, at), 1));
  }
  return drawn;
}
