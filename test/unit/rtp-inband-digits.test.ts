// Digits in the audio itself: each found once at the levels and twists that telephones have, and none in speech, music or noise.
import { execFileSync, spawnSync } from 'node:child_process';
import t from 'tap';
import { pcmu } from '../../src/kernel/g711.ts';
import { DtmfDetector } from '../../src/protocol/rtp/dtmf-detector.ts';
import { seeded } from '../support/seeded.ts';

const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477, 1633];
const KEYS = '123A456B789C*0#D';

interface Press {
  readonly onMs?: number;
  readonly offMs?: number;
  readonly lowDbfs?: number;
  readonly highDbfs?: number;
  readonly off?: number;
}

/** Digits as a telephone makes them, `off` as a share off the right frequencies. */
function pressed(digits: string, press: Press = {}): Int16Array {
  const { onMs = 80, offMs = 80, lowDbfs = -14, highDbfs = -12, off = 0 } = press;
  const samples: number[] = Array.from({ length: 200 }, () => 0);
  for (const digit of digits) {
    const key = KEYS.indexOf(digit);
    const [low, high] = [ROWS[key >> 2] ?? 0, COLUMNS[key & 3] ?? 0].map((hz) => hz * (1 + off));
    for (let i = 0; i < onMs * 8; i++) {
      const tone = (hz: number, dbfs: number) => 32_767 * 10 ** (dbfs / 20) * Math.sin((2 * Math.PI * hz * i) / 8000);
      samples.push(tone(low ?? 0, lowDbfs) + tone(high ?? 0, highDbfs));
    }
    for (let i = 0; i < offMs * 8; i++) samples.push(0);
  }
  return Int16Array.from(samples);
}

/** Through µ-law and noise at -50 dBFS, as on a line. */
function found(samples: Int16Array, noise?: { below(limit: number): number }): string {
  let digits = '';
  const detector = new DtmfDetector((digit) => {
    digits += digit;
  });
  const coded = new Uint8Array(samples.length);
  const noisy = noise === undefined ? samples : samples.map((sample) => sample + noise.below(200) - 100);
  pcmu.encode(noisy, noisy.length, coded, 0);
  const heard = new Int16Array(samples.length);
  pcmu.decode(coded, 0, coded.length, heard, 0);
  for (let at = 0; at + 160 <= heard.length; at += 160) detector.step(heard.subarray(at, at + 160));
  return digits;
}

t.test('ITU-T Q.24: every digit once, loud and soft, twisted, a little off, long and short', (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  const presses: readonly Press[] = [
    {},
    { lowDbfs: -6, highDbfs: -6 },
    { lowDbfs: -32, highDbfs: -32 },
    { lowDbfs: -12, highDbfs: -19 },
    { lowDbfs: -18, highDbfs: -14 },
    { off: 0.015 },
    { off: -0.015 },
    { onMs: 60, offMs: 60 },
    { onMs: 40, offMs: 45 },
    { onMs: 2_000 },
  ];
  for (const press of presses) t.equal(found(pressed(KEYS, press), random), KEYS, JSON.stringify(press));
  for (const offMs of [40, 41, 45, 80]) {
    t.equal(
      found(pressed('5511'.repeat(8), { onMs: 40, offMs }), random),
      '5511'.repeat(8),
      'the same digit twice is two',
    );
  }
  t.end();
});

t.test('what is no digit: one tone alone, too much twist, a click, noise', (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  const silent = -120;
  t.equal(found(pressed(KEYS, { highDbfs: silent })), '');
  t.equal(found(pressed(KEYS, { lowDbfs: -10, highDbfs: -25 })), '');
  t.equal(found(pressed(KEYS, { onMs: 15 })), '');
  t.equal(found(pressed(KEYS, { lowDbfs: -50, highDbfs: -50 })), '');
  t.equal(found(Int16Array.from({ length: 80_000 }, () => random.below(20_000) - 10_000)), '');
  t.end();
});

const skip = spawnSync('espeak-ng', ['--version']).status === 0 ? false : 'espeak-ng is not installed';
t.test('half a minute of speech by four voices holds no digit', { skip }, (t) => {
  const text =
    'Please hold the line, the nurse will be with you shortly. Bring your card, and tell us where it hurts. ';
  for (const voice of ['en-us+m3', 'en-us+f2', 'en-gb+f4', 'de+m1']) {
    const wav = execFileSync('espeak-ng', ['-v', voice, '--stdout', text.repeat(1)], { maxBuffer: 1 << 24 });
    const rate = wav.readUInt32LE(24);
    // To 8 kHz roughly: whatever folds down only makes it harder.
    const length = Math.floor(((wav.length - 44) / 2) * (8000 / rate));
    const speech = Int16Array.from({ length }, (_, i) => wav.readInt16LE(44 + 2 * Math.floor((i * rate) / 8000)));
    t.equal(found(speech), '', voice);
  }
  t.end();
});
