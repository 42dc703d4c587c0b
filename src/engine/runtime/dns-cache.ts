// What DNS said, for as long as it holds; and for longer while DNS cannot be asked (RFC 8767), so that a carrier stays reachable.
import type { Clock } from '../../kernel/clock.ts';
import type { NaptrRecord, SrvRecord } from '../../protocol/sip/locate.ts';
import type { DnsAnswer, Resolver } from './resolver.ts';

interface Entry<Item> {
  records: readonly Item[];
  untilMs: number;
  asking: Promise<readonly Item[]> | undefined;
}

/** Names of one kind; the one that was asked for first goes. */
const MAX_NAMES = 512;
const MIN_TTL_MS = 1_000;
const MAX_TTL_MS = 60 * 60_000;
/** When DNS could not be asked, it is not asked again for so long. */
const FAILED_TTL_MS = 15_000;

/** One question at a time for each name; never rejects. */
export class DnsCache {
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #naptr = new Map<string, Entry<NaptrRecord>>();
  readonly #srv = new Map<string, Entry<SrvRecord>>();
  readonly #addresses = new Map<string, Entry<string>>();

  constructor(clock: Clock, resolver: Resolver) {
    this.#clock = clock;
    this.#resolver = resolver;
  }

  naptr(name: string): Promise<readonly NaptrRecord[]> {
    return this.#get(this.#naptr, name, () => this.#resolver.naptr(name));
  }

  srv(name: string): Promise<readonly SrvRecord[]> {
    return this.#get(this.#srv, name, () => this.#resolver.srv(name));
  }

  addresses(name: string): Promise<readonly string[]> {
    return this.#get(this.#addresses, name, () => this.#resolver.addresses(name));
  }

  #get<Item>(
    entries: Map<string, Entry<Item>>,
    name: string,
    ask: () => Promise<DnsAnswer<Item>>,
  ): Promise<readonly Item[]> {
    const key = name.toLowerCase();
    const entry = entries.get(key) ?? { records: [], untilMs: Number.NEGATIVE_INFINITY, asking: undefined };
    if (entry.asking !== undefined) return entry.asking;
    if (entry.untilMs > this.#clock.monotonic()) return Promise.resolve(entry.records);
    keep(entries, key, entry);
    entry.asking = this.#ask(entry, ask).finally(() => {
      entry.asking = undefined;
    });
    return entry.asking;
  }

  async #ask<Item>(entry: Entry<Item>, ask: () => Promise<DnsAnswer<Item>>): Promise<readonly Item[]> {
    let ttlMs = FAILED_TTL_MS;
    try {
      const answer = await ask();
      entry.records = answer.records;
      ttlMs = Math.min(Math.max(answer.ttlMs, MIN_TTL_MS), MAX_TTL_MS);
    } catch {
      // What was known before holds on.
    }
    entry.untilMs = this.#clock.monotonic() + ttlMs;
    return entry.records;
  }
}

function keep<Item>(entries: Map<string, Entry<Item>>, key: string, entry: Entry<Item>): void {
  const oldest = entries.keys().next().value;
  if (entries.size >= MAX_NAMES && !entries.has(key) && oldest !== undefined) entries.delete(oldest);
  entries.set(key, entry);
}
