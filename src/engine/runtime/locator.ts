// The servers of a SIP URI, one after another (RFC 3263 §4): DNS asked as its plan says, and those that failed a moment ago tried last.
import { isIP } from 'node:net';
import type { Clock } from '../../kernel/clock.ts';
import { type Below, MAX_SERVERS, orderSrv, type Plan, type Server, servicesOf } from '../../protocol/sip/locate.ts';
import { DnsCache } from './dns-cache.ts';
import type { Resolver } from './resolver.ts';

/** How long a server that failed is tried last. */
const FAILED_MS = 60_000;
/** Failed servers that are remembered. */
const MAX_FAILED = 256;

export class Locator {
  readonly #clock: Clock;
  readonly #below: Below;
  readonly #dns: DnsCache;
  readonly #failed = new Map<string, number>();

  constructor(clock: Clock, resolver: Resolver, below: Below) {
    this.#clock = clock;
    this.#below = below;
    this.#dns = new DnsCache(clock, resolver);
  }

  /** Addresses to try, in order; a name is asked for when its turn has come. Nothing when no name has an address. */
  async *servers(plan: Plan): AsyncGenerator<Server, undefined> {
    if (isIP(plan.server.host) !== 0) {
      yield plan.server;
      return;
    }
    const later: Server[] = [];
    for (const server of await this.#named(plan)) {
      for (const host of await this.#addressesOf(server.host)) {
        const found = { ...server, host };
        if (this.#hasFailed(found)) later.push(found);
        else yield found;
      }
    }
    yield* later;
  }

  /** It did not answer, or is out of service. */
  failed(server: Server): void {
    const oldest = this.#failed.keys().next().value;
    if (this.#failed.size >= MAX_FAILED && oldest !== undefined) this.#failed.delete(oldest);
    this.#failed.set(keyOf(server), this.#clock.monotonic() + FAILED_MS);
  }

  answered(server: Server): void {
    if (this.#failed.size > 0) this.#failed.delete(keyOf(server));
  }

  async #named({ naptr, services, server }: Plan): Promise<Server[]> {
    const offered = naptr === undefined ? [] : servicesOf(await this.#dns.naptr(naptr), services);
    const wanted = offered.length > 0 ? offered : services;
    const answers = await Promise.all(wanted.map(({ domain }) => this.#dns.srv(domain)));
    const found = wanted.flatMap(({ transport }, index) =>
      orderSrv(answers[index] ?? [], this.#below).map(({ name, port }) => ({ transport, host: name, port })),
    );
    // RFC 2782: where records say that the service is not there, the name itself does not stand in for it.
    const isAnswered = answers.some((records) => records.length > 0);
    return isAnswered ? found.slice(0, MAX_SERVERS) : [server];
  }

  async #addressesOf(host: string): Promise<readonly string[]> {
    return isIP(host) === 0 ? await this.#dns.addresses(host) : [host];
  }

  #hasFailed(server: Server): boolean {
    const key = keyOf(server);
    const untilMs = this.#failed.get(key);
    if (untilMs === undefined) return false;
    if (untilMs > this.#clock.monotonic()) return true;
    this.#failed.delete(key);
    return false;
  }
}

function keyOf({ transport, host, port }: Server): string {
  return `${transport} ${host} ${port}`;
}
