// SRTP and SRTCP against the examples of RFC 3711 B.2, RFC 6188 §7.1 and RFC 7714 §16 and §17, and the limits of a master key.
import { createCipheriv, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { writeRtpHeader } from '../../src/protocol/rtp/packet.ts';
import { ControlCipher, SrtcpReceiver, SrtcpSender } from '../../src/protocol/rtp/srtcp.ts';
import { SrtpReceiver, SrtpSender } from '../../src/protocol/rtp/srtp.ts';
import type { SessionKeys } from '../../src/protocol/rtp/srtp-keys.ts';
import { deriveControlKeys } from '../../src/protocol/rtp/srtp-keys.ts';
import { createTransform } from '../../src/protocol/rtp/srtp-transform.ts';
import type { SrtpSuite } from '../../src/protocol/rtp/suite.ts';
import { masterBytes, SUITES } from '../../src/protocol/rtp/suite.ts';

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
    const cipher = new ControlCipher(suite, keys);
    const sealed = cipher.seal(clear, rtcp.subarray(8), aead.rtcpIndex);
    t.same(Buffer.concat([clear, sealed.body, sealed.tag]), srtcp.subarray(0, -4));
    t.same(cipher.open(clear, sealed, aead.rtcpIndex), rtcp.subarray(8));
    t.end();
  });
}

/** SRTCP with the key of `master` that is authenticated and not encrypted (RFC 3711 §3.4, RFC 7714 §9.2). */
function inTheClear(suite: SrtpSuite, master: Uint8Array, rtcp: Buffer): Buffer {
  const keys = deriveControlKeys(suite, master);
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
