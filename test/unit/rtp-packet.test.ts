// RTP packets and reception statistics: what is read, what is refused, what is counted.
import t from 'tap';
import { emptyRtpHeader, parseRtp, writeRtpHeader } from '../../src/protocol/rtp/packet.ts';
import { ReceptionStats } from '../../src/protocol/rtp/reception.ts';
import { seeded } from '../support/seeded.ts';

function read(hex: string) {
  const packet = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const header = emptyRtpHeader();
  return parseRtp(packet, packet.length, header) ? header : undefined;
}

t.test('a header that was written is read again', (t) => {
  const packet = new Uint8Array(20);
  const start = writeRtpHeader(packet, true, 101, 65535, 0xfedcba98, 0x89abcdef);
  const header = emptyRtpHeader();
  t.ok(parseRtp(packet, packet.length, header));
  t.same(header, {
    marker: true,
    payloadType: 101,
    sequence: 65535,
    timestamp: 0xfedcba98,
    ssrc: 0x89abcdef,
    payloadStart: start,
    payloadEnd: 20,
  });
  t.end();
});

t.test('RFC 3550 §5.1: CSRC lists, extensions and padding are stepped over', (t) => {
  t.match(read('82000001 00000002 00000003 aaaaaaaa bbbbbbbb 11223344'), { payloadStart: 20, payloadEnd: 24 });
  t.match(read('90000001 00000002 00000003 bede0001 01020304 11223344'), { payloadStart: 20, payloadEnd: 24 });
  t.match(read('a0000001 00000002 00000003 11223300 00000004'), { payloadStart: 12, payloadEnd: 16 });
  t.match(read('80000001 00000002 00000003'), { payloadStart: 12, payloadEnd: 12 });
  t.end();
});

t.test('whatever leads out of the packet is refused', (t) => {
  t.equal(read('800000010000000200000'), undefined, 'too short');
  t.equal(read('40000001 00000002 00000003'), undefined, 'version 1');
  t.equal(read('8f000001 00000002 00000003 aaaaaaaa'), undefined, 'fewer CSRCs than it says');
  t.equal(read('90000001 00000002 00000003'), undefined, 'no extension where one is announced');
  t.equal(read('90000001 00000002 00000003 bedeffff 01020304'), undefined, 'extension longer than the packet');
  t.equal(read('a0000001 00000002 00000003 00000005'), undefined, 'more padding than payload');
  t.equal(read('a0000001 00000002 00000003 00000000'), undefined, 'padding of nothing');
  t.equal(read('81c80001 00000002 00000003'), undefined, 'RTCP');
  t.end();
});

t.test('no bytes make it throw or point outside of the packet', (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  const header = emptyRtpHeader();
  for (let i = 0; i < 20_000; i++) {
    const packet = random.bytes(random.below(64));
    if (packet.length > 0) packet[0] = 0x80 | ((packet[0] ?? 0) & 0x3f);
    if (!parseRtp(packet, packet.length, header)) continue;
    const { payloadStart, payloadEnd } = header;
    if (payloadStart < 12 || payloadEnd < payloadStart || payloadEnd > packet.length) t.fail('outside');
  }
  t.end();
});

t.test('RFC 3550 appendix A: loss over the wrap of sequence numbers, a late packet is no loss, jitter', (t) => {
  const stats = new ReceptionStats();
  const order = [65533, 65534, 0, 65535, 1, 4, 5];
  for (const [i, sequence] of order.entries()) stats.note(7, sequence, i * 160, i * 160);
  t.equal(stats.lost, 2);
  t.equal(stats.jitter, 0);
  for (let i = 0; i < 200; i++) stats.note(7, 6 + i, (7 + i) * 160, (7 + i) * 160 + (i % 2) * 80);
  t.ok(Math.abs(stats.jitter - 80) < 2, `packets that alternate by 10 ms: ${stats.jitter / 8} ms`);
  stats.note(8, 40_000, 0, 0);
  t.equal(stats.lost, 2, 'a new source starts its own count');
  t.end();
});
