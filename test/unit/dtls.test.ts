// DTLS 1.2 for SRTP keys: both roles over a bad network, and whoever is not the holder of the announced certificate.
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import t from 'tap';
import type { DtlsIdentity, DtlsRole } from '../../src/protocol/dtls/handshake.ts';
import { createDtlsIdentity, fingerprintOf } from '../../src/protocol/dtls/identity.ts';
import { fragmentsOf, HandshakeInbox, wholeMessage } from '../../src/protocol/dtls/inbox.ts';
import { readRecords, writeRecord } from '../../src/protocol/dtls/record.ts';
import type { DtlsPair } from '../support/dtls-pair.ts';
import { ALICE, BOB, dtlsPair, newIdentity } from '../support/dtls-pair.ts';
import { seeded } from '../support/seeded.ts';

const states = ({ client, server }: DtlsPair) => [client.state, server.state];

function agree({ client, server }: DtlsPair): boolean {
  const [a, b] = [client.srtp, server.srtp];
  if (a === undefined || b === undefined || a.suite !== b.suite) return false;
  const isSame = (x: Uint8Array, y: Uint8Array) => Buffer.compare(x, y) === 0;
  return isSame(a.local.master, b.remote.master) && isSame(a.remote.master, b.local.master);
}

t.test('a certificate of ours: anybody can read it, it is its own issuer, and lasts', async (t) => {
  const now = Date.parse('2026-11-22T12:00:00Z');
  const { certificate } = createDtlsIdentity(now, Buffer.from('ffffffffffffffff', 'hex'));
  const read = new X509Certificate(certificate);
  t.ok(read.verify(read.publicKey));
  t.equal(read.subject, read.issuer);
  t.ok(Date.parse(read.validFrom) < now && Date.parse(read.validTo) > now + 3_000 * 86_400_000);
  t.equal(
    read.fingerprint256.replaceAll(':', '').toLowerCase(),
    Buffer.from(fingerprintOf(certificate)).toString('hex'),
  );
  t.ok(new X509Certificate(createDtlsIdentity(Date.parse('2045-01-01'), Buffer.alloc(8)).certificate).validTo, '2055');
});

t.test('client and server get the same keys, each its own to send with, in four flights', async (t) => {
  const pair = dtlsPair();
  pair.run(100);
  t.same(states(pair), ['connected', 'connected']);
  t.ok(agree(pair));
  t.equal(pair.client.srtp?.suite, 'AEAD_AES_256_GCM');
  t.notSame(pair.client.srtp?.local.master, pair.client.srtp?.remote.master);
  t.equal(pair.sent.length, 4);
});

t.test('the suite is the best that both allow; without a common one there is no session', async (t) => {
  const pair = dtlsPair(undefined, { suites: ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM'] });
  pair.run(100);
  t.equal(pair.client.srtp?.suite, 'AEAD_AES_128_GCM', "the server's order decides");
  t.ok(agree(pair));
  const none = dtlsPair(undefined, { suites: ['AES_CM_128_HMAC_SHA1_80'] }, { suites: ['AEAD_AES_128_GCM'] });
  none.run(100);
  t.same(states(none), ['failed', 'failed']);
  t.equal(none.client.srtp, undefined);
});

t.test('another certificate than the announced one: no session and no keys, whichever side shows it', async (t) => {
  for (const stranger of ['client', 'server'] as const) {
    const more = { identity: newIdentity() };
    const pair = stranger === 'client' ? dtlsPair(undefined, more) : dtlsPair(undefined, {}, more);
    pair.run();
    t.same(states(pair), ['failed', 'failed'], stranger);
    t.same([pair.client.srtp, pair.server.srtp], [undefined, undefined]);
  }
});

t.test('RFC 5246 §7.4.8: who shows the announced certificate without its key gets no keys either', async (t) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const own = new Uint8Array(privateKey.export({ type: 'pkcs8', format: 'der' }));
  const thief = (of: DtlsIdentity): DtlsIdentity => ({ certificate: of.certificate, privateKey: own });
  const client = dtlsPair(undefined, { identity: thief(ALICE) });
  client.run();
  t.equal(client.server.state, 'failed', 'the server asks for a signature');
  t.equal(client.server.srtp, undefined);
  const server = dtlsPair(undefined, {}, { identity: thief(BOB) });
  server.run();
  t.equal(server.client.state, 'failed', 'the client looks at the signature under the key exchange');
  t.equal(server.client.srtp, undefined);
});

t.test('RFC 5246 §7.4.9: a message that was changed on the way ends the handshake on both sides', async (t) => {
  for (const from of ['client', 'server'] as const) {
    let isChanged = false;
    const pair = dtlsPair((datagram, sender) => {
      const at = datagram.length > 100 ? 50 : -1;
      if (isChanged || sender !== from || at < 0) return [datagram];
      isChanged = true;
      const other = Buffer.from(datagram);
      other[at] = (other[at] ?? 0) ^ 1;
      return [other];
    });
    pair.run(5_000);
    t.notOk(
      pair.client.state === 'connected' && pair.server.state === 'connected',
      `changed by the way from the ${from}`,
    );
  }
});

t.test('over a network that loses, repeats, reorders and splits, both sides arrive', async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  for (let run = 0; run < 60; run++) {
    const held: Record<DtlsRole, Buffer[]> = { client: [], server: [] };
    const pair = dtlsPair((datagram, from) => {
      const dice = random.below(10);
      if (dice < 2) return [];
      if (dice === 2) return [datagram, datagram];
      const apart = dice < 6 ? readRecords(datagram).map(writeRecord).reverse() : [datagram];
      if (dice === 9) {
        held[from].push(datagram);
        return [];
      }
      return [...apart, ...held[from].splice(0)];
    });
    pair.run(30_000);
    if (!agree(pair))
      t.fail(
        `run ${run}: ${states(pair)} ${pair.client.fault} ${pair.server.fault} after ${pair.sent.length} datagrams`,
      );
  }
  t.pass();
});

t.test(
  'RFC 6347 §4.2.4: an answer that is lost is said again when the peer repeats itself, and not for each repeat',
  async (t) => {
    let drops = 1;
    const pair = dtlsPair((datagram, from) =>
      from === 'server' && datagram.length < 100 && drops-- > 0 ? [] : [datagram],
    );
    pair.run(100);
    t.same(states(pair), ['waiting', 'connected'], 'the last flight was lost');
    pair.run(1_000);
    t.same(states(pair), ['connected', 'connected']);
    const before = pair.sent.length;
    const last = pair.sent.filter(({ from }) => from === 'client').at(-1);
    for (let i = 0; i < 50; i++) if (last) pair.server.receive(last.datagram, 1_100);
    t.equal(pair.sent.length, before, 'records that came before are replays and make nobody talk');
  },
);

t.test('nobody there: the client stops asking, and says so', async (t) => {
  const pair = dtlsPair(() => []);
  pair.run();
  t.same(states(pair), ['failed', 'failed']);
  t.equal(pair.client.fault, 'timeout');
  t.ok(pair.sent.length > 4 && pair.sent.length < 30, `${pair.sent.length} datagrams`);
});

t.test('a session stands: nothing in the clear moves it, its end is authentic and tells the peer', async (t) => {
  const pair = dtlsPair();
  pair.run(100);
  const keys = pair.server.srtp?.remote.master;
  const again = dtlsPair();
  again.run(100);
  for (const { from, datagram } of again.sent) (from === 'client' ? pair.server : pair.client).receive(datagram, 200);
  const alert = writeRecord({ type: 21, epoch: 0, sequence: 99, fragment: Buffer.of(2, 40) });
  pair.server.receive(alert, 300);
  t.same(states(pair), ['connected', 'connected']);
  t.same(pair.server.srtp?.remote.master, keys);
  pair.client.close();
  pair.run(40);
  t.same(states(pair), ['closed', 'closed']);
  t.equal(pair.server.srtp, undefined);
});

t.test('RFC 6347 §4.2.3: a message is whole when each byte came, in whatever pieces, and taken once', async (t) => {
  const body = Buffer.from(Array.from({ length: 100 }, (_, i) => i));
  const whole = wholeMessage(11, 0, body);
  const pieces = fragmentsOf(whole, 30);
  t.equal(pieces.length, 4);
  const inbox = new HandshakeInbox();
  const putAll = (...which: number[]) => {
    for (const each of which) inbox.put(pieces[each] ?? Buffer.alloc(0), 0);
  };
  putAll(2, 0, 0, 2, 1);
  const beyond = Buffer.from(pieces[3] ?? []);
  beyond.writeUIntBE(95, 6, 3);
  inbox.put(beyond, 0);
  t.equal(inbox.take(), undefined, 'a piece that reaches beyond the end is none');
  const longer = Buffer.from(pieces[3] ?? []);
  longer.writeUIntBE(101, 1, 3);
  inbox.put(longer, 0);
  inbox.put(pieces[3] ?? Buffer.alloc(0), 1);
  putAll(3);
  t.equal(inbox.take(), undefined, 'what contradicts, or is of another epoch, makes no whole of it');
  putAll(3, 2, 1, 0);
  t.same(inbox.take()?.whole, whole, 'and is gone when the peer says all again');
  inbox.put(whole, 0);
  t.ok(inbox.hasRepeat);
  t.equal(inbox.take(), undefined);
  for (const far of [wholeMessage(11, 20, body), wholeMessage(11, 1, Buffer.alloc(20_000))]) inbox.put(far, 0);
  t.equal(inbox.take(), undefined, 'nor is anything kept that is far ahead or too long');
});

t.test(
  'RFC 6347 §4.1.2.7: the announced certificate with a key that is none ends the handshake, and throws nowhere',
  async (t) => {
    const withKey = (identity: DtlsIdentity, from: string, to: string): DtlsIdentity => {
      const hex = Buffer.from(identity.certificate).toString('hex').replace(from, to);
      return { ...identity, certificate: new Uint8Array(Buffer.from(hex, 'hex')) };
    };
    const broken = {
      'an algorithm that nobody knows': withKey(ALICE, '2a8648ce3d0201', '2a8648ce3d0277'),
      'a curve that nobody knows': withKey(ALICE, '2a8648ce3d030107', '2a8648ce3d030170'),
      'a point of no curve': withKey(ALICE, '03420004', '03420009'),
    };
    for (const [name, identity] of Object.entries(broken)) {
      const fingerprint = fingerprintOf(identity.certificate);
      for (const pair of [
        dtlsPair(undefined, { identity }, { fingerprint }),
        dtlsPair(undefined, { fingerprint }, { identity }),
      ]) {
        t.doesNotThrow(() => pair.run(5_000), name);
        t.same(states(pair), ['failed', 'failed'], name);
      }
    }
  },
);

t.test(
  "RFC 6347 §4.2.4: the last flight is the server's: however late it comes twice, neither keeps the other talking",
  async (t) => {
    const wire: { at: number; from: DtlsRole; datagram: Buffer }[] = [];
    let now = 0;
    const pair = dtlsPair((datagram, from) => {
      wire.push({ at: now + 300, from, datagram });
      return [];
    });
    const until = (end: number) => {
      for (; now < end; now += 20) {
        pair.run(20);
        for (const { from, datagram } of wire.splice(0, wire.filter(({ at }) => at <= now).length)) {
          (from === 'client' ? pair.server : pair.client).receive(datagram, now);
        }
      }
    };
    until(5_000);
    t.same(states(pair), ['connected', 'connected']);
    const { length } = pair.sent;
    until(20_000);
    t.equal(pair.sent.length, length, 'nothing is left to say');
  },
);

t.test('RFC 5746 §3.4: a hello that claims to renegotiate, or says a thing twice, is none', async (t) => {
  const replaced = (datagram: Buffer, from: string, to: string) => {
    const hex = datagram.toString('hex');
    return hex.includes(from) ? [Buffer.from(hex.replace(from, to), 'hex')] : [datagram];
  };
  // ff01: renegotiation, its one byte the length of what follows; 0017: the extended master secret, empty.
  for (const [what, from, to] of [
    ['one that is not empty', 'ff01000100', 'ff01000101'],
    ['twice', '00170000ff01000100', '001700000017000100'],
  ] as const) {
    for (const role of ['client', 'server'] as const) {
      const pair = dtlsPair((datagram, sender) => (sender === role ? replaced(datagram, from, to) : [datagram]));
      pair.run(40);
      t.equal((role === 'client' ? pair.server : pair.client).fault, 50, `${what}, from the ${role}`);
    }
  }
});

t.test(
  'downgrades: another version, suite or SRTP profile, or no extended master secret, is refused at the hello',
  async (t) => {
    const swap = (from: string, to: string) => (datagram: Buffer) =>
      Buffer.from(datagram.toString('hex').replace(from, to), 'hex');
    // Record header (13 bytes), handshake header (12), and then the version.
    const older = (datagram: Buffer) => {
      const other = Buffer.from(datagram);
      other.writeUInt16BE(0xfeff, 25);
      return other;
    };
    const cases: readonly [string, DtlsRole, (datagram: Buffer) => Buffer, number][] = [
      ['DTLS 1.0 asked for', 'client', older, 50],
      ['DTLS 1.0 answered', 'server', older, 50],
      ['no extended master secret asked for (RFC 7627 §5.3)', 'client', swap('00170000', 'aaaa0000'), 40],
      ['no extended master secret answered', 'server', swap('00170000', 'aaaa0000'), 40],
      ['NULL with SHA asked for', 'client', swap('0008c02cc02bc030c02f', '0008c006c006c010c010'), 40],
      ['NULL with SHA answered', 'server', swap('00c02c00', '00c00600'), 47],
      ['an SRTP profile without encryption answered', 'server', swap('000e000500020008', '000e000500020005'), 47],
    ];
    for (const [name, role, change, fault] of cases) {
      let isChanged = false;
      const pair = dtlsPair((datagram, from) => {
        if (from !== role || isChanged) return [datagram];
        isChanged = true;
        return [change(datagram)];
      });
      pair.run(100);
      const other = role === 'client' ? pair.server : pair.client;
      t.same([other.state, other.fault, other.srtp], ['failed', fault, undefined], name);
    }
  },
);
