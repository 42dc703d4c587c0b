// RFC 3263 and RFC 2782 as rules that hold for every URI and every answer of DNS.
import t from 'tap';
import type { NaptrRecord, SrvRecord, Transport } from '../../src/protocol/sip/locate.ts';
import { orderSrv, planFor, servicesOf } from '../../src/protocol/sip/locate.ts';
import { parseUri } from '../../src/protocol/sip/uri.ts';
import { seeded } from '../support/seeded.ts';

const ALL: readonly Transport[] = ['udp', 'tcp', 'tls'];

function plan(text: string, transports = ALL) {
  const uri = parseUri(text);
  if (uri === undefined) throw new Error(`${text} is no URI.`);
  return planFor(uri, transports);
}

t.test('RFC 3263 §4.1, §4.2: what a URI says decides what is asked', async (t) => {
  for (const [uri, transport, port] of [
    ['sip:192.0.2.1', 'udp', 5060],
    ['sip:192.0.2.1:5070', 'udp', 5070],
    ['sip:[2001:db8::1]', 'udp', 5060],
    ['sips:192.0.2.1', 'tls', 5061],
    ['sip:192.0.2.1;transport=tcp', 'tcp', 5060],
    ['sip:192.0.2.1;transport=TLS', 'tls', 5061],
    ['sip:carrier.example:5080', 'udp', 5080],
    ['sips:carrier.example:5080', 'tls', 5080],
  ] as const) {
    const found = plan(uri);
    t.match(found, { naptr: undefined, services: [], server: { transport, port } }, `${uri} asks for addresses alone`);
  }
  t.match(plan('sip:carrier.example'), {
    naptr: 'carrier.example',
    services: [
      { transport: 'udp', domain: '_sip._udp.carrier.example' },
      { transport: 'tcp', domain: '_sip._tcp.carrier.example' },
      { transport: 'tls', domain: '_sips._tcp.carrier.example' },
    ],
    server: { transport: 'udp', host: 'carrier.example', port: 5060 },
  });
  t.match(plan('sip:carrier.example;transport=tcp'), {
    naptr: undefined,
    services: [{ transport: 'tcp', domain: '_sip._tcp.carrier.example' }],
  });
  t.match(plan('sips:carrier.example'), {
    naptr: 'carrier.example',
    services: [{ transport: 'tls', domain: '_sips._tcp.carrier.example' }],
    server: { transport: 'tls', port: 5061 },
  });
});

t.test('a transport that we do not have is no way', async (t) => {
  t.equal(plan('sip:carrier.example;transport=sctp'), undefined);
  t.equal(plan('sip:192.0.2.1;transport=ws'), undefined);
  t.equal(plan('sips:carrier.example;transport=tcp', ['udp', 'tcp']), undefined);
  t.match(
    plan('sip:192.0.2.1', ['tls']),
    { server: { transport: 'tls', port: 5061 } },
    'what we have, where nothing is said',
  );
});

t.test(
  'whatever a URI says: only what we have is used, sips is never in clear, an address or a port asks no DNS for servers',
  async (t) => {
    const { seed, below } = seeded();
    t.comment(`seed ${seed}`);
    const pick = <Item>(items: readonly Item[]) => items[below(items.length)] as Item;
    for (let round = 0; round < 500; round++) {
      const scheme = pick(['sip', 'sips']);
      const host = pick(['192.0.2.1', '[2001:db8::1]', 'carrier.example', 'a-1.b.example']);
      const port = pick(['', '', ':5080']);
      const transport = pick(['', '', ';transport=udp', ';transport=tcp', ';transport=tls', ';transport=ws']);
      const ours = ALL.filter(() => below(3) > 0);
      const uri = `${scheme}:a@${host}${port}${transport}`;
      const found = plan(uri, ours);
      if (found === undefined) continue;
      const used = [found.server, ...found.services].map((each) => each.transport);
      if (!used.every((each) => ours.includes(each))) t.fail(`${uri} uses what we do not have`);
      if (scheme === 'sips' && used.some((each) => each !== 'tls')) t.fail(`${uri} in clear`);
      if (scheme === 'sip' && transport !== '' && used.some((each) => !transport.endsWith(each)))
        t.fail(`${uri} by another`);
      const isFixed = port !== '' || !host.includes('example');
      if (isFixed !== (found.services.length === 0)) t.fail(`${uri} asks for ${found.services.length} services`);
      if (port === '' && found.server.port !== (used[0] === 'tls' ? 5061 : 5060))
        t.fail(`${uri} at ${found.server.port}`);
    }
    t.pass('500 URIs');
  },
);

const naptr = (order: number, preference: number, service: string, replacement: string, flags = 's'): NaptrRecord => ({
  order,
  preference,
  service,
  replacement,
  flags,
});

t.test('RFC 3263 §4.1: NAPTR by order, then preference; what cannot be used is passed over', async (t) => {
  const services = plan('sip:carrier.example')?.services ?? [];
  const records = [
    naptr(20, 1, 'SIP+D2U', '_sip._udp.b.example'),
    naptr(10, 9, 'sip+d2t', '_sip._tcp.a.example'),
    naptr(10, 5, 'SIPS+D2T', '_sips._tcp.a.example'),
    naptr(1, 1, 'SIP+D2S', '_sip._sctp.a.example'),
    naptr(2, 1, 'E2U+sip', 'a.example'),
    naptr(3, 1, 'SIP+D2U', 'a.example', 'a'),
    naptr(4, 1, 'SIP+D2U', ''),
  ];
  t.same(servicesOf(records, services), [
    { transport: 'tls', domain: '_sips._tcp.a.example' },
    { transport: 'tcp', domain: '_sip._tcp.a.example' },
    { transport: 'udp', domain: '_sip._udp.b.example' },
  ]);
  const secure = plan('sips:carrier.example')?.services ?? [];
  t.same(servicesOf(records, secure), [{ transport: 'tls', domain: '_sips._tcp.a.example' }], 'sips is never in clear');
});

t.test('RFC 2782: every server once, by priority, and nothing else', async (t) => {
  const { seed, below } = seeded();
  t.comment(`seed ${seed}`);
  for (let round = 0; round < 300; round++) {
    const records: SrvRecord[] = Array.from({ length: below(9) }, (_, index) => ({
      priority: below(3),
      weight: below(4) * below(40),
      port: 5060 + index,
      name: `s${index}.example`,
    }));
    const ordered = orderSrv(records, below);
    const priorities = ordered.map(({ priority }) => priority);
    if (JSON.stringify(priorities) !== JSON.stringify([...priorities].sort((a, b) => a - b))) t.fail('not by priority');
    if (new Set(ordered).size !== records.length) t.fail('not every server once');
  }
  t.same(orderSrv([{ priority: 0, weight: 0, port: 0, name: '.' }], below), [], 'the service is not there');
});

t.test(
  'RFC 2782: among equals each is first as often as its weight says; weight 0 seldom, and not never',
  async (t) => {
    const { seed, below } = seeded();
    t.comment(`seed ${seed}`);
    const weights = [0, 10, 30, 60];
    const records = weights.map((weight) => ({ priority: 1, weight, port: 5060, name: `w${weight}.example` }));
    const rounds = 20_000;
    const firsts = new Map<number, number>();
    for (let round = 0; round < rounds; round++) {
      const weight = orderSrv(records, below)[0]?.weight ?? -1;
      firsts.set(weight, (firsts.get(weight) ?? 0) + 1);
    }
    for (const weight of weights) {
      const share = (firsts.get(weight) ?? 0) / rounds;
      t.ok(Math.abs(share - weight / 100) < 0.03, `weight ${weight}: ${share}`);
    }
    t.ok((firsts.get(0) ?? 0) > 0);
  },
);
