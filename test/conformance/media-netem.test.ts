// What a network does to audio, in virtual time, and what is heard of it: each test names what was inflicted, and shows that without the jitter buffer it would fail.
import { randomBytes } from 'node:crypto';
import t from 'tap';
import type { AudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { openAudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import { pcmu } from '../../src/kernel/g711.ts';
import { JitterBuffer } from '../../src/protocol/rtp/jitter-buffer.ts';
import { emptyRtpHeader, parseRtp } from '../../src/protocol/rtp/packet.ts';
import { pcmuDecoder } from '../../src/protocol/rtp/payload-decoder.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { seeded } from '../support/seeded.ts';
import { steadyTone } from '../support/tone-level.ts';
import type { Affliction } from '../support/virtual-network.ts';
import { VirtualNetwork } from '../support/virtual-network.ts';

/** Not a divisor of 20 ms: a packet too much or too little breaks its phase. */
const TONE_HZ = 430;
const TONE_DBFS = -12;
const STEP = 160;

/** An ear for one tone: how much of what it hears is that tone at its level, window by window of 20 ms, half a packet off. */
class Ear {
  readonly #sine = Float64Array.from({ length: STEP }, (_, i) => Math.sin((2 * Math.PI * TONE_HZ * i) / 8000));
  readonly #cosine = Float64Array.from({ length: STEP }, (_, i) => Math.cos((2 * Math.PI * TONE_HZ * i) / 8000));
  readonly #window = new Int16Array(STEP);
  windows = 0;
  broken = 0;

  hear(step: Int16Array): void {
    this.#window.set(step.subarray(0, STEP / 2), STEP / 2);
    let [a, b] = [0, 0];
    for (let i = 0; i < STEP; i++) {
      const sample = this.#window[i] ?? 0;
      a += sample * (this.#sine[i] ?? 0);
      b += sample * (this.#cosine[i] ?? 0);
    }
    const level = 20 * Math.log10(Math.max(1, (2 * Math.sqrt(a * a + b * b)) / STEP) / 32_767);
    this.windows++;
    if (Math.abs(level - TONE_DBFS) > 1) this.broken++;
    this.#window.set(step.subarray(STEP / 2), 0);
  }

  forget(): void {
    this.windows = 0;
    this.broken = 0;
  }

  get brokenShare(): number {
    return this.broken / this.windows;
  }
}

/** What stands in the jitter buffer's place: packets are decoded as they come and played one after the other. */
class Bypass {
  readonly #header = emptyRtpHeader();
  #waiting: Int16Array[] = [];

  accept(packet: Uint8Array): void {
    if (!parseRtp(packet, packet.length, this.#header)) return;
    const samples = new Int16Array(STEP);
    pcmu.decode(packet, this.#header.payloadStart, this.#header.payloadEnd, samples, 0);
    this.#waiting.push(samples);
  }

  /** Reads for which nothing was there. */
  holes = 0;

  read(): Int16Array {
    const samples = this.#waiting.shift();
    if (samples === undefined) this.holes++;
    return samples ?? new Int16Array(STEP);
  }

  get delayMs(): number {
    return this.#waiting.length * 20;
  }
}

/** Packets that make the tone without end when they are sent in turn: it has 43 periods in five of them. */
function tonePackets(): Buffer[] {
  const tone = new ToneGenerator(steadyTone([TONE_HZ], TONE_DBFS));
  const samples = new Int16Array(STEP);
  return Array.from({ length: 5 }, () => {
    const packet = Buffer.alloc(12 + STEP);
    packet[0] = 0x80;
    tone.read(samples);
    pcmu.encode(samples, STEP, packet, 12);
    return packet;
  });
}

interface Outcome {
  readonly brokenShare: number;
  readonly leg: AudioLeg;
  readonly bypassed: { readonly brokenShare: number; readonly delayMs: number };
}

/** A minute of a tone through a network, by a leg and beside it by a bypass; the first five seconds are for learning. */
async function inflict(afflict: Affliction): Promise<Outcome> {
  const clock = new ManualClock();
  const network = new VirtualNetwork(clock);
  const open = () => openAudioLeg({ ports: network, clock, random: randomBytes, nat: 'strict' });
  const [sender, leg] = [await open(), await open()];
  const session = { codec: 'PCMU', payloadTypes: { send: 0, receive: 0 }, telephoneEvent: undefined } as const;
  sender.configure({ ...session, remote: leg.local, direction: 'sendrecv', srtp: undefined });
  leg.configure({ ...session, remote: sender.local, direction: 'sendrecv', srtp: undefined });
  const bypass = new Bypass();
  network.tap = (port, packet) => {
    if (port === leg.local.port) bypass.accept(packet);
  };
  network.afflict = afflict;
  const tone = new ToneGenerator(steadyTone([TONE_HZ], TONE_DBFS));
  const said = new Int16Array(STEP);
  const [ear, bypassed] = [new Ear(), new Ear()];
  for (let tick = 0; tick < 3000; tick++) {
    sender.read();
    tone.read(said);
    sender.write(said);
    network.advance(10);
    ear.hear(leg.read());
    bypassed.hear(bypass.read());
    network.advance(10);
    if (tick !== 250) continue;
    ear.forget();
    bypassed.forget();
  }
  return {
    brokenShare: ear.brokenShare,
    leg,
    bypassed: { brokenShare: bypassed.brokenShare, delayMs: bypass.delayMs },
  };
}

/** ITU-T G.107 as its annex writes it, for the narrow band, from what was inflicted alone. */
function expectedMos(lossPercent: number, delayMs: number): number {
  const talkOver = delayMs > 177.3 ? 0.11 * (delayMs - 177.3) : 0;
  const r = 93.2 - (95 * lossPercent) / (lossPercent + 25.1) - (0.024 * delayMs + talkOver);
  return 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r);
}

const percent = (share: number) => `${(share * 100).toFixed(2)} %`;

t.test('5 % of packets lost: concealed, told of, and worth 0.5 points of MOS', async (t) => {
  const random = seeded(11);
  const { brokenShare, leg, bypassed } = await inflict(() => (random.below(20) === 0 ? [] : [15]));
  t.ok(brokenShare < 0.02, `${percent(brokenShare)} of the tone is broken`);
  t.ok(bypassed.brokenShare > 0.05, `without the buffer ${percent(bypassed.brokenShare)}`);
  const lost = leg.stats.lost / (leg.stats.lost + leg.stats.packetsReceived);
  t.ok(Math.abs(lost - 0.05) < 0.01, `${percent(lost)} reported as lost`);
  const expected = expectedMos(lost * 100, 20 + 15 + leg.stats.bufferMs);
  t.ok(
    Math.abs(leg.stats.mos - expected) < 0.1,
    `MOS ${leg.stats.mos.toFixed(2)}, ${expected.toFixed(2)} by what was inflicted`,
  );
  t.ok(leg.stats.mos < expectedMos(0, 50) - 0.3, 'and worse than without loss');
});

t.test('jitter of 60 ms: nothing is lost, nothing broken once it is known', async (t) => {
  const random = seeded(12);
  const { brokenShare, leg, bypassed } = await inflict(() => [20 + random.below(60)]);
  t.ok(brokenShare < 0.01, `${percent(brokenShare)} of the tone is broken`);
  t.ok(bypassed.brokenShare > 0.2, `without the buffer ${percent(bypassed.brokenShare)}`);
  t.equal(leg.stats.lost, 0);
  t.ok(leg.stats.late < 15, `${leg.stats.late} late`);
  t.ok(
    Math.abs(leg.stats.jitterMs - 20) < 8,
    `${leg.stats.jitterMs.toFixed(1)} ms of jitter by RFC 3550, 20 for such a network`,
  );
  t.ok(leg.stats.bufferMs <= 160, `${leg.stats.bufferMs} ms of delay`);
  const expected = expectedMos((100 * leg.stats.late) / 3000, 20 + 50 + leg.stats.bufferMs);
  t.ok(
    Math.abs(leg.stats.mos - expected) < 0.15,
    `MOS ${leg.stats.mos.toFixed(2)}, ${expected.toFixed(2)} by what was inflicted`,
  );
});

t.test('every fourth packet 45 ms later than the others: order is put right', async (t) => {
  const { brokenShare, leg, bypassed } = await inflict((index) => [index % 4 === 0 ? 50 : 5]);
  t.ok(brokenShare < 0.005, `${percent(brokenShare)} of the tone is broken`);
  t.ok(bypassed.brokenShare > 0.2, `without the buffer ${percent(bypassed.brokenShare)}`);
  t.equal(leg.stats.lost, 0);
});

t.test('every third packet twice, the second 30 ms after the first: heard once', async (t) => {
  const { brokenShare, leg, bypassed } = await inflict((index) => (index % 3 === 0 ? [5, 35] : [5]));
  t.equal(brokenShare, 0);
  t.ok(bypassed.brokenShare > 0.2, `without the buffer ${percent(bypassed.brokenShare)}`);
  t.ok(bypassed.delayMs > 10_000, `and ${bypassed.delayMs} ms behind in the end`);
  t.match(leg.stats, { lost: 0, late: 0 });
  t.ok(leg.stats.mos > expectedMos(0, 20 + 5 + 60) - 0.05, `MOS ${leg.stats.mos.toFixed(2)}`);
});

t.test('the network stands still for 400 ms every ten seconds, then brings all at once', async (t) => {
  const { brokenShare, leg, bypassed } = await inflict((index) => [5 + Math.max(0, 400 - (index % 500) * 20)]);
  t.ok(brokenShare < 0.055, `${percent(brokenShare)} of the tone is broken: the time that nothing came`);
  const expected = expectedMos((100 * 5 * 17) / 3000, 20 + 5 + 60);
  t.ok(
    Math.abs(leg.stats.mos - expected) < 0.15,
    `MOS ${leg.stats.mos.toFixed(2)}, ${expected.toFixed(2)} by what was inflicted`,
  );
  t.ok(leg.stats.bufferMs <= 100, `${leg.stats.bufferMs} ms of delay: what came late was caught up with`);
  t.ok(bypassed.delayMs >= 380, `without the buffer ${bypassed.delayMs} ms`);
  t.equal(leg.stats.lost, 0);
});

for (const drift of [200e-6, -200e-6]) {
  t.test(`a sender's clock off by ${drift * 1e6} ppm for four hours`, (t) => {
    const buffer = new JitterBuffer();
    const bypass = new Bypass();
    const ear = new Ear();
    const heard = new Int16Array(STEP);
    const packets = tonePackets();
    const header = emptyRtpHeader();
    const period = 20 / (1 + drift);
    const steps = 4 * 3600 * 50;
    let mostDelay = 0;
    let sent = 0;
    for (let step = 0; step < steps; step++) {
      for (; sent * period <= step * 20 + 10; sent++) {
        const packet = packets[sent % packets.length] ?? Buffer.alloc(0);
        packet.writeUInt16BE(sent & 0xffff, 2);
        packet.writeUInt32BE((sent * STEP) >>> 0, 4);
        parseRtp(packet, packet.length, header);
        buffer.push(header, packet, pcmuDecoder);
        bypass.accept(packet);
      }
      buffer.read(heard);
      ear.hear(heard);
      bypass.read();
      if (step === 500) ear.forget();
      mostDelay = Math.max(mostDelay, buffer.delayMs);
    }
    const slipped = (4 * 3600 * 200e-6 * 1000).toFixed(0);
    const made = (buffer.lengthened - buffer.shortened) / 8;
    t.ok(ear.broken <= 20, `${ear.broken} of ${ear.windows} windows broken while ${slipped} ms slipped by`);
    t.ok(Math.abs(Math.abs(made) - 2880) < 150, `${made.toFixed(0)} ms of it were made up for`);
    t.ok(mostDelay <= 120, `at most ${mostDelay} ms of delay`);
    t.match(buffer, { late: 0, resyncs: 0, overflowed: 0 });
    if (drift > 0) t.ok(bypass.delayMs > 2500, `without the buffer ${bypass.delayMs} ms behind in the end`);
    else t.ok(bypass.holes > 100, `without the buffer ${bypass.holes} holes`);
    t.end();
  });
}
