// Who is heard and who is not: floods, replays, wrong keys, wrong sources, and peers that a NAT moves. Each asserts what the party hears.
import type { Test } from 'tap';
import t from 'tap';
import { noCounts } from '../../src/engine/media-server/audio/counters.ts';
import { InboundAudio } from '../../src/engine/media-server/audio/inbound.ts';
import { controllerAt } from '../../src/engine/media-server/host/own-addresses.ts';
import { warnSeldom } from '../../src/engine/media-server/host/warn-seldom.ts';
import { pcmu } from '../../src/kernel/g711.ts';
import { writeRtpHeader } from '../../src/protocol/rtp/packet.ts';
import { SrtpSender } from '../../src/protocol/rtp/srtp.ts';
import type { SrtpSuite } from '../../src/protocol/rtp/srtp-suite.ts';
import { masterBytes, SUITES } from '../../src/protocol/rtp/srtp-suite.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import type { NegotiatedAudio } from '../../src/protocol/sdp/audio.ts';
import { dominantFrequency } from '../support/listen.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { seeded } from '../support/seeded.ts';
import { steadyTone } from '../support/tone-level.ts';

const HEADER_BYTES = 12;
const TICK_SAMPLES = 160;
const HZ = 440;
const PEER = { host: '192.0.2.1', port: 4000 };
const MOVED = { host: '198.51.100.7', port: 9000 };
const ALL = Object.keys(SUITES) as SrtpSuite[];
type Place = typeof PEER;

/** A phone that says a tone, a packet at a time. */
class Talker {
  readonly #sender: SrtpSender | undefined;
  readonly #tone = new ToneGenerator(steadyTone([HZ], -12));
  readonly #ssrc: number;
  #sent = 0;

  constructor(suite?: SrtpSuite, fill = 1, ssrc = 0x5eed) {
    this.#sender = suite === undefined ? undefined : new SrtpSender(suite, masterOf(suite, fill));
    this.#ssrc = ssrc;
  }

  next(): Buffer {
    const packet = Buffer.alloc(HEADER_BYTES + TICK_SAMPLES + 16);
    writeRtpHeader(packet, this.#sent === 0, 0, this.#sent & 0xffff, this.#sent * TICK_SAMPLES, this.#ssrc);
    const samples = new Int16Array(TICK_SAMPLES);
    this.#tone.read(samples);
    pcmu.encode(samples, TICK_SAMPLES, packet, HEADER_BYTES);
    this.#sent++;
    const length = this.#sender?.protect(packet, HEADER_BYTES + TICK_SAMPLES) ?? HEADER_BYTES + TICK_SAMPLES;
    return packet.subarray(0, length);
  }
}

function masterOf(suite: SrtpSuite, fill: number): Uint8Array {
  return new Uint8Array(masterBytes(suite)).fill(fill);
}

function ear(suite?: SrtpSuite, { mayLatch = true, ...more }: Partial<NegotiatedAudio> & { mayLatch?: boolean } = {}) {
  const clock = new ManualClock();
  const counters = noCounts();
  const inbound = new InboundAudio(clock, counters, mayLatch, () => undefined);
  const key = (fill: number, of: SrtpSuite) => ({ master: masterOf(of, fill), mkiBytes: 0 });
  /** With the peer's key made of `fill`. */
  const agree = (fill = 1) =>
    inbound.configure({
      remote: PEER,
      codec: 'PCMU',
      payloadTypes: { send: 0, receive: 0 },
      telephoneEvent: { send: 101, receive: 101 },
      direction: 'sendrecv',
      srtp: suite === undefined ? undefined : { suite, local: key(2, suite), remote: key(fill, suite) },
      ...more,
    });
  agree();
  const accept = (packet: Uint8Array, { host, port }: Place) => inbound.accept(packet, host, port);
  /** What is heard in `ticks`, each begun by `each`. */
  const hear = (ticks: number, each: () => void = () => undefined): number | undefined => {
    const heard = new Int16Array(ticks * TICK_SAMPLES);
    for (let tick = 0; tick < ticks; tick++) {
      clock.advance(20);
      each();
      heard.set(inbound.read(), tick * TICK_SAMPLES);
    }
    return dominantFrequency(heard.subarray(heard.length / 2), 8000);
  };
  return { inbound, counters, accept, hear, agree, clock };
}

function hearsTone(t: Test, hz: number | undefined, message: string): void {
  t.ok(hz !== undefined && Math.abs(hz - HZ) < 3, `${message}: ${hz} Hz`);
}

for (const suite of ALL) {
  t.test(`${suite}: the right key is heard; a wrong key, no key at all and a replay yield no audio`, (t) => {
    const talker = new Talker(suite);
    const good = ear(suite);
    const kept: Buffer[] = [];
    const say = () => {
      const packet = talker.next();
      kept.push(Buffer.from(packet));
      good.accept(packet, PEER);
    };
    hearsTone(t, good.hear(40, say), 'the right key');
    good.hear(20);
    const taken = good.counters.packetsReceived;
    t.equal(
      good.hear(40, () => good.accept(Buffer.from(kept.shift() ?? []), PEER)),
      undefined,
      'all of it once more',
    );
    t.equal(good.counters.packetsReceived, taken);
    t.equal(good.counters.replays, 40);

    for (const wrong of [new Talker(suite, 9), new Talker()]) {
      const { counters, accept, hear } = ear(suite);
      t.equal(
        hear(40, () => accept(wrong.next(), PEER)),
        undefined,
      );
      t.equal(counters.packetsReceived, 0);
    }
    t.end();
  });
}

t.test('a flood is cut before it costs a decryption, and the audio in it goes on', (t) => {
  for (const suite of [undefined, ...ALL]) {
    const { counters, accept, hear } = ear(suite);
    const talker = new Talker(suite);
    hearsTone(
      t,
      hear(40, () => accept(talker.next(), PEER)),
      'before',
    );
    const junk = suite === undefined ? Buffer.of(1, 2, 3) : new Talker(suite, 9).next();
    const flood = () => {
      for (let i = 0; i < 1_000; i++) accept(junk, PEER);
    };
    hear(20, flood);
    const lookedAt = counters.authFailures + counters.malformed + counters.replays;
    t.ok(lookedAt <= 500, `${lookedAt} of 20,000 were looked at`);
    t.equal(counters.flooded + lookedAt, 20_000);
    hear(20);
    hearsTone(
      t,
      hear(40, () => accept(talker.next(), PEER)),
      'after',
    );
  }
  t.end();
});

t.test('a flood from elsewhere takes nothing from the party that is heard', (t) => {
  for (const suite of [undefined, 'AEAD_AES_256_GCM' as const]) {
    const { counters, accept, hear } = ear(suite);
    const [talker, junk] = [new Talker(suite), new Talker(suite, 9)];
    accept(talker.next(), PEER);
    const noise = junk.next();
    const both = () => {
      for (let i = 0; i < 200; i++) accept(noise, MOVED);
      accept(talker.next(), PEER);
    };
    hearsTone(t, hear(40, both), 'within the flood');
    t.equal(counters.wrongSource, 8_000);
    t.equal(counters.flooded, 0);
  }
  t.end();
});

t.test('a flood of strangers, before the first packet or in a pause of the party, takes nothing from it', (t) => {
  const suite = 'AEAD_AES_256_GCM';
  const { counters, accept, hear } = ear(suite);
  const [talker, noise] = [new Talker(suite), new Talker(suite, 9).next()];
  const flood = () => {
    for (let i = 0; i < 300; i++) accept(noise, MOVED);
  };
  const both = () => {
    flood();
    accept(talker.next(), PEER);
  };
  hear(40, flood);
  hear(20, both);
  t.equal(counters.packetsReceived, 20, 'from the first packet on');
  hear(40, flood);
  hear(20, both);
  t.equal(counters.packetsReceived, 40, 'and from the first one after a pause');
  t.ok(counters.authFailures < 50 + 120 * 5 + 10, `${counters.authFailures} of 36,000 were looked at`);
  t.end();
});

t.test('a party that a NAT moves is heard from its new place once the old one is silent, if its key proves it', (t) => {
  const suite = 'AES_CM_128_HMAC_SHA1_80';
  const { inbound, counters, accept, hear } = ear(suite);
  const talker = new Talker(suite);
  const kept: Buffer[] = [];
  hear(40, () => {
    const packet = talker.next();
    kept.push(Buffer.from(packet));
    accept(packet, PEER);
  });
  accept(talker.next(), MOVED);
  t.match(inbound.source, PEER, 'not while the old place talks: somebody may only have been quicker with a copy');
  hear(20);
  const thief = new Talker(suite, 9);
  hear(5, () => accept(thief.next(), MOVED));
  hear(5, () => accept(Buffer.from(kept.shift() ?? []), MOVED));
  t.match(inbound.source, PEER, 'neither another key nor a replay moves it');
  t.equal(counters.packetsReceived, 40);
  hearsTone(
    t,
    hear(40, () => accept(talker.next(), MOVED)),
    'from the new place',
  );
  t.match(inbound.source, MOVED);
  t.end();
});

t.test(
  'new keys in a call: what is on its way with the old one is heard, until the new one is, and two seconds at most',
  (t) => {
    for (const suite of ['AEAD_AES_256_GCM', 'AES_CM_128_HMAC_SHA1_32'] as const) {
      const { counters, accept, hear, agree } = ear(suite);
      const [old, renewed] = [new Talker(suite, 1, 1), new Talker(suite, 3, 2)];
      hear(40, () => accept(old.next(), PEER));
      const copy = old.next();
      accept(Buffer.from(copy), PEER);
      agree(3);
      hearsTone(
        t,
        hear(20, () => accept(old.next(), PEER)),
        'no gap before the peer has our answer',
      );
      const taken = counters.packetsReceived;
      accept(copy, PEER);
      t.equal(counters.packetsReceived, taken, 'a replay of the old key is none the less one');
      hearsTone(
        t,
        hear(40, () => accept(renewed.next(), PEER)),
        'then the new key',
      );
      const refused = counters.authFailures;
      hear(10, () => accept(old.next(), PEER));
      t.equal(counters.authFailures, refused + 10, 'and the old one no more');
    }
    const silent = ear('AEAD_AES_256_GCM');
    const old = new Talker('AEAD_AES_256_GCM');
    silent.hear(20, () => silent.accept(old.next(), PEER));
    silent.agree(3);
    for (let tick = 0; tick < 100; tick++) silent.inbound.read();
    t.equal(
      silent.hear(20, () => silent.accept(old.next(), PEER)),
      undefined,
      'after two seconds the old key is worth nothing',
    );
    t.end();
  },
);

t.test('what an earlier call still sends from another port of the host gives way to the address of the SDP', (t) => {
  const { inbound, accept, hear } = ear();
  const [left, talker] = [new Talker(undefined, 1, 9), new Talker()];
  const OLD = { ...PEER, port: 4100 };
  hear(5, () => accept(left.next(), OLD));
  t.match(inbound.source, OLD);
  const both = () => {
    accept(talker.next(), PEER);
    accept(left.next(), OLD);
  };
  hearsTone(t, hear(40, both), 'the party itself');
  t.match(inbound.source, PEER, 'and the other is not heard any more');
  t.end();
});

t.test('the packets of a long press are no jitter', (t) => {
  const { inbound, accept, clock } = ear();
  let sent = 0;
  const say = () => {
    const isEvent = sent >= 50 && sent < 150;
    const packet = Buffer.alloc(isEvent ? 16 : 172);
    writeRtpHeader(packet, false, isEvent ? 101 : 0, sent, (isEvent ? 50 : sent) * TICK_SAMPLES, 1);
    if (isEvent) packet.writeUInt32BE(0x05_0a_00_00 + (sent - 49) * TICK_SAMPLES, 12);
    sent++;
    accept(packet, PEER);
  };
  for (let tick = 0; tick < 160; tick++) {
    clock.advance(20);
    say();
    inbound.read();
  }
  t.ok(inbound.jitterMs < 1, `${inbound.jitterMs} ms`);
  t.end();
});

t.test('plain RTP never moves; and where the policy fixes the address, nothing but that address is heard', (t) => {
  const plain = ear();
  const talker = new Talker();
  hearsTone(
    t,
    plain.hear(40, () => plain.accept(talker.next(), PEER)),
    'from its place',
  );
  plain.hear(40);
  t.equal(
    plain.hear(40, () => plain.accept(talker.next(), MOVED)),
    undefined,
  );
  t.equal(
    plain.hear(40, () => plain.accept(talker.next(), { ...PEER, port: 4001 })),
    undefined,
    'nor to another port',
  );

  for (const more of [{ mayLatch: false }, { isAddressFixed: true }]) {
    for (const suite of [undefined, 'AEAD_AES_128_GCM' as const]) {
      const { counters, accept, hear } = ear(suite, more);
      const fixed = new Talker(suite);
      t.equal(
        hear(20, () => accept(fixed.next(), MOVED)),
        undefined,
      );
      t.equal(
        hear(20, () => accept(fixed.next(), { ...PEER, port: 4001 })),
        undefined,
      );
      t.equal(counters.wrongSource, 40);
      hearsTone(
        t,
        hear(40, () => accept(fixed.next(), PEER)),
        'its own address',
      );
    }
  }
  t.end();
});

t.test('no bytes from the right place throw, whatever the keys; the good packet among them is heard', (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  for (const suite of [undefined, ...ALL]) {
    const { accept, hear } = ear(suite);
    const talker = new Talker(suite);
    const noise = () => {
      for (let i = 0; i < 5; i++) {
        const packet = Buffer.from(random.bytes(random.below(300)));
        // Without keys whoever is at the right address is believed; then only what cannot be audio of the stream may be thrown in.
        if (packet.length > 0) packet[0] = suite === undefined ? random.below(128) : 0x80 | random.below(64);
        accept(packet, PEER);
      }
      accept(talker.next(), PEER);
    };
    hearsTone(t, hear(50, noise), suite ?? 'plain');
  }
  t.end();
});

t.test('what an application can do as often as it likes is logged once a minute, each thing for itself', (t) => {
  const clock = new ManualClock();
  const told: string[] = [];
  const nothing = () => undefined;
  const warn = (sentence: string) => told.push(sentence);
  const seldom = warnSeldom(clock, { debug: nothing, info: nothing, warn, error: nothing, fatal: nothing });
  for (let knock = 0; knock < 240; knock++) {
    seldom('refused');
    if (knock === 100) seldom('not spoken');
    clock.advance(250);
  }
  t.same(told, ['refused', 'not spoken']);
  seldom('refused');
  t.same(told, ['refused', 'not spoken', 'refused']);
  t.end();
});

t.test(
  'whatever streams do – sequence, time, source, type, codec and length at random – what is heard keeps its shape and scores their scale',
  (t) => {
    const random = seeded();
    t.comment(`seed ${random.seed}`);
    const pick = <Value>(values: readonly [Value, ...Value[]]): Value =>
      values[random.below(values.length)] ?? values[0];
    for (let stream = 0; stream < 40; stream++) {
      const { inbound, accept, agree, clock } = ear(undefined, {
        codec: pick(['PCMU', 'PCMA', 'G722', 'L16/8000', 'L16/44100']),
      });
      const shape = inbound.read().length;
      let [sequence, timestamp, ssrc] = [random.below(65_536), random.below(2 ** 31), 1];
      for (let step = 0; step < 100; step++) {
        clock.advance(pick([20, 20, 0, 200]));
        for (let count = random.below(5); count > 0; count--) {
          const packet = Buffer.from(random.bytes(12 + pick([0, 1, 3, 4, 80, 160, 161, 480, 960, 1440])));
          sequence = (sequence + pick([1, 1, 1, 2, 0, 65_535, 32_768])) & 0xffff;
          timestamp = (timestamp + pick([160, 160, 320, 960, 0, 2 ** 32 - 160, 8000, 2 ** 30, 2 ** 31])) >>> 0;
          if (random.below(50) === 0) ssrc = random.below(4);
          writeRtpHeader(packet, random.below(9) === 0, pick([0, 0, 0, 8, 9, 13, 101]), sequence, timestamp, ssrc);
          accept(packet, PEER);
        }
        if (random.below(60) === 0) agree();
        const { lost, late, jitterMs, bufferMs } = inbound;
        const isSane = [lost, late, jitterMs, bufferMs].every((count) => count >= 0 && count < 1e9);
        if (inbound.read().length !== shape || !isSane) t.fail(`${lost} ${late} ${jitterMs} ${bufferMs}`);
      }
    }
    t.pass('in 40 streams');
    t.end();
  },
);

t.test('a call is handed to a controller on this machine alone, by whichever of its addresses', (t) => {
  const own = () => ['127.0.0.1', '192.0.2.2'];
  t.same(
    controllerAt('192.0.2.2:9000', own),
    { host: '192.0.2.2', port: 9000 },
    'as drachtio-fsmrf names it by default',
  );
  t.same(controllerAt('127.8.0.1:9000|192.0.2.9:1', own), { host: '127.8.0.1', port: 9000 });
  t.same(controllerAt('0.0.0.0:9000', own), { host: '127.0.0.1', port: 9000 }, 'and where there is no outside address');
  for (const far of ['192.0.2.9:9000', '192.0.2.2:0', '192.0.2.2:65536', '192.0.2.2', 'example.org:9000', '']) {
    t.equal(controllerAt(far, own), undefined, far);
  }
  t.end();
});
