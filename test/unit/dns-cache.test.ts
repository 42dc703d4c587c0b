// What is kept of DNS: for its time, for longer while nobody can be asked, one question at a time, and never without bound.
import t from 'tap';
import { DnsCache } from '../../src/engine/runtime/dns-cache.ts';
import { Locator } from '../../src/engine/runtime/locator.ts';
import type { DnsAnswer, Resolver } from '../../src/engine/runtime/resolver.ts';
import { planFor } from '../../src/protocol/sip/locate.ts';
import { makeUri } from '../../src/protocol/sip/uri.ts';
import { ManualClock } from '../support/manual-clock.ts';

const none = async () => ({ records: [], ttlMs: 1_000 });

function bench(addresses: (name: string) => Promise<DnsAnswer<string>>) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const resolver: Resolver = {
    naptr: none,
    srv: none,
    addresses(name) {
      asked.push(name);
      return addresses(name);
    },
  };
  return { clock, asked, resolver, cache: new DnsCache(clock, resolver) };
}

t.test('RFC 8767: what was known holds on while DNS cannot be asked, and DNS is left alone for a while', async (t) => {
  let isDown = false;
  const { clock, asked, cache } = bench(async () => {
    if (isDown) throw new Error('ETIMEOUT');
    return { records: ['192.0.2.1'], ttlMs: 60_000 };
  });
  t.same(await cache.addresses('carrier.example'), ['192.0.2.1']);
  isDown = true;
  clock.advance(60_000);
  for (let call = 0; call < 3; call++) t.same(await cache.addresses('CARRIER.example'), ['192.0.2.1']);
  t.equal(asked.length, 2, 'one question failed; the next waits');
  t.same(await cache.addresses('other.example'), [], 'nothing was known of this one');
  isDown = false;
  clock.advance(15_000);
  t.same(await cache.addresses('other.example'), ['192.0.2.1']);
});

t.test('a name that is gone is gone, and questions at the same moment are one', async (t) => {
  let records = ['192.0.2.1'];
  const { clock, asked, cache } = bench(async () => ({ records, ttlMs: 0 }));
  await Promise.all([cache.addresses('a.example'), cache.addresses('a.example')]);
  t.equal(asked.length, 1);
  records = [];
  clock.advance(1_000);
  t.same(await cache.addresses('a.example'), []);
});

t.test('names are forgotten before they cost memory', async (t) => {
  const { asked, cache } = bench(async () => ({ records: ['192.0.2.1'], ttlMs: 3_600_000 }));
  for (let index = 0; index <= 512; index++) await cache.addresses(`n${index}.example`);
  await cache.addresses('n512.example');
  t.equal(asked.length, 513, 'the last is known');
  await cache.addresses('n0.example');
  t.equal(asked.length, 514, 'the first was forgotten');
});

t.test('a server that failed is tried last, until it answers or a minute has passed', async (t) => {
  const { clock, resolver } = bench(async () => ({ records: ['192.0.2.1', '192.0.2.2'], ttlMs: 3_600_000 }));
  const locator = new Locator(clock, resolver, () => 0);
  const plan = planFor(makeUri({ host: 'carrier.example' }), ['udp']);
  const hosts = async () => {
    const found: string[] = [];
    if (plan !== undefined) for await (const { host } of locator.servers(plan)) found.push(host);
    return found;
  };
  const first = { transport: 'udp', host: '192.0.2.1', port: 5060 } as const;
  t.same(await hosts(), ['192.0.2.1', '192.0.2.2']);
  locator.failed(first);
  t.same(await hosts(), ['192.0.2.2', '192.0.2.1']);
  locator.answered(first);
  t.same(await hosts(), ['192.0.2.1', '192.0.2.2']);
  locator.failed(first);
  clock.advance(60_000);
  t.same(await hosts(), ['192.0.2.1', '192.0.2.2']);
});
