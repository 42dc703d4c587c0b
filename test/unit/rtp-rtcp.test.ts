// RTCP and SRTCP: reports written and read, published vectors, replays and forgeries, and no bytes that make them throw.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { opinionScore, rating } from '../../src/protocol/rtp/e-model.ts';
import { ReceptionStats } from '../../src/protocol/rtp/reception.ts';
import type { Report } from '../../src/protocol/rtp/rtcp.ts';
import { ntpOf, parseReport, writeReport } from '../../src/protocol/rtp/rtcp.ts';
import { SrtcpReceiver, SrtcpSender } from '../../src/protocol/rtp/srtcp.ts';
import type { SrtpSuite } from '../../src/protocol/rtp/srtp-suite.ts';
import { masterBytes, SUITES } from '../../src/protocol/rtp/srtp-suite.ts';
import { seeded } from '../support/seeded.ts';

const block = {
  ssrc: 0xdeadbeef,
  fractionLost: 64,
  lost: -3,
  highestSequence: 70_001,
  jitter: 12,
  lastReport: 0xfedcba98,
  delay: 65_536,
};
const sender = { ...ntpOf(1_700_000_000_250), timestamp: 0xfffffff0, packets: 500, octets: 80_000 };
const report: Report = { ssrc: 0x89abcdef, sender, blocks: [block], isBye: true };

t.test('RFC 3550 §6.4: what is written is read again, with its CNAME, and a goodbye at the end', (t) => {
  const bytes = Buffer.alloc(128);
  const length = writeReport(bytes, report, 'aGVsbG8gdGhlcmUh');
  t.same(parseReport(bytes, length), report);
  t.equal(bytes.readUInt16BE(2), 12, 'a sender report with one block is 13 words');
  t.ok(bytes.includes('aGVsbG8gdGhlcmUh'));
  t.same([bytes[1], bytes[53], bytes[length - 7]], [200, 202, 203], 'SR, SDES, BYE: §6.1');
  const quiet = { ...report, sender: undefined, blocks: [], isBye: false };
  t.same(parseReport(bytes, writeReport(bytes, quiet, 'x')), quiet);
  t.end();
});

t.test('RFC 3550 §4: NTP counts from 1900, its middle 32 bits are 1/65536 s', (t) => {
  const { ntpSeconds, ntpFraction, compactTime } = ntpOf(500);
  t.same([ntpSeconds, ntpFraction], [2_208_988_800, 2 ** 31]);
  t.equal(compactTime, ((2_208_988_800 % 65_536) * 65_536 + 32_768) >>> 0);
  t.end();
});

t.test('RFC 3550 appendix A.3: the fraction lost is of what came since the report before', (t) => {
  const reception = new ReceptionStats();
  const take = (from: number, to: number, isLost: (n: number) => boolean) => {
    for (let n = from; n < to; n++) if (!isLost(n)) reception.note(1, (65_500 + n) & 0xffff, n * 160, n * 160);
    return reception.takeReport();
  };
  t.match(
    take(0, 100, (n) => n % 4 === 3 && n < 96),
    { fractionLost: 61, lost: 24, highestSequence: 65_599 },
    '24 of 100',
  );
  t.match(
    take(100, 200, () => false),
    { fractionLost: 0, lost: 24 },
  );
  t.equal(reception.expected, 200);
  t.end();
});

const { packets } = JSON.parse(
  readFileSync(new URL('../vectors/srtp/libsrtp-srtcp.json', import.meta.url), 'utf8'),
) as { packets: { suite: SrtpSuite; master: string; rtcp: string; srtcp: string }[] };
for (const { suite, master, rtcp, srtcp } of packets) {
  t.test(`SRTCP with ${suite}: libsrtp's packet is ours, and is opened`, (t) => {
    const key = Buffer.from(master, 'hex');
    const sealing = new SrtcpSender(suite, key);
    sealing.protect(Buffer.from(rtcp, 'hex'));
    t.equal(sealing.protect(Buffer.from(rtcp, 'hex')).toString('hex'), srtcp, 'the one with index 1');
    const opening = new SrtcpReceiver(suite, key);
    t.equal(opening.unprotect(Buffer.from(srtcp, 'hex'))?.toString('hex'), rtcp);
    t.equal(opening.unprotect(Buffer.from(srtcp, 'hex')), undefined, 'once');
    t.end();
  });
}

t.test('SRTCP of every suite: every changed bit, a wrong key and a replay are refused', (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  for (const suite of Object.keys(SUITES) as SrtpSuite[]) {
    const key = random.bytes(masterBytes(suite));
    const sealed = new SrtcpSender(suite, key).protect(random.bytes(52));
    const opening = new SrtcpReceiver(suite, key);
    t.equal(new SrtcpReceiver(suite, random.bytes(masterBytes(suite))).unprotect(sealed), undefined, suite);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const forged = Buffer.from(sealed);
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (opening.unprotect(forged) !== undefined) t.fail(`${suite}: bit ${bit}`);
    }
    t.ok(opening.unprotect(sealed));
  }
  t.end();
});

t.test('RFC 3711 §3.4: a peer that changes its source counts anew, and is read on', (t) => {
  const key = Buffer.alloc(masterBytes('AEAD_AES_256_GCM'), 3);
  const opening = new SrtcpReceiver('AEAD_AES_256_GCM', key);
  for (const ssrc of [1, 2]) {
    const sealing = new SrtcpSender('AEAD_AES_256_GCM', key);
    const packet = Buffer.alloc(128);
    const length = writeReport(packet, { ...report, ssrc }, 'name');
    const sealed = sealing.protect(packet.subarray(0, length));
    t.ok(opening.unprotect(sealed), `source ${ssrc}`);
    t.notOk(opening.unprotect(sealed), 'once');
  }
  t.end();
});

t.test('no bytes make either throw', (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  const opening = new SrtcpReceiver('AEAD_AES_128_GCM', random.bytes(28));
  const good = Buffer.alloc(128);
  const length = writeReport(good, report, 'name');
  for (let i = 0; i < 20_000; i++) {
    const packet = i % 2 === 0 ? Buffer.from(random.bytes(random.below(120))) : Buffer.from(good.subarray(0, length));
    for (let n = random.below(4); n > 0; n--) packet[random.below(packet.length || 1)] = random.below(256);
    parseReport(packet, packet.length);
    opening.unprotect(packet);
  }
  t.end();
});

t.test('ITU-T G.107: the score falls with loss and with delay, as its annex B has it', (t) => {
  const mos = (loss: number, delayMs: number) => Number(opinionScore(rating({ loss, delayMs })).toFixed(2));
  t.ok(mos(0, 0) > 4.4, 'a perfect call');
  t.same([opinionScore(0), opinionScore(100), opinionScore(50)], [1, 4.5, 2.575], 'annex B at three places');
  const scores = Array.from({ length: 1001 }, (_, tenth) => opinionScore(tenth / 10));
  t.ok(Math.min(...scores) >= 1 && Math.max(...scores) <= 4.5, 'never out of its scale');
  t.ok(mos(0.05, 60) < 4 && mos(0.05, 60) > 3.5, `5 % loss: ${mos(0.05, 60)}`);
  t.ok(mos(0.3, 60) < 2.5, `30 % loss: ${mos(0.3, 60)}`);
  t.ok(mos(0, 400) < mos(0, 150) - 0.5, 'people talk over one another');
  t.end();
});
