// SRTP: against published vectors, over loss and roll-over, and against whoever has not the key.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { writeRtpHeader } from '../../src/protocol/rtp/packet.ts';
import { SrtpReceiver, SrtpSender } from '../../src/protocol/rtp/srtp.ts';
import { deriveSessionKeys } from '../../src/protocol/rtp/srtp-keys.ts';
import type { SrtpSuite } from '../../src/protocol/rtp/srtp-suite.ts';
import { masterBytes, SUITES } from '../../src/protocol/rtp/srtp-suite.ts';
import { seeded } from '../support/seeded.ts';

interface Derivation {
  suite: SrtpSuite;
  master: string;
  encryption: string;
  salt: string;
  authentication: string;
}
interface Packet {
  suite: SrtpSuite;
  master: string;
  rtp: string;
  srtp: string;
}

const vectors = (name: string) =>
  JSON.parse(readFileSync(new URL(`../vectors/srtp/${name}.json`, import.meta.url), 'utf8'));
const derivations: Derivation[] = vectors('rfc3711-b3').derivations;
const packets: Packet[] = vectors('libsrtp').packets;
const hex = (text: string) => Buffer.from(text, 'hex');
const ALL = Object.keys(SUITES) as SrtpSuite[];

for (const { suite, master, encryption, salt, authentication } of derivations) {
  t.test(`RFC 3711 §4.3: session keys of ${suite} are those of the published example`, (t) => {
    const keys = deriveSessionKeys(suite, hex(master));
    t.equal(keys.encryption.toString('hex'), encryption);
    t.equal(keys.salt.toString('hex'), salt);
    t.equal(keys.authentication.toString('hex'), authentication);
    t.end();
  });
}

for (const { suite, master, rtp, srtp } of packets) {
  t.test(`${suite}: the packet that libsrtp makes, both ways`, (t) => {
    const packet = Buffer.alloc(100);
    hex(rtp).copy(packet);
    const length = new SrtpSender(suite, hex(master)).protect(packet, rtp.length / 2);
    t.equal(packet.subarray(0, length).toString('hex'), srtp);
    const opened = new SrtpReceiver(suite, hex(master)).unprotect(packet, length);
    t.equal(packet.subarray(0, opened).toString('hex'), rtp);
    t.end();
  });
}

/** A sender, and what it sends from its packet `from` on: packet number `n` carries `n` in its payload. */
function stream(suite: SrtpSuite, master: Uint8Array, firstSequence: number, from = 0, ssrc = 0x5eed) {
  const sender = new SrtpSender(suite, master, (firstSequence + from) >> 16);
  let sent = from;
  return (): Buffer => {
    const packet = Buffer.alloc(200);
    const start = writeRtpHeader(packet, false, 0, (firstSequence + sent) & 0xffff, sent * 160, ssrc);
    packet.fill(0x55, start, start + 160);
    packet.writeUInt32BE(sent++, start);
    return packet.subarray(0, sender.protect(packet, start + 160));
  };
}

function open(receiver: SrtpReceiver, packet: Uint8Array): number | string {
  const copy = Buffer.from(packet);
  const length = receiver.unprotect(copy, copy.length);
  return length === 0 ? receiver.fault : copy.readUInt32BE(12);
}

for (const suite of ALL) {
  const random = seeded(7);
  const master = random.bytes(masterBytes(suite));

  t.test(
    `${suite}: RFC 3711 §3.3.1: the roll-over counter stays right while packets around it are lost or late`,
    (t) => {
      const next = stream(suite, master, 65_500);
      const receiver = new SrtpReceiver(suite, master);
      let held: Buffer | undefined;
      for (let n = 0; n < 300; n++) {
        const packet = next();
        if (n > 20 && n < 60 && n !== 35) continue; // lost across the roll-over at 36
        if (n === 35) held = packet;
        else t.equal(open(receiver, packet), n);
        if (n === 70 && held) t.equal(open(receiver, held), 35, 'one from before the roll-over comes late');
      }
      t.end();
    },
  );

  t.test(
    `${suite}: the counter is found again behind a loss of any length, and where the first roll-over was lost`,
    (t) => {
      for (const { first, lost } of [
        { first: 65_500, lost: 33_000 },
        { first: 100, lost: 70_000 },
        { first: 40_000, lost: 140_000 },
      ]) {
        const skip = stream(suite, master, first);
        const receiver = new SrtpReceiver(suite, master);
        const before = skip();
        t.equal(open(receiver, before), 0);
        const next = stream(suite, master, first, 1 + lost);
        const heard = Array.from({ length: 40 }, () => open(receiver, next()));
        const from = heard.findIndex((one) => typeof one === 'number');
        t.ok(from >= 0 && from < 8, `heard from packet ${from} on`);
        t.same(
          heard.slice(from),
          Array.from({ length: 40 - from }, (_, n) => 1 + lost + from + n),
          'and then every one',
        );
        t.type(open(receiver, before), 'string', 'what was heard before is not heard again');
      }
      const next = stream(suite, master, 65_530, 10);
      const receiver = new SrtpReceiver(suite, master);
      t.ok(
        Array.from({ length: 8 }, () => open(receiver, next())).some((one) => typeof one === 'number'),
        'who is first heard behind a roll-over is heard',
      );
      t.end();
    },
  );

  t.test(`${suite}: however often the peer changes its source, what came once is not taken again`, (t) => {
    const receiver = new SrtpReceiver(suite, master);
    const firsts = Array.from({ length: 300 }, (_, ssrc) => stream(suite, master, 7, 0, ssrc)());
    const taken = firsts.filter((packet) => open(receiver, packet) === 0).length;
    t.ok(taken >= 64, `${taken} sources`);
    t.notOk(
      firsts.some((packet) => typeof open(receiver, packet) === 'number'),
      'none of it once more',
    );
    t.end();
  });

  t.test(`${suite}: a packet is taken once, and never with another key, another header or a changed byte`, (t) => {
    const next = stream(suite, master, 100);
    const receiver = new SrtpReceiver(suite, master);
    const first = next();
    t.equal(open(receiver, first), 0);
    t.equal(open(receiver, first), 'replayed');
    const second = next();
    for (let at = 0; at < second.length; at += 7) {
      const bad = Buffer.from(second);
      bad[at] = (bad[at] ?? 0) ^ 1;
      t.type(open(receiver, bad), 'string', `byte ${at} changed`);
    }
    t.equal(open(new SrtpReceiver(suite, random.bytes(masterBytes(suite))), second), 'not-authentic');
    t.equal(open(receiver, second), 1, 'forgeries did not use up the place of the good one');
    for (let n = 2; n < 200; n++) open(receiver, next());
    t.equal(open(receiver, first), 'replayed', 'older than the window');
    t.end();
  });

  t.test(`${suite}: an MKI that the peer's key asks for is skipped`, (t) => {
    const packet = stream(suite, master, 1)();
    const { cipher, tagBytes } = SUITES[suite];
    const at = cipher === 'gcm' ? packet.length : packet.length - tagBytes;
    const withMki = Buffer.concat([packet.subarray(0, at), Buffer.from([0, 0, 0, 1]), packet.subarray(at)]);
    t.equal(open(new SrtpReceiver(suite, master, 4), withMki), 0);
    t.end();
  });
}

t.test('no bytes at all make a receiver throw, and none but the sender are believed', (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  for (const suite of ALL) {
    const receiver = new SrtpReceiver(suite, random.bytes(masterBytes(suite)));
    for (let i = 0; i < 500; i++) {
      const packet = random.bytes(random.below(80));
      if (packet.length > 0 && i % 2 === 0) packet[0] = 0x80 | (random.below(64) & 0x3f);
      if (receiver.unprotect(packet, packet.length) !== 0) t.fail('random bytes were believed');
    }
    t.equal(receiver.unprotect(random.bytes(3000), 3000), 0);
  }
  t.end();
});
