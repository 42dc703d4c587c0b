// What a recording holds, tick by tick and without a wait: sides, masks, pauses, blanked digits, native files, silence that ends it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { RecordingRequest } from '../../src/engine/media-server/recording/recording.ts';
import { Recording } from '../../src/engine/media-server/recording/recording.ts';
import { pcmu } from '../../src/kernel/g711.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import { isSilent, toneLevel } from '../support/listen.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { mediaHost } from '../support/media-host.ts';
import { steadyTone } from '../support/tone-level.ts';

const TICK = 160;
const QUIET = new Int16Array(TICK);

interface Studio extends Disposable {
  readonly recording: Recording;
  readonly path: string;
  /** Sounds these frequencies for so long, heard from the party and sent to it. */
  play(ms: number, heard: readonly number[], sent?: readonly number[]): void;
  /** Ends the recording; the channels of its WAV. */
  finish(): Promise<Int16Array[]>;
}

function studio(wanted: Partial<RecordingRequest> = {}): Studio {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-recording-'));
  const path = join(folder, 'a.wav');
  const request = { path, layout: 'stereo', limitSeconds: 0, rate: 8000, ...wanted } as const;
  const recording = Recording.start(mediaHost(new ManualClock()), request);
  if (recording === undefined) throw new Error('It cannot be written.');
  const generators = new Map<string, ToneGenerator>();
  const tick = (side: string, hz: readonly number[]) => {
    const name = `${side} ${hz.join()}`;
    const generator = generators.get(name) ?? new ToneGenerator(steadyTone(hz, -14));
    generators.set(name, generator);
    const samples = new Int16Array(TICK);
    if (hz.length > 0) generator.read(samples);
    return samples;
  };
  return {
    recording,
    path,
    play(ms, heard, sent = []) {
      for (let left = ms; left > 0; left -= 20) recording.capture(tick('heard', heard), tick('sent', sent));
    },
    async finish() {
      await recording.stop();
      const bytes = readFileSync(path);
      const channels = bytes.readUInt16LE(22);
      const frames = (bytes.length - 44) / 2 / channels;
      return Array.from({ length: channels }, (_, channel) =>
        Int16Array.from({ length: frames }, (_, i) => bytes.readInt16LE(44 + 2 * (i * channels + channel))),
      );
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Where of a channel that frequency sounds, in ms: first and last tick. */
function span(samples: Int16Array, hz: number): readonly [number, number] {
  const ticks: number[] = [];
  for (let at = 0; at + TICK <= samples.length; at += TICK) {
    if (toneLevel(samples.subarray(at, at + TICK), 8000, hz) > -30) ticks.push(at / 8);
  }
  return [ticks[0] ?? -1, (ticks.at(-1) ?? -1) + 20];
}

t.test('both directions from the first sample on, each at its moment', async (t) => {
  using made = studio();
  made.play(200, [500]);
  made.play(200, [], [900]);
  made.play(200, [500], [900]);
  const [left = QUIET, right = QUIET] = await made.finish();
  t.equal(left.length, 600 * 8);
  t.same(span(left.subarray(0, 3200), 500), [0, 200]);
  t.same(span(right, 900), [200, 600]);
  t.same(span(left.subarray(3200), 500), [0, 200]);
});

t.test('masked is silent on both sides and keeps the time; paused is not there at all', async (t) => {
  using made = studio();
  made.play(200, [500], [900]);
  made.recording.isMasked = true;
  made.play(200, [500], [900]);
  made.recording.isMasked = false;
  made.play(200, [500], [900]);
  made.recording.isPaused = true;
  made.play(400, [700], [700]);
  made.recording.isPaused = false;
  made.play(200, [500], [900]);
  const [left = QUIET, right = QUIET] = await made.finish();
  t.equal(left.length, 800 * 8);
  for (const side of [left, right]) {
    t.ok(isSilent(side.subarray(1600, 3200)), 'masked');
    t.same(span(side, 700), [-1, 19], 'paused');
  }
});

t.test(
  'a digit that sounds in the audio is blanked on its side from where it begins; the rest stays where it was',
  async (t) => {
    const FIVE = [770, 1336];
    for (const blanksDigits of [true, false]) {
      using made = studio({ blanksDigits });
      made.play(300, [500], [1900]);
      made.play(100, FIVE, [1900]);
      made.play(300, [500], [1900]);
      made.play(60, [500], FIVE);
      made.play(200, [500], [1900]);
      const [left = QUIET, right = QUIET] = await made.finish();
      t.equal(left.length, 960 * 8, 'nothing is lost of its length');
      for (const hz of FIVE) {
        const loud = [left, right].filter((side) => span(side, hz)[0] >= 0);
        t.equal(loud.length, blanksDigits ? 0 : 2, `${hz} Hz`);
      }
      t.ok(isSilent(left.subarray(300 * 8, 400 * 8)) === blanksDigits);
      t.same(span(left.subarray(0, 220 * 8), 500), [0, 220], 'speech before it');
      t.same(span(left.subarray(460 * 8), 500), [0, 500], 'and after it');
      t.same(span(right.subarray(0, 620 * 8), 1900), [0, 620], 'the other side is whole');
    }
  },
);

t.test('a key of 40 ms is blanked wherever it lies between two ticks, and where that was is told', async (t) => {
  for (const rate of [8000, 16_000]) {
    const tick = rate / 50;
    for (let offset = 0; offset < tick; offset += tick / 8) {
      using made = studio({ blanksDigits: true, rate, layout: 'heard' });
      const told: number[][] = [];
      made.recording.onBlanked = (...stretch) => void told.push(stretch);
      const party = new Int16Array(60 * tick);
      new ToneGenerator(steadyTone([300], -20), rate).read(party);
      const from = 20 * tick + offset;
      new ToneGenerator(steadyTone([770, 1336], -14), rate).read(party.subarray(from, from + 2 * tick));
      for (let at = 0; at < party.length; at += tick) {
        made.recording.capture(party.subarray(at, at + tick), new Int16Array(tick));
      }
      const [heard = QUIET] = await made.finish();
      t.ok(isSilent(heard.subarray(from, from + 2 * tick)), `${rate} Hz, ${(1000 * offset) / rate} ms into a tick`);
      t.equal(told.length, 1);
      const [fromMs = 0, toMs = 0] = told[0] ?? [];
      t.ok(fromMs > 300 && fromMs <= (1000 * from) / rate, `from ${fromMs} ms`);
      t.ok(toMs >= (1000 * from) / rate + 40 && toMs < 520, `to ${toMs} ms`);
      t.ok(isSilent(heard.subarray((fromMs * rate) / 1000, (toMs * rate) / 1000)), 'all of it is silent');
      t.notOk(
        isSilent(heard.subarray((fromMs * rate) / 1000 - tick, (fromMs * rate) / 1000)),
        'and what is before is not',
      );
      t.notOk(isSilent(heard.subarray((toMs * rate) / 1000, (toMs * rate) / 1000 + tick)), 'nor what follows');
    }
  }
  using cut = studio({ blanksDigits: true });
  const told: number[][] = [];
  cut.recording.onBlanked = (...stretch) => void told.push(stretch);
  cut.play(200, [300]);
  cut.play(100, [770, 1336]);
  await cut.finish();
  t.equal(told[0]?.[1], 300, 'a recording that ends within a key tells of it');
});

t.test('a path without an ending is two files in the party’s codec', async (t) => {
  using made = studio();
  const path = made.path.replace('.wav', '');
  const native = Recording.start(mediaHost(new ManualClock()), {
    path,
    layout: 'mixed',
    limitSeconds: 0,
    rate: 8000,
    codec: 'PCMU',
  });
  const [heard, sent] = [500, 900].map((hz) => new ToneGenerator(steadyTone([hz], -14)));
  for (let i = 0; i < 20; i++) {
    const [left, right] = [new Int16Array(TICK), new Int16Array(TICK)];
    heard?.read(left);
    sent?.read(right);
    native?.capture(left, right);
  }
  await native?.stop();
  for (const [side, hz] of [
    ['in', 500],
    ['out', 900],
  ] as const) {
    const coded = readFileSync(`${path}-${side}.PCMU`);
    const samples = new Int16Array(coded.length);
    pcmu.decode(coded, 0, coded.length, samples, 0);
    t.same(span(samples, hz), [0, 400], side);
  }
  const wide = { path, layout: 'mixed', limitSeconds: 0, rate: 16_000, codec: 'G722' } as const;
  t.equal(Recording.start(mediaHost(new ManualClock()), wide), undefined, 'no codec of constant rate, no file');
});

t.test('silence ends it: without any speech, or after speech', (t) => {
  const ends: string[] = [];
  for (const speechMs of [0, 300]) {
    using made = studio({ silence: { initialMs: 200, finalMs: 400, threshold: 200 } });
    made.recording.onEnd = (why) => {
      ends.push(`${why} ${made.recording.samples / 8} ${made.recording.hasSpoken}`);
      made.recording.onEnd = undefined;
    };
    made.play(speechMs, [500]);
    made.play(1000, []);
  }
  t.same(ends, ['silence 200 false', 'silence 700 true']);
  t.end();
});
