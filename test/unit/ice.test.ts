// ICE in virtual time: two agents find each other however they begin, nobody without the password moves them, and consent ends.
import { randomBytes } from 'node:crypto';
import t from 'tap';
import type { HostPort } from '../../src/kernel/ip.ts';
import type { IceCredentials, IceOptions } from '../../src/protocol/ice/agent.ts';
import { IceAgent } from '../../src/protocol/ice/agent.ts';
import { formatHostCandidate, parseCandidates } from '../../src/protocol/ice/candidate.ts';
import { errorCode } from '../../src/protocol/stun/binding.ts';
import { formatStun, isAuthentic, parseStun, StunAttribute, StunType } from '../../src/protocol/stun/message.ts';
import { seeded } from '../support/seeded.ts';

const ALICE: HostPort = { host: '192.0.2.1', port: 4000 };
const BOB: HostPort = { host: '192.0.2.2', port: 5000 };
const STRANGER = { host: '203.0.113.9', port: 666 };
const OF_ALICE: IceCredentials = { ufrag: 'alice', password: 'the-password-of-alice-a' };
const OF_BOB: IceCredentials = { ufrag: 'bobby', password: 'the-password-of-bobby-b' };

interface Wire {
  readonly a: IceAgent;
  readonly b: IceAgent;
  /** Datagrams sent so far. */
  readonly sent: { readonly datagram: Buffer; readonly from: HostPort; readonly to: HostPort }[];
  now(): number;
  run(ms: number): void;
}

/** `passes` says what of a datagram arrives. */
function pair(
  more: { a?: Partial<IceOptions>; b?: Partial<IceOptions> } = {},
  passes: (from: HostPort) => boolean = () => true,
): Wire {
  const sent: Wire['sent'] = [];
  const queue: Wire['sent'] = [];
  const make = (mine: IceCredentials, theirs: IceCredentials, from: HostPort, rest: Partial<IceOptions> = {}) =>
    new IceAgent({
      local: mine,
      remote: theirs,
      candidates: [],
      isControlling: false,
      random: randomBytes,
      send(datagram, { host, port }) {
        const each = { datagram, from, to: { host, port } };
        sent.push(each);
        if (passes(from)) queue.push(each);
      },
      ...rest,
    });
  const candidateOf = (address: HostPort) => parseCandidates([formatHostCandidate(address)]);
  const a = make(OF_ALICE, OF_BOB, ALICE, { isControlling: true, candidates: candidateOf(BOB), ...more.a });
  const b = make(OF_BOB, OF_ALICE, BOB, { candidates: candidateOf(ALICE), ...more.b });
  let time = 0;
  return {
    a,
    b,
    sent,
    now: () => time,
    run(ms) {
      for (const end = time + ms; time < end; time += 20) {
        a.step(time);
        b.step(time);
        for (const { datagram, from, to } of queue.splice(0)) {
          if (to.host === ALICE.host) a.receive(datagram, from, time);
          else if (to.host === BOB.host) b.receive(datagram, from, time);
        }
      }
    },
  };
}

const found = ({ a, b }: Wire) => [a.selected, b.selected];

t.test('RFC 8445: two agents find each other, whoever controls, named or not, and stay', async (t) => {
  const cases: Record<string, Parameters<typeof pair>[0]> = {
    'one of each role': {},
    'the other way round': { a: { isControlling: false }, b: { isControlling: true } },
    '§7.3.1.1: both control': { b: { isControlling: true } },
    '§7.3.1.1: neither controls': { a: { isControlling: false } },
    '§7.3.1.3: one hides its address': { b: { candidates: [] } },
    '§7.3.1.3: the controlling one knows nothing': { a: { candidates: [] } },
  };
  for (const [name, more] of Object.entries(cases)) {
    const wire = pair(more);
    wire.run(1_500);
    t.same(found(wire), [BOB, ALICE], name);
    wire.run(120_000);
    t.ok(wire.a.hasConsent(wire.now()) && wire.b.hasConsent(wire.now()), `${name}: two minutes on`);
    t.ok(wire.sent.length < 150, `${wire.sent.length} datagrams`);
  }
});

t.test('RFC 8445 §14: over a network that loses three in ten, they arrive', async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  for (let run = 0; run < 50; run++) {
    const wire = pair({}, () => random.below(10) > 2);
    wire.run(60_000);
    if (wire.a.selected === undefined || wire.b.selected === undefined)
      t.fail(`run ${run}: ${JSON.stringify(found(wire))}`);
  }
  t.pass();
});

t.test('nobody there: checks end', async (t) => {
  const wire = pair({}, () => false);
  wire.run(200_000);
  t.same(found(wire), [undefined, undefined]);
  t.equal(wire.sent.length, 28);
});

t.test('RFC 7675: without an answer for 30 s there is no consent', async (t) => {
  let isThere = true;
  const wire = pair({}, () => isThere);
  wire.run(10_000);
  t.ok(wire.a.hasConsent(wire.now()));
  isThere = false;
  wire.run(20_000);
  t.ok(wire.a.hasConsent(wire.now()), 'not for a moment of silence');
  wire.run(15_000);
  t.notOk(wire.a.hasConsent(wire.now()));
  const { length } = wire.sent;
  wire.run(60_000);
  t.equal(wire.sent.length, length, 'and it asks no more');
});

t.test('who lacks the password gets no answer, moves nothing, and ends nothing', async (t) => {
  const wire = pair();
  wire.run(2_000);
  const { length } = wire.sent;
  const attributes = [
    [StunAttribute.username, Buffer.from('alice:bobby')],
    [StunAttribute.priority, Buffer.alloc(4, 255)],
    [StunAttribute.useCandidate, Buffer.alloc(0)],
  ] as const;
  const forged = formatStun(StunType.request, randomBytes(12), attributes, { password: 'guess', hasFingerprint: true });
  const bare = formatStun(StunType.request, randomBytes(12), attributes, { hasFingerprint: true });
  const other = formatStun(StunType.request, randomBytes(12), [[StunAttribute.username, Buffer.from('eve:bobby')]], {
    password: OF_ALICE.password,
  });
  for (const each of [forged, bare, other]) wire.a.receive(each, STRANGER, wire.now());
  t.equal(wire.sent.length, length, 'no answer');
  t.notOk(wire.a.knows(STRANGER));
  t.same(found(wire), [BOB, ALICE]);
  // An answer that was heard on the way, from another place.
  const fresh = pair();
  fresh.a.step(0);
  const asked = fresh.sent[0]?.datagram ?? Buffer.alloc(0);
  const id = parseStun(asked)?.transactionId ?? Buffer.alloc(12);
  const reply = formatStun(StunType.success, id, [], { password: OF_BOB.password, hasFingerprint: true });
  fresh.a.receive(reply, STRANGER, 20);
  t.notOk(fresh.a.knows(BOB), '§7.2.5.2.1: an answer from elsewhere counts for nothing');
  fresh.a.receive(reply, BOB, 40);
  t.notOk(fresh.a.knows(BOB), 'and its question is closed');
});

t.test('the addresses that are learnt have an end', async (t) => {
  const wire = pair();
  for (let n = 0; n < 500; n++) {
    const attributes = [[StunAttribute.username, Buffer.from('alice:bobby')]] as const;
    const datagram = formatStun(StunType.request, randomBytes(12), attributes, { password: OF_ALICE.password });
    wire.a.receive(datagram, { host: '198.51.100.1', port: 1_000 + n }, 0);
  }
  const asked = new Set(wire.sent.map(({ to }) => to.port));
  t.ok(asked.size <= 40, `${asked.size} addresses were answered`);
});

t.test('RFC 5769 §2.1, §2.2: integrity of the published request and response', async (t) => {
  const hex = (text: string) => Buffer.from(text.replace(/\s+/g, ''), 'hex');
  const request = hex(`
    00010058 2112a442 b7e7a701bc34d686fa87dfae 80220010 5354554e2074657374 20636c69656e74
    00240004 6e0001ff 80290008 932ff9b151263b36 00060009 6576746a3a68367659 202020
    00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004 e57a3bcf`);
  const response = hex(`
    0101003c 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220 00200008 0001a147e112a643
    00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004 c07d4c96`);
  for (const bytes of [request, response]) {
    const message = parseStun(bytes);
    t.ok(message !== undefined && isAuthentic(bytes, message, 'VOkJxbRl1RmTxUk/WvJxBt'));
    t.notOk(message !== undefined && isAuthentic(bytes, message, 'VOkJxbRl1RmTxUk/WvJxBT'));
  }
});

t.test('RFC 8839 §5.1: candidates that can be sent to, and those that cannot', async (t) => {
  const lines = [
    '1 1 udp 2130706431 192.0.2.1 4000 typ host',
    '2 1 UDP 1694498815 203.0.113.5 61000 typ srflx raddr 0.0.0.0 rport 0',
    '3 1 udp 2130706431 2001:db8::1 4000 typ host',
    '4 2 udp 2130706430 192.0.2.1 4001 typ host',
    '5 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active',
    '6 1 udp 2130706431 0a1b2c3d-aaaa.local 4000 typ host',
    '7 1 udp 2130706431 239.1.1.1 4000 typ host',
    '8 1 udp 2130706431 192.0.2.999 4000 typ host',
    '9 1 udp 2130706431 192.0.2.1 0 typ host',
    'x',
    '',
  ];
  t.same(
    parseCandidates(lines).map(({ host }) => host),
    ['192.0.2.1', '203.0.113.5', '2001:db8::1'],
  );
});

/** An agent alone, and whatever it is told in the name of `OF_BOB`. */
function alone(more: Partial<IceOptions> = {}) {
  const sent: { readonly datagram: Buffer; readonly to: HostPort }[] = [];
  const agent = new IceAgent({
    local: OF_ALICE,
    remote: OF_BOB,
    candidates: [],
    isControlling: false,
    random: randomBytes,
    send: (datagram, { host, port }) => sent.push({ datagram, to: { host, port } }),
    ...more,
  });
  const checks = () => sent.filter(({ datagram }) => datagram.readUInt16BE(0) === StunType.request);
  /** Answers the newest check that went to `at`. */
  const answer = (at: HostPort, now: number, type: number = StunType.success) => {
    const check = checks().findLast(({ to }) => to.host === at.host)?.datagram ?? Buffer.alloc(20);
    const attributes = type === StunType.error ? [[StunAttribute.errorCode, errorCode(487, '')] as const] : [];
    const marks = { password: OF_BOB.password, hasFingerprint: true };
    agent.receive(formatStun(type, check.subarray(8, 20), attributes, marks), at, now);
  };
  const nominate = (from: HostPort, now: number) => {
    const attributes = [
      [StunAttribute.username, Buffer.from('alice:bobby')],
      [StunAttribute.useCandidate, Buffer.alloc(0)],
    ] as const;
    const marks = { password: OF_ALICE.password, hasFingerprint: true };
    agent.receive(formatStun(StunType.request, randomBytes(12), attributes, marks), from, now);
  };
  return { agent, checks, answer, nominate };
}

t.test(
  'RFC 8445 §7.2.5.1: two checks told of one conflict change the role once, and however often told it ends',
  async (t) => {
    const candidates = [BOB, STRANGER].flatMap((address) => parseCandidates([formatHostCandidate(address)]));
    const { agent, checks, answer } = alone({ isControlling: true, candidates });
    agent.step(0);
    agent.step(60);
    t.equal(checks().length, 2);
    for (const { to } of checks().slice()) answer(to, 80, StunType.error);
    const roles = checks()
      .slice(2)
      .map(({ datagram }) => parseStun(datagram)?.attributes.has(StunAttribute.iceControlled));
    t.same(roles, [true, true]);
    for (let n = 0; n < 500; n++) answer(BOB, 100, StunType.error);
    t.ok(checks().length < 40, `${checks().length} checks`);
  },
);

t.test('RFC 7675 §5.1: a choice leads only where somebody answered of late, an old answer is none', async (t) => {
  const { agent, answer, nominate } = alone();
  nominate(STRANGER, 0);
  t.notOk(agent.knows(STRANGER), 'who only asks has not shown that it is there');
  answer(STRANGER, 10);
  t.same(agent.selected, STRANGER);
  nominate(BOB, 20);
  answer(BOB, 30);
  t.same(agent.selected, BOB);
  for (let now = 40; now < 60_000; now += 20) {
    agent.step(now);
    if (now % 1_000 === 0) answer(BOB, now);
  }
  t.ok(agent.hasConsent(60_000));
  nominate(STRANGER, 60_000);
  t.same(agent.selected, BOB, 'a choice repeated by a thief does not bring back where the peer was a minute ago');
  answer(STRANGER, 60_100);
  t.same(agent.selected, STRANGER, 'unless it is there again');
  for (let now = 60_120; now < 89_000; now += 20) agent.step(now);
  answer(STRANGER, 96_000);
  t.notOk(agent.hasConsent(96_000), 'an answer that somebody kept back gives no consent');
});
