// The jitter buffer in virtual time: a network delays, loses and swaps packets, the ear hears the sender's tone.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { decodeWave } from '../../src/ops/wave.ts';
import { JitterBuffer } from '../../src/protocol/rtp/jitter-buffer.ts';
import { encodeL16 } from '../../src/protocol/rtp/l16.ts';
import type { RtpHeader } from '../../src/protocol/rtp/packet.ts';
import { l16Decoder } from '../../src/protocol/rtp/payload-decoder.ts';
import { resample } from '../../src/protocol/rtp/resample.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import { dominantFrequency, isSilent, toneLevel, totalLevel } from '../support/listen.ts';
import { seeded } from '../support/seeded.ts';
import { steadyTone } from '../support/tone-level.ts';

const STEP_SAMPLES = 160;
const PROMPT = join(import.meta.dirname, '../../config/prompts/en/voicemail/greeting.wav');

interface Sent {
  readonly arrival: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

function sentAt(arrival: number, sequence: number, timestamp: number, samples: Int16Array): Sent {
  const payload = new Uint8Array(samples.length * 2);
  encodeL16(samples, samples.length, payload, 0);
  return { arrival, sequence: sequence & 0xffff, timestamp: timestamp >>> 0, payload };
}

function headerOf({ sequence, timestamp, payload }: Sent): RtpHeader {
  return { marker: false, payloadType: 112, sequence, timestamp, ssrc: 1, payloadStart: 0, payloadEnd: payload.length };
}

/** `count` packets of `ms` each, of a tone; `delay(i)` in ms, undefined for a lost one. */
function packets(count: number, delay: (i: number) => number | undefined, ms = 20, from = 5_000, first = 0): Sent[] {
  const tone = new ToneGenerator(steadyTone([400], -12));
  const sent: Sent[] = [];
  for (let i = 0; i < count; i++) {
    const samples = new Int16Array(ms * 8);
    tone.read(samples);
    const late = delay(i);
    if (late !== undefined) sent.push(sentAt(i * ms + late, first + i, from + i * ms * 8, samples));
  }
  return sent.sort((a, b) => a.arrival - b.arrival);
}

/** What is heard in `steps` reads, at 10, 30, 50… ms; `refuse` is told of each packet that will not be. */
function listen(buffer: JitterBuffer, sent: Sent[], steps: number, refuse = (_: Sent) => {}): Int16Array {
  const heard = new Int16Array(steps * STEP_SAMPLES);
  let next = 0;
  for (let step = 0; step < steps; step++) {
    for (let p = sent[next]; p !== undefined && p.arrival <= step * 20 + 10; p = sent[++next]) {
      if (!buffer.push(headerOf(p), p.payload, l16Decoder)) refuse(p);
    }
    buffer.read(heard.subarray(step * STEP_SAMPLES, (step + 1) * STEP_SAMPLES));
  }
  return heard;
}

const SECOND = 50 * STEP_SAMPLES;
const purity = (samples: Int16Array) => toneLevel(samples, 8000, 400);

t.test('a steady network: 40 ms of delay, and then every sample as it was sent', (t) => {
  const buffer = new JitterBuffer();
  const heard = listen(
    buffer,
    packets(100, () => 5),
    102,
  );
  t.ok(isSilent(heard.subarray(0, 320)));
  const original = new Int16Array(100 * STEP_SAMPLES);
  new ToneGenerator(steadyTone([400], -12)).read(original);
  t.same(heard.subarray(320), original);
  t.equal(buffer.late, 0);
  t.end();
});

t.test('packets of 10, 30 and 60 ms are as good', (t) => {
  for (const ms of [10, 30, 60]) {
    const heard = listen(
      new JitterBuffer(),
      packets(3000 / ms, () => 5, ms),
      150,
    );
    t.ok(Math.abs(purity(heard.subarray(SECOND, 2 * SECOND)) + 12) < 0.2, `${ms} ms`);
  }
  t.end();
});

t.test('order is put right', (t) => {
  const buffer = new JitterBuffer();
  const heard = listen(
    buffer,
    packets(200, (i) => (i % 5 === 0 ? 35 : 5)),
    200,
  );
  t.equal(buffer.late, 0);
  t.ok(Math.abs(purity(heard.subarray(SECOND)) + 12) < 0.2);
  t.end();
});

t.test('jitter up to 100 ms: the delay grows until nothing is late, and shrinks when the network calms down', (t) => {
  const random = seeded(3);
  const buffer = new JitterBuffer();
  const calmFrom = 500;
  const sent = packets(3_000, (i) => (i < calmFrom ? random.below(100) : 5));
  listen(
    buffer,
    sent.filter(({ arrival }) => arrival < 5_000),
    250,
  );
  const lateAtFirst = buffer.late;
  t.ok(lateAtFirst < 25, `${lateAtFirst} of 250 late while it learned`);
  listen(
    buffer,
    sent.filter(({ arrival }) => arrival >= 5_000).map((p) => ({ ...p, arrival: p.arrival - 5_000 })),
    250,
  );
  t.ok(buffer.late - lateAtFirst <= 5, `${buffer.late - lateAtFirst} late once it knew`);
  const runOn = (fromMs: number, steps: number) => {
    const part = sent.filter(({ arrival }) => arrival >= fromMs && arrival < fromMs + steps * 20);
    listen(
      buffer,
      part.map((p) => ({ ...p, arrival: p.arrival - fromMs })),
      steps,
    );
    return buffer.delayMs;
  };
  const before = runOn(10_000, 50);
  t.ok(before >= 80 && before <= 220, `${before} ms`);
  const after = runOn(11_000, 1_500);
  t.ok(after <= 80, `after half a minute of calm: ${after} ms`);
  t.end();
});

t.test('5 % loss leaves the tone, a single lost packet no hole', (t) => {
  const random = seeded(5);
  const buffer = new JitterBuffer();
  const heard = listen(
    buffer,
    packets(500, () => (random.below(20) === 0 ? undefined : 5)),
    500,
  );
  t.equal(dominantFrequency(heard.subarray(SECOND), 8000), 400);
  t.ok(purity(heard.subarray(SECOND)) > -13.5);
  const one = listen(
    new JitterBuffer(),
    packets(50, (i) => (i === 20 ? undefined : 5)),
    50,
  );
  t.notOk(isSilent(one.subarray(22 * STEP_SAMPLES, 23 * STEP_SAMPLES)));
  t.end();
});

t.test('when the sender stops there is silence, after 60 ms of fading', (t) => {
  const heard = listen(
    new JitterBuffer(),
    packets(50, () => 5),
    150,
  );
  t.notOk(isSilent(heard.subarray(52 * STEP_SAMPLES, 54 * STEP_SAMPLES)));
  t.ok(isSilent(heard.subarray(55 * STEP_SAMPLES)));
  t.end();
});

t.test('a lost packet leaves no seam: the tone goes on through it with its phase', (t) => {
  const heard = listen(
    new JitterBuffer(),
    packets(50, (i) => (i === 20 ? undefined : 5)),
    50,
  );
  const steps = heard
    .subarray(15 * STEP_SAMPLES, 30 * STEP_SAMPLES)
    .map((sample, i, all) => sample - (all[i - 1] ?? sample));
  const steepest = 32_767 * 10 ** (-12 / 20) * 2 * Math.PI * (400 / 8000);
  const most = steps.reduce((max, step) => Math.max(max, Math.abs(step)), 0);
  t.ok(most <= steepest * 1.05, `the steepest step is ${most}, of the tone itself ${steepest.toFixed(0)}`);
  t.ok(Math.abs(purity(heard.subarray(15 * STEP_SAMPLES, 30 * STEP_SAMPLES)) + 12) < 0.3);
  t.end();
});

for (const stallMs of [200, 360, 550]) {
  t.test(`nothing is lost when the network stands still for ${stallMs} ms and then brings all at once`, (t) => {
    const stalled = (i: number) => Math.max(5, i >= 100 && i * 20 < 2_000 + stallMs ? 2_000 + stallMs - i * 20 : 5);
    const buffer = new JitterBuffer();
    const refused: Sent[] = [];
    listen(buffer, packets(400, stalled), 400, (packet) => refused.push(packet));
    t.same(refused, [], 'every packet is heard');
    // Some routers empty their queue in another order.
    const backwards = packets(400, stalled).sort((a, b) => a.arrival - b.arrival || b.sequence - a.sequence);
    listen(new JitterBuffer(), backwards, 400, (packet) => refused.push(packet));
    t.same(refused, [], 'in whatever order they come');
    t.equal(buffer.overflowed, 0);
    t.ok(Math.abs(buffer.late - (stallMs - 40) / 20) <= 2, `${buffer.late} were late`);
    t.ok(buffer.shortened >= (stallMs - 140) * 8, `${buffer.shortened / 8} ms caught up`);
    const delays = buffer.delayMs;
    t.ok(delays <= 140, `${delays} ms of delay in the end`);
    t.end();
  });
}

/** A sentence of our prompts, at 8 kHz, over and over. */
function speech(seconds: number): Int16Array {
  const sound = decodeWave(readFileSync(PROMPT));
  const once = resample(
    Int16Array.from(sound?.samples ?? [], (sample) => Math.round(sample * 32_767)),
    16_000,
    8000,
  );
  return Int16Array.from({ length: seconds * 8000 }, (_, i) => once[i % once.length] ?? 0);
}

function spoken(samples: Int16Array, delay: (i: number) => number | undefined): Sent[] {
  const sent: Sent[] = [];
  for (let i = 0; (i + 1) * STEP_SAMPLES <= samples.length; i++) {
    const late = delay(i);
    const piece = samples.subarray(i * STEP_SAMPLES, (i + 1) * STEP_SAMPLES);
    if (late !== undefined) sent.push(sentAt(i * 20 + late, i, i * STEP_SAMPLES, piece));
  }
  return sent.sort((a, b) => a.arrival - b.arrival);
}

const clicks = (samples: Int16Array, than: number) =>
  samples.filter((sample, i) => Math.abs(sample - (samples[i - 1] ?? sample)) > than).length;

t.test(
  'speech with 5 % of its packets lost: concealment is nearer to what was said than silence, and does not click',
  (t) => {
    const random = seeded(21);
    const said = speech(20);
    const lost = new Set(Array.from({ length: 1000 }, (_, i) => i).filter((i) => i > 10 && random.below(20) === 0));
    const heard = listen(
      new JitterBuffer(),
      spoken(said, (i) => (lost.has(i) ? undefined : 5)),
      1000,
    ).subarray(320);
    let [ofConcealment, ofSilence] = [0, 0];
    for (const i of lost) {
      for (let at = i * STEP_SAMPLES; at < (i + 1) * STEP_SAMPLES && at < heard.length; at++) {
        ofConcealment += ((heard[at] ?? 0) - (said[at] ?? 0)) ** 2;
        ofSilence += (said[at] ?? 0) ** 2;
      }
    }
    t.ok(lost.size > 30, `${lost.size} packets lost`);
    t.ok(ofConcealment < 0.75 * ofSilence, `error ${(ofConcealment / ofSilence).toFixed(2)} of that of silence`);
    const steepest = said.reduce((most, sample, i) => Math.max(most, Math.abs(sample - (said[i - 1] ?? sample))), 0);
    t.ok(clicks(heard, steepest) <= 2, `${clicks(heard, steepest)} steps steeper than any that was said`);
    t.end();
  },
);

t.test(
  'speech that is caught up with keeps its level and does not click; what nobody could talk over is left out',
  (t) => {
    const said = speech(20);
    for (const stallMs of [400, 3000]) {
      const buffer = new JitterBuffer();
      const heard = listen(
        buffer,
        spoken(said, (i) => 5 + (i >= 200 ? Math.max(0, stallMs - (i - 200) * 20) : 0)),
        1000,
      );
      const after = heard.subarray(8000 * (4.5 + stallMs / 1000));
      t.ok(Math.abs(totalLevel(after) - totalLevel(said)) < 1.5, `${totalLevel(after).toFixed(1)} dBFS`);
      const steepest = said.reduce((most, sample, i) => Math.max(most, Math.abs(sample - (said[i - 1] ?? sample))), 0);
      t.ok(clicks(heard, steepest) <= 2, `${clicks(heard, steepest)} clicks`);
      t.ok(buffer.delayMs < 150, `${buffer.delayMs.toFixed(0)} ms behind in the end`);
      t.equal(buffer.overflowed > 0, stallMs > 600, `${buffer.overflowed} left out after ${stallMs} ms`);
    }
    t.end();
  },
);

t.test('nothing is lost, made up or hurried when it is we who come late, and then read all at once', (t) => {
  const buffer = new JitterBuffer();
  const sent = packets(300, () => 5);
  const original = new Int16Array(300 * STEP_SAMPLES);
  new ToneGenerator(steadyTone([400], -12)).read(original);
  const heard: number[] = [];
  const frame = new Int16Array(STEP_SAMPLES);
  let next = 0;
  for (let now = 10; now < 6_000; now += 20) {
    const isStalled = now > 2_000 && now < 2_450;
    if (isStalled) continue;
    const beats = Math.floor(now / 20) + 1 - heard.length / STEP_SAMPLES;
    for (let beat = 0; beat < beats; beat++) {
      buffer.read(frame);
      heard.push(...frame);
      // The first beat after the stall comes before the packets are looked at.
      for (let p = sent[next]; p !== undefined && p.arrival <= now; p = sent[++next])
        buffer.push(headerOf(p), p.payload, l16Decoder);
    }
  }
  t.equal(buffer.late, 0);
  t.same(Int16Array.from(heard.slice(3 * STEP_SAMPLES)), original.subarray(0, heard.length - 3 * STEP_SAMPLES));
  t.end();
});

t.test('repeated packets are heard once', (t) => {
  const buffer = new JitterBuffer();
  const twice = packets(100, () => 5).flatMap((packet) => [packet, { ...packet, arrival: packet.arrival + 30 }]);
  const heard = listen(
    buffer,
    twice.sort((a, b) => a.arrival - b.arrival),
    100,
  );
  const original = new Int16Array(98 * STEP_SAMPLES);
  new ToneGenerator(steadyTone([400], -12)).read(original);
  t.same(heard.subarray(2 * STEP_SAMPLES), original);
  t.equal(buffer.late, 0);
  t.end();
});

t.test('a jump of timestamps, back or forth, is followed within 60 ms to 200 ms', (t) => {
  for (const to of [5_000_000, 0x90000000, 100]) {
    const buffer = new JitterBuffer();
    const jumped = packets(100, () => 5, 20, to, 50).map((p) => ({ ...p, arrival: p.arrival + 1_000 }));
    const heard = listen(buffer, [...packets(50, () => 5), ...jumped], 150);
    t.ok(Math.abs(purity(heard.subarray(70 * STEP_SAMPLES, 120 * STEP_SAMPLES)) + 12) < 0.2, `to ${to}`);
    t.equal(buffer.resyncs, 1);
  }
  t.end();
});

t.test('a sender whose clock stood still in a pause is heard again at once', (t) => {
  const later = packets(50, () => 5, 20, 5_000 + SECOND, 50).map((p) => ({ ...p, arrival: p.arrival + 3_000 }));
  const heard = listen(new JitterBuffer(), [...packets(50, () => 5), ...later], 210);
  t.ok(isSilent(heard.subarray(100 * STEP_SAMPLES, 150 * STEP_SAMPLES)));
  t.ok(Math.abs(purity(heard.subarray(154 * STEP_SAMPLES, 200 * STEP_SAMPLES)) + 12) < 0.2);
  t.end();
});

t.test('one packet from far off is not believed', (t) => {
  const sent = packets(100, () => 5);
  sent.splice(50, 0, sentAt(1_006, 7_000, 123_456_789, new Int16Array(160).fill(20_000)));
  const buffer = new JitterBuffer();
  const heard = listen(buffer, sent, 100);
  t.equal(buffer.resyncs, 0);
  t.ok(Math.abs(purity(heard.subarray(SECOND / 2)) + 12) < 0.2);
  t.end();
});

t.test('a sender whose clock runs fast or slow is followed for ten minutes', (t) => {
  for (const drift of [-0.001, 0.001]) {
    const buffer = new JitterBuffer();
    const sent = packets(30_000, (i) => 100 + i * 20 * drift);
    listen(buffer, sent, 29_000);
    t.ok(buffer.late < 60, `${buffer.late} late`);
    t.ok(buffer.concealed < 100, `${buffer.concealed} concealed`);
    t.equal(buffer.resyncs, 0);
  }
  t.end();
});

t.test('no order of packets and reads makes it throw', (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  const buffer = new JitterBuffer();
  const payload = random.bytes(10_000);
  const out = new Int16Array(STEP_SAMPLES);
  for (let i = 0; i < 20_000; i++) {
    const near = random.below(8_000);
    const timestamp = random.below(20) === 0 ? random.below(0xffffffff) : i * 40 + near;
    const length = random.below(20) === 0 ? random.below(10_000) : 320;
    const sent = { arrival: 0, sequence: random.below(65_536), timestamp, payload: payload.subarray(0, length) };
    buffer.push(headerOf(sent), payload, l16Decoder);
    if (random.below(3) === 0) buffer.read(out);
    if (random.below(1000) === 0) buffer.restart();
  }
  t.pass('nothing was thrown');
  t.end();
});
