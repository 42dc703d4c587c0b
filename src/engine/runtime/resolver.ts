// DNS for SIP (RFC 3263) as this machine is set up to ask it: its hosts file first, then its DNS servers, then whatever else it knows.
import { lookup, Resolver as NodeResolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { codeOf } from '../../kernel/errors.ts';
import type { NaptrRecord, SrvRecord } from '../../protocol/sip/locate.ts';

export interface DnsAnswer<Item> {
  /** Empty when there is no such name or it has no such record. */
  readonly records: readonly Item[];
  /** How long the answer holds. */
  readonly ttlMs: number;
}

/** Asks, and rejects when nobody could be asked. A test brings its own. */
export interface Resolver {
  naptr(name: string): Promise<DnsAnswer<NaptrRecord>>;
  srv(name: string): Promise<DnsAnswer<SrvRecord>>;
  /** IP addresses, IPv4 first. */
  addresses(name: string): Promise<DnsAnswer<string>>;
}

export interface SystemResolverOptions {
  /** `192.0.2.53` or `192.0.2.53:5353`; the machine's own when absent. */
  readonly servers?: readonly string[];
  readonly hostsFile?: string;
}

/** Node tells no time for NAPTR and SRV, nor the system for what it finds elsewhere. */
const UNTOLD_TTL_MS = 30_000;
/** One server's time for one try, and how often all are tried. */
const TRY_MS = 1_500;
const TRIES = 2;
const MAX_RECORDS = 64;
/** There is no such name, or it has no such record; anything else means that DNS could not be asked. */
const ABSENT = new Set(['ENOTFOUND', 'ENODATA']);
const LOOPBACK = ['127.0.0.1', '::1'];

/** 4 or 6 for an IP address without brackets, 0 for a name. */
export function addressFamily(host: string): number {
  return isIP(host);
}

export function systemResolver({ servers, hostsFile = '/etc/hosts' }: SystemResolverOptions = {}): Resolver {
  const dns = new NodeResolver({ timeout: TRY_MS, tries: TRIES });
  if (servers !== undefined) dns.setServers(servers);
  return {
    async naptr(name) {
      return untold(await unlessAbsent(dns.resolveNaptr(name)));
    },
    async srv(name) {
      return untold(await unlessAbsent(dns.resolveSrv(name)));
    },
    async addresses(name) {
      // RFC 6761 §6.3: never asked of anybody.
      if (/(^|\.)localhost\.?$/i.test(name)) return untold(LOOPBACK);
      const known = await addressesInHosts(hostsFile, name);
      return known.length > 0 ? untold(known) : askAddresses(dns, name);
    },
  };
}

async function askAddresses(dns: NodeResolver, name: string): Promise<DnsAnswer<string>> {
  const asked = await Promise.allSettled([dns.resolve4(name, { ttl: true }), dns.resolve6(name, { ttl: true })]);
  const found = asked.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  if (found.length > 0) {
    const ttlMs = Math.min(...found.map(({ ttl }) => ttl)) * 1_000;
    return { records: found.slice(0, MAX_RECORDS).map(({ address }) => address), ttlMs };
  }
  const failures = asked.flatMap((each) => (each.status === 'rejected' ? [codeOf(each.reason)] : []));
  // A name that DNS servers do not know may be known here: mDNS, a search domain. One that nobody answered is not asked for twice.
  const elsewhere = failures.includes('ETIMEOUT')
    ? []
    : await lookup(name, { all: true, order: 'ipv4first' }).catch(() => []);
  const failure = failures.find((code) => !ABSENT.has(code));
  if (elsewhere.length === 0 && failure !== undefined) throw new Error(failure);
  return untold(elsewhere.map(({ address }) => address));
}

async function addressesInHosts(file: string, name: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const wanted = name.toLowerCase().replace(/\.$/, '');
  const found: string[] = [];
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (isIP(address) !== 0 && names.some((each) => each.toLowerCase() === wanted)) found.push(address);
  }
  return found.sort((a, b) => isIP(a) - isIP(b)).slice(0, MAX_RECORDS);
}

async function unlessAbsent<Item>(asking: Promise<Item[]>): Promise<Item[]> {
  try {
    return await asking;
  } catch (thrown) {
    if (ABSENT.has(codeOf(thrown))) return [];
    throw thrown;
  }
}

function untold<Item>(records: readonly Item[]): DnsAnswer<Item> {
  return { records: records.slice(0, MAX_RECORDS), ttlMs: UNTOLD_TTL_MS };
}
