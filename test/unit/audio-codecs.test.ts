// Every codec into every other: a tone that one phone says in its codec is heard by another in its own, at its pitch and as loud.
import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import t from 'tap';
import type { AudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { openAudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { decodeL16, encodeL16 } from '../../src/protocol/rtp/l16.ts';
import { loadOpus } from '../../src/protocol/rtp/opus.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import type { AudioCodec, NegotiatedAudio } from '../../src/protocol/sdp/audio.ts';
import { ALL_CODECS, CODECS } from '../../src/protocol/sdp/codecs.ts';
import { toneLevel, totalLevel } from '../support/listen.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { seeded } from '../support/seeded.ts';
import { steadyTone } from '../support/tone-level.ts';
import { VirtualNetwork } from '../support/virtual-network.ts';

await loadOpus();

const TICKS = 60;
const LEARNED_TICKS = 20;
const SPOKEN_DBFS = -20;
const TOLERANCE_DB = 1;

function session(codec: AudioCodec, remote: AudioLeg, more: Partial<NegotiatedAudio> = {}): NegotiatedAudio {
  const { type, packetMs } = CODECS[codec];
  return {
    remote: remote.local,
    codec,
    payloadTypes: { send: type, receive: type },
    telephoneEvent: { send: 101, receive: 101 },
    ...(codec === 'opus' ? { eventRate: 48_000 } : {}),
    ...(packetMs.includes(20) ? {} : { packetMs: 10 }),
    direction: 'sendrecv',
    srtp: undefined,
    ...more,
  };
}

interface Line {
  readonly phone: AudioLeg;
  readonly leg: AudioLeg;
}

interface Bench {
  readonly network: VirtualNetwork;
  line(codec: AudioCodec, more?: Partial<NegotiatedAudio>): Promise<Line>;
}

function bench(t: Test): Bench {
  const clock = new ManualClock();
  const network = new VirtualNetwork(clock);
  const open = async () => {
    const leg = await openAudioLeg({ ports: network, clock, random: randomBytes, nat: 'strict' });
    t.teardown(() => leg[Symbol.dispose]());
    return leg;
  };
  return {
    network,
    async line(codec, more) {
      const [phone, leg] = [await open(), await open()];
      phone.configure(session(codec, leg, more));
      leg.configure(session(codec, phone, more));
      // Opus is ready a turn later.
      await new Promise(setImmediate);
      return { phone, leg };
    },
  };
}

/** `from` says `hz`; its leg is bridged to the other's; what `to` hears, after the codecs have learned. */
function converse(network: VirtualNetwork, from: Line, to: Line, hz: number): Int16Array {
  const tone = new ToneGenerator(steadyTone([hz], SPOKEN_DBFS), from.phone.rate);
  const said = new Int16Array(from.phone.rate / 50);
  const size = to.phone.rate / 50;
  const heard = new Int16Array(TICKS * size);
  for (let tick = 0; tick < TICKS; tick++) {
    from.phone.read();
    tone.read(said);
    from.phone.write(said);
    network.advance(10);
    to.leg.read();
    to.leg.write(from.leg.read());
    network.advance(10);
    heard.set(to.phone.read(), tick * size);
  }
  return heard.subarray(LEARNED_TICKS * size);
}

for (const from of ALL_CODECS) {
  t.test(`${from} into each codec: the tone keeps its pitch and its level`, async (t) => {
    const { network, line } = bench(t);
    for (const to of ALL_CODECS) {
      const [a, b] = [await line(from), await line(to)];
      const hz = a.leg.rate === 16_000 && b.leg.rate === 16_000 ? 5200 : 1300;
      const heard = converse(network, a, b, hz);
      const level = toneLevel(heard, b.phone.rate, hz);
      t.ok(Math.abs(level - SPOKEN_DBFS) < TOLERANCE_DB, `into ${to}: ${hz} Hz at ${level.toFixed(2)} dBFS`);
      const all = totalLevel(heard);
      t.ok(Math.abs(all - level) < TOLERANCE_DB, `and nothing else: ${all.toFixed(2)} dBFS`);
      t.match(b.phone.stats, { lost: 0, unknownPayload: 0, malformed: 0 });
    }
  });
}

t.test('packets of every length that a codec has carry the tone, and tell the right time', async (t) => {
  const { network, line } = bench(t);
  for (const codec of ALL_CODECS) {
    for (const packetMs of CODECS[codec].packetMs) {
      const { phone, leg } = await line(codec, { packetMs });
      const away = await line('PCMU');
      const hz = 1300;
      const heard = converse(network, { phone, leg }, away, hz);
      const level = toneLevel(heard, 8000, hz);
      t.ok(Math.abs(level - SPOKEN_DBFS) < TOLERANCE_DB, `${codec}, ${packetMs} ms: ${level.toFixed(2)} dBFS`);
      const expected = Math.floor((TICKS * 20) / packetMs);
      t.ok(Math.abs(phone.stats.packetsSent - expected) <= 1, `${phone.stats.packetsSent} packets of ${expected}`);
      t.ok(leg.stats.jitterMs <= 10, `${leg.stats.jitterMs.toFixed(1)} ms of jitter: timestamps fit`);
    }
  }
});

t.test(
  'RFC 7587 §3.1.3: silence is not sent to a peer that asked for that; what comes after it is heard at its time',
  async (t) => {
    const { network, line } = bench(t);
    const opus = { maxPlaybackRate: 48_000, wantsFec: false, wantsConstantBitrate: false, wantsDtx: true };
    const { phone, leg } = await line('opus', { opus });
    const tone = new ToneGenerator(steadyTone([1300], SPOKEN_DBFS), 16_000);
    const [said, silence] = [new Int16Array(320), new Int16Array(320)];
    const say = (ticks: number, isSilent: boolean) => {
      const heard = new Int16Array(ticks * 320);
      for (let tick = 0; tick < ticks; tick++) {
        phone.read();
        if (!isSilent) tone.read(said);
        phone.write(isSilent ? silence : said);
        network.advance(20);
        heard.set(leg.read(), tick * 320);
      }
      return heard;
    };
    say(50, false);
    const before = phone.stats.packetsSent;
    const pause = say(150, true);
    const sent = phone.stats.packetsSent - before;
    t.ok(sent < 40, `${sent} packets in three seconds of silence`);
    t.ok(totalLevel(pause.subarray(-16_000)) < -55);
    const heard = say(60, false).subarray(-6400);
    t.ok(
      Math.abs(toneLevel(heard, 16_000, 1300) - SPOKEN_DBFS) < TOLERANCE_DB,
      `${toneLevel(heard, 16_000, 1300)} dBFS`,
    );
    t.match(leg.stats, { lost: 0, late: 0 });
  },
);

t.test('digits beside Opus count in its clock of 48 kHz; a long press is sent and heard as one', async (t) => {
  const { network, line } = bench(t);
  for (const more of [{}, { eventRate: 8000 }]) {
    const { phone, leg } = await line('opus', more);
    const pressed: [string, number][] = [];
    leg.onDigit = (digit, ticks) => pressed.push([digit, ticks]);
    for (const [digit, ms] of [
      ['4', 100],
      ['#', 3000],
      ['A', 40],
    ] as const)
      t.ok(phone.sendDigit(digit, ms));
    for (let tick = 0; tick < 250; tick++) {
      phone.read();
      phone.write(new Int16Array(320));
      network.advance(20);
      leg.read();
    }
    t.same(pressed, [
      ['4', 800],
      ['#', 24_000],
      ['A', 320],
    ]);
  }
});

t.test('payloads that no encoder makes are heard as something or nothing; afterwards the codec works', async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  const { network, line } = bench(t);
  for (const codec of ALL_CODECS) {
    const [broken, away] = [await line(codec), await line('PCMU')];
    for (let i = 0; i < 300; i++) {
      const packet = Buffer.concat([Buffer.alloc(12), random.bytes(random.below(1200))]);
      packet[0] = 0x80;
      packet[1] = CODECS[codec].type;
      packet.writeUInt16BE(i, 2);
      packet.writeUInt32BE((i * CODECS[codec].clockRate) / 50, 4);
      network.carry(broken.phone.local.port, broken.leg.local.port, packet);
      network.advance(20);
      broken.leg.read();
    }
    const heard = converse(network, broken, away, 1300);
    const level = toneLevel(heard.subarray(heard.length / 2), 8000, 1300);
    t.ok(Math.abs(level - SPOKEN_DBFS) < TOLERANCE_DB, `${codec}: ${level.toFixed(2)} dBFS`);
  }
});

t.test('L16 is sent most significant byte first (RFC 3551 §4.5.11)', (t) => {
  const bytes = new Uint8Array(4);
  encodeL16(Int16Array.of(0x1234, -2), 2, bytes, 0);
  t.same(bytes, Uint8Array.of(0x12, 0x34, 0xff, 0xfe));
  const samples = new Int16Array(2);
  t.equal(decodeL16(Uint8Array.of(0x80, 0, 0x7f, 0xff, 1), 0, 5, samples, 0), 2);
  t.same(samples, Int16Array.of(-32_768, 32_767));
  t.end();
});
