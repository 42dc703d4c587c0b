// SRTP and SRTCP against the examples of RFC 3711 B.2, RFC 6188 §7.1 and RFC 7714 §16 and §17, and the limits of a master key.
import { createCipheriv, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { writeRtpHeader } from '../../src/protocol/rtp/packet.ts';
import { SrtcpCipher, SrtcpReceiver, SrtcpSender } from '../../src/protocol/rtp/srtcp.ts';
import { SrtpReceiver, SrtpSender } from '../../src/protocol/rtp/srtp.ts';
import type { SessionKeys } from '../../src/protocol/rtp/srtp-keys.ts';
import { deriveSrtcpKeys } from '../../src/protocol/rtp/srtp-keys.ts';
import type { SrtpSuite } from '../../src/protocol/rtp/srtp-suite.ts';
import { masterBytes, SUITES } from '../../src/protocol/rtp/srtp-suite.ts';
import { createTransform } from '../../src/protocol/rtp/srtp-transform.ts';
import { seeded } from '../support/seeded.ts';

const vectors = (name: string) =>
  JSON.parse(readFileSync(new URL(`../vectors/srtp/${name}.json`, import.meta.url), 'utf8'));
const hex = (text: string) => Buffer.from(text, 'hex');
const ALL = Object.keys(SUITES) as SrtpSuite[];
const HEADER_BYTES = 12;

function keysOf(key: string, salt: string): SessionKeys {
  return { encryption: hex(key), salt: hex(salt), authentication: Buffer.alloc(20) };
}

const counter = vectors('rfc3711-b2');
for (const { suite, key, stream } of counter.streams) {
  t.test(`RFC 3711 §4.1.1: the key stream of ${suite} is that of the published example`, (t) => {
    const packet = Buffer.alloc(100);
    packet[0] = 0x80;
    const length = HEADER_BYTES + stream.length / 2;
    createTransform(suite, keysOf(key, counter.salt)).seal(packet, HEADER_BYTES, length, 0, 0);
    t.equal(packet.subarray(HEADER_BYTES, length).toString('hex'), stream);
    t.end();
  });
}

const aead = vectors('rfc7714');
for (const suite of Object.keys(aead.keys) as SrtpSuite[]) {
  t.test(`RFC 7714 §16, §17: ${suite} makes and opens the published packets`, (t) => {
    const keys = keysOf(aead.keys[suite], aead.salt);
    const transform = createTransform(suite, keys);
    const packet = Buffer.concat([hex(aead.rtp), Buffer.alloc(16)]);
    const bare = packet.length - 16;
    const [ssrc, index] = [packet.readUInt32BE(8), packet.readUInt16BE(2)];
    const length = transform.seal(packet, HEADER_BYTES, bare, ssrc, index);
    t.equal(packet.subarray(0, length).toString('hex'), aead.srtp[suite]);
    t.ok(transform.open(packet, HEADER_BYTES, bare, packet.subarray(bare), ssrc, index));
    t.equal(packet.subarray(0, bare).toString('hex'), aead.rtp);

    const [rtcp, srtcp] = [hex(aead.rtcp), hex(aead.srtcp[suite])];
    const clear = rtcp.subarray(0, 8);
    const cipher = new SrtcpCipher(suite, keys);
    const sealed = cipher.seal(clear, rtcp.subarray(8), aead.rtcpIndex);
    t.same(Buffer.concat([clear, sealed.body, sealed.tag]), srtcp.subarray(0, -4));
    t.same(cipher.open(clear, sealed, aead.rtcpIndex), rtcp.subarray(8));
    t.end();
  });
}

/** The packet as OpenSSL's own GCM makes it. */
function byOpenSsl(keys: SessionKeys, plain: Buffer, headerBytes: number, ssrc: number, index: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(ssrc, 2);
  nonce.writeUIntBE(index, 6, 6);
  for (const [i, byte] of keys.salt.entries()) nonce[i] = (nonce[i] ?? 0) ^ byte;
  const cipher = createCipheriv(keys.encryption.length === 32 ? 'aes-256-gcm' : 'aes-128-gcm', keys.encryption, nonce);
  cipher.setAAD(plain.subarray(0, headerBytes));
  const text = Buffer.concat([cipher.update(plain.subarray(headerBytes)), cipher.final()]);
  return Buffer.concat([plain.subarray(0, headerBytes), text, cipher.getAuthTag()]);
}

for (const suite of ['AEAD_AES_256_GCM', 'AEAD_AES_128_GCM'] as const) {
  t.test(`RFC 7714 §8: packets of ${suite} are those of OpenSSL, whatever their length, header and order`, (t) => {
    const random = seeded();
    t.comment(`seed ${random.seed}`);
    const bytes = (count: number) => Buffer.from(random.bytes(count));
    const keys = { encryption: bytes(SUITES[suite].keyBytes), salt: bytes(12), authentication: Buffer.alloc(0) };
    const [sealer, opener] = [createTransform(suite, keys), createTransform(suite, keys)];
    let index = 0xfff0;
    let differing = 0;
    for (let round = 0; round < 400; round++) {
      // Mostly the next one of the same length, as calls have it; now and then anything else.
      index = random.below(10) > 0 ? index + 1 : random.below(2 ** 31) * 2 ** random.below(17);
      const headerBytes = HEADER_BYTES + 4 * (random.below(8) > 0 ? 0 : random.below(16));
      const length = headerBytes + (random.below(4) > 0 ? 160 : random.below(1400));
      const ssrc = random.below(20) > 0 ? 0xfedc_ba98 : random.below(2 ** 32);
      const plain = bytes(length);
      const expected = byOpenSsl(keys, plain, headerBytes, ssrc, index);
      const packet = Buffer.concat([plain, Buffer.alloc(16)]);
      sealer.seal(packet, headerBytes, length, ssrc, index);
      if (!packet.equals(expected)) differing++;
      const forged = Buffer.from(expected);
      const at = random.below(forged.length);
      forged[at] = (forged[at] ?? 0) ^ (1 << random.below(8));
      if (opener.open(forged, headerBytes, length, forged.subarray(length), ssrc, index)) differing++;
      if (!opener.open(expected, headerBytes, length, expected.subarray(length), ssrc, index)) differing++;
      if (!expected.subarray(0, length).equals(plain)) differing++;
    }
    t.equal(differing, 0);
    t.end();
  });
}

/** SRTCP with the key of `master` that is authenticated and not encrypted (RFC 3711 §3.4, RFC 7714 §9.2). */
function inTheClear(suite: SrtpSuite, master: Uint8Array, rtcp: Buffer): Buffer {
  const keys = deriveSrtcpKeys(suite, master);
  const word = Buffer.from([0, 0, 0, 1]);
  if (SUITES[suite].cipher === 'counter') {
    const tag = createHmac('sha1', keys.authentication).update(rtcp).update(word).digest().subarray(0, 10);
    return Buffer.concat([rtcp, word, tag]);
  }
  const iv = Buffer.from(keys.salt);
  for (let i = 0; i < 4; i++) {
    iv[2 + i] = (iv[2 + i] ?? 0) ^ (rtcp[4 + i] ?? 0);
    iv[8 + i] = (iv[8 + i] ?? 0) ^ (word[i] ?? 0);
  }
  const bits = keys.encryption.length === 32 ? 256 : 128;
  const cipher = createCipheriv(`aes-${bits}-gcm`, keys.encryption, iv).setAAD(Buffer.concat([rtcp, word]));
  cipher.final();
  return Buffer.concat([rtcp, cipher.getAuthTag(), word]);
}

t.test('RFC 3711 §3.4, RFC 7714 §17.3: SRTCP that is only authenticated is refused, from whoever has the key', (t) => {
  for (const suite of ALL) {
    const master = Buffer.alloc(masterBytes(suite), 3);
    const rtcp = hex(aead.rtcp);
    t.equal(new SrtcpReceiver(suite, master).unprotect(inTheClear(suite, master, rtcp)), undefined, suite);
    t.same(new SrtcpReceiver(suite, master).unprotect(new SrtcpSender(suite, master).protect(rtcp)), rtcp, suite);
  }
  t.end();
});

function packetOf(sequence: number): Buffer {
  const packet = Buffer.alloc(80);
  writeRtpHeader(packet, false, 0, sequence & 0xffff, 0, 0x5eed);
  return packet;
}

for (const suite of ALL) {
  const master = Buffer.alloc(masterBytes(suite), 9);

  t.test(`${suite}: RFC 3711 §3.3.1: the roll-over counter is right whichever packets around it are lost`, (t) => {
    for (const lostBefore of [0, 1, 40, 20_000]) {
      for (const lostAfter of [0, 1, 40, 12_000]) {
        const sender = new SrtpSender(suite, master, 7);
        const receiver = new SrtpReceiver(suite, master, 0, 7);
        const last = 65_535 - lostBefore;
        for (let n = last - 2; n <= last; n++) {
          const packet = packetOf(n);
          t.equal(receiver.unprotect(packet, sender.protect(packet, 60)), 60);
        }
        for (let n = last + 1; n < 65_536 + lostAfter; n++) {
          if (n > 65_534 && n < 65_538) sender.protect(packetOf(n), 60);
        }
        const after = packetOf(65_536 + lostAfter);
        const length = sender.protect(after, 60);
        t.equal(receiver.unprotect(after, length), 60, `${lostBefore} lost before, ${lostAfter} after`);
      }
    }
    t.end();
  });

  t.test(`${suite}: RFC 3711 §9.2: after 2^48 packets, or 2^31 reports, a key says and believes nothing more`, (t) => {
    const most = 2 ** 32 - 1;
    const sender = new SrtpSender(suite, master, most);
    const receiver = new SrtpReceiver(suite, master, 0, most);
    const packet = packetOf(65_535);
    t.equal(receiver.unprotect(packet, sender.protect(packet, 60)), 60, 'the last one');
    t.equal(sender.protect(packetOf(65_536), 60), 0);
    t.equal(receiver.unprotect(packetOf(1), 80), 0);
    t.equal(receiver.fault, 'exhausted');
    const reports = new SrtcpSender(suite, master, 2 ** 31 - 1);
    t.not(reports.protect(hex(aead.rtcp)).length, 0);
    t.equal(reports.protect(hex(aead.rtcp)).length, 0);
    t.end();
  });
}
