// G.711, tones and resampling: what comes out is what went in, as an ear and as ITU-T G.711 would have it.
import t from 'tap';
import { pcma, pcmu } from '../../src/kernel/g711.ts';
import { Resampler, resample } from '../../src/protocol/rtp/resample.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import { dominantFrequency, isSilent, toneLevel, totalLevel } from '../support/listen.ts';
import { steadyTone } from '../support/tone-level.ts';

function tone(hz: number, dbfs: number, rate: number, ms: number): Int16Array {
  const samples = new Int16Array((rate * ms) / 1000);
  new ToneGenerator(steadyTone([hz], dbfs), rate).read(samples);
  return samples;
}

for (const [name, codec] of Object.entries({ pcmu, pcma })) {
  t.test(`${name}: every code decodes to a value that encodes to it again`, (t) => {
    const codes = Uint8Array.from({ length: 256 }, (_, code) => code);
    const linear = new Int16Array(256);
    const again = new Uint8Array(256);
    codec.decode(codes, 0, 256, linear, 0);
    codec.encode(linear, 256, again, 0);
    // µ-law has two codes for zero.
    const expected = codes.map((code) => (name === 'pcmu' && code === 0x7f ? 0xff : code));
    t.same(again, expected);
    t.equal(linear[codec.silence === 0xff ? 0xff : 0xd5], name === 'pcmu' ? 0 : 8);
    t.end();
  });

  t.test(`${name}: every sample comes back within half a step, and the extremes do not wrap`, (t) => {
    const samples = Int16Array.from({ length: 65536 }, (_, i) => i - 32768);
    const coded = new Uint8Array(65536);
    const back = new Int16Array(65536);
    codec.encode(samples, 65536, coded, 0);
    codec.decode(coded, 0, 65536, back, 0);
    let worst = 0;
    const loudest = back.reduce((most, sample) => Math.max(most, sample), 0);
    for (const [i, sample] of samples.entries()) {
      const clipped = Math.max(-loudest, Math.min(loudest, sample));
      worst = Math.max(worst, Math.abs((back[i] ?? 0) - clipped) - Math.max(8, (Math.abs(sample) + 0x84) / 32));
    }
    t.ok(worst <= 1, `${worst} beyond half a step`);
    t.ok((back[0] ?? 0) < -31_000 && (back[65535] ?? 0) > 31_000);
    t.end();
  });
}

t.test('published values of G.711', (t) => {
  const decode = (codec: typeof pcmu, code: number) => {
    const out = new Int16Array(1);
    codec.decode(Uint8Array.of(code), 0, 1, out, 0);
    return out[0];
  };
  t.same(
    [0x00, 0x80, 0xff, 0xf0, 0x70].map((code) => decode(pcmu, code)),
    [-32124, 32124, 0, 120, -120],
  );
  t.same(
    [0x2a, 0xaa, 0xd5, 0x55].map((code) => decode(pcma, code)),
    [-32256, 32256, 8, -8],
  );
  t.end();
});

t.test('tones: frequency, level, two at a time, cadence and end', (t) => {
  t.equal(dominantFrequency(tone(425, -10, 8000, 500), 8000), 425);
  t.ok(Math.abs(toneLevel(tone(425, -10, 8000, 500), 8000, 425) + 10) < 0.05);
  const dial = new Int16Array(8000);
  new ToneGenerator(steadyTone([350, 440], -13)).read(dial);
  t.ok(Math.abs(toneLevel(dial, 8000, 350) + 13) < 0.05);
  t.ok(Math.abs(toneLevel(dial, 8000, 440) + 13) < 0.05);
  t.ok(toneLevel(dial, 8000, 700) < -60);
  const beeps = new ToneGenerator({
    segments: [{ frequencies: [1000], onMs: 100, offMs: 50 }],
    levelDbfs: -6,
    loops: 2,
  });
  const heard = new Int16Array(4000);
  t.equal(beeps.read(heard), 2400);
  t.ok(beeps.isOver);
  t.same(
    [0, 800, 1200, 2000, 2400].map((at) => isSilent(heard.subarray(at, at + 400))),
    [false, true, false, true, true],
  );
  t.ok(
    new ToneGenerator({ segments: [], levelDbfs: 0, loops: Number.POSITIVE_INFINITY }).isOver,
    'nothing is over at once',
  );
  const pieces = new ToneGenerator(steadyTone([425], -10, 500));
  const joined = new Int16Array(4000);
  for (let at = 0; at < 4000; at += 160) pieces.read(joined.subarray(at, at + 160));
  t.same(joined, tone(425, -10, 8000, 500));
  t.end();
});

t.test('resampling keeps speech and takes away what would fold back', (t) => {
  for (const [from, to] of [
    [16_000, 8_000],
    [8_000, 16_000],
    [24_000, 8_000],
    [44_100, 8_000],
    [48_000, 8_000],
  ] as const) {
    for (const hz of [300, 1000, 3000]) {
      const out = resample(tone(hz, -10, from, 500), from, to);
      t.equal(out.length, to / 2);
      const middle = out.subarray(to / 20, -to / 20);
      t.equal(dominantFrequency(middle, to), hz);
      t.ok(
        Math.abs(toneLevel(middle, to, hz) + 10) < 0.3,
        `${from} → ${to}, ${hz} Hz: ${toneLevel(middle, to, hz).toFixed(2)}`,
      );
      t.ok(totalLevel(middle) < -9.7, 'and nothing else');
    }
    if (from > 10_000)
      t.ok(isSilent(resample(tone(5_000, -10, from, 500), from, to).subarray(400, -400)), `${from}: 5 kHz is gone`);
  }
  t.end();
});

t.test('resampling piece by piece gives what it gives at once, and no lag at the end', (t) => {
  const samples = tone(700, -10, 16_000, 300);
  const whole = new Resampler(16_000, 8_000).process(samples);
  const piecewise = new Resampler(16_000, 8_000);
  const joined: number[] = [];
  for (let at = 0; at < samples.length; at += 333) joined.push(...piecewise.process(samples.subarray(at, at + 333)));
  t.same(joined, [...whole]);
  const click = new Int16Array(1600);
  click[800] = 30_000;
  const out = resample(click, 16_000, 8_000);
  t.equal(out.indexOf(Math.max(...out)), 400, 'a click stays where it was');
  t.end();
});
