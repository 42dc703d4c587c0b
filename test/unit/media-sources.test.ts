// What the media server can play: tones and silence by FreeSWITCH's language, sound files of every kind, and nothing outside its folder.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openSource, splitParts } from '../../src/engine/media-server/sources/open-source.ts';
import { readSound } from '../../src/engine/media-server/sources/sound-cache.ts';
import type { SpokenText } from '../../src/engine/media-server/sources/speech.ts';
import { parseToneStream } from '../../src/engine/media-server/sources/tone-stream.ts';
import { pcma, pcmu } from '../../src/kernel/g711.ts';
import { ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import { dominantFrequency, toneLevel, totalLevel } from '../support/listen.ts';
import { seeded } from '../support/seeded.ts';
import { steadyTone } from '../support/tone-level.ts';
import { wav } from '../support/wav.ts';

const folder = mkdtempSync(join(tmpdir(), 'wardline-sounds-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

async function play(name: string, limit = 100): Promise<Int16Array | undefined> {
  const opened = await openSource(name, { soundsFolder: folder, supervise: (work) => void work });
  if (opened === undefined) return undefined;
  const pieces: Int16Array[] = [];
  for (let i = 0; i < limit; i++) {
    const piece = new Int16Array(160);
    const count = opened.source.read(piece);
    pieces.push(piece.subarray(0, count));
    if (count < 160) break;
  }
  const all = new Int16Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

t.test('tone streams: cadence, several frequencies, loops, level; what is no tone is none', async (t) => {
  t.match(parseToneStream('%(2000,4000,440,480);loops=-1'), {
    segments: [{ onMs: 2000, offMs: 4000, frequencies: [440, 480] }],
    loops: Number.POSITIVE_INFINITY,
  });
  t.match(parseToneStream('L=3;v=-20;%(100,50,350);%(0,200)'), { loops: 3, segments: { length: 2 } });
  t.equal(parseToneStream('hello'), undefined);
  t.equal(parseToneStream(''), undefined);
  const two = (await play('tone_stream://%(500,0,440,480)')) ?? new Int16Array(0);
  t.equal(two.length, 4000);
  t.ok(Math.abs(toneLevel(two, 8000, 440) - toneLevel(two, 8000, 480)) < 0.5);
  t.equal((await play('silence_stream://250,1400'))?.length, 2000);
  t.equal((await play('silence_stream://-1', 7))?.length, 7 * 160, 'without end');
});

t.test(
  'files: 16 kHz and stereo are brought to 8 kHz mono, G.711 by its ending, an offset leaves out the start',
  async (t) => {
    writeFileSync(join(folder, 'wide.wav'), wav(16_000, 1000, 500));
    writeFileSync(join(folder, 'two.wav'), wav(8_000, 700, 500, 2));
    const samples = new Int16Array(4000);
    new ToneGenerator(steadyTone([900], -12)).read(samples);
    for (const [ending, codec] of [['ul', pcmu] as const, ['al', pcma] as const]) {
      const coded = new Uint8Array(samples.length);
      codec.encode(samples, samples.length, coded, 0);
      writeFileSync(join(folder, `x.${ending}`), coded);
    }
    const expected = { 'wide.wav': 1000, 'two.wav': 700, 'x.ul': 900, 'x.al': 900 };
    for (const [name, hz] of Object.entries(expected)) {
      const heard = (await play(name)) ?? new Int16Array(0);
      t.equal(dominantFrequency(heard.subarray(400, 3600), 8000), hz, name);
      t.ok(Math.abs(heard.length - 4000) < 60, `${name}: ${heard.length} samples`);
    }
    t.equal((await play('x.ul@@3000'))?.length, 1000);
    t.ok(await play(join(folder, 'x.ul')), 'an absolute path');
  },
);

t.test('the folder of the rate comes first; a name cannot leave the sounds folder', async (t) => {
  mkdirSync(join(folder, 'sub', '8000'), { recursive: true });
  writeFileSync(join(folder, 'sub', '8000', 'here.wav'), wav(8000, 600, 100));
  writeFileSync(join(folder, '..', 'outside.wav'), wav(8000, 600, 100));
  t.teardown(() => rmSync(join(folder, '..', 'outside.wav'), { force: true }));
  t.equal((await play('sub/here.wav'))?.length, 800);
  t.equal(await play('../outside.wav'), undefined);
  t.equal(await play('nope.wav'), undefined);
  t.equal(await play('sub'), undefined, 'a folder is no sound');
  t.equal(await play('http://clinic.example/x.wav'), undefined);
});

t.test('broken files are not found, or play what there is; none throws', async (t) => {
  const random = seeded();
  t.comment(`seed ${random.seed}`);
  const whole = wav(16_000, 440, 60, 2);
  for (let i = 0; i < 120; i++) {
    const broken = Buffer.from(whole.subarray(0, random.below(whole.length)));
    for (let flips = 0; flips < 3 && broken.length > 0; flips++) {
      broken[random.below(Math.min(48, broken.length))] = random.below(256);
    }
    writeFileSync(join(folder, 'broken.wav'), broken);
    await play('broken.wav');
  }
  t.pass('nothing was thrown');
});

t.test('a place far beyond the end, and a cadence of nothing, cost no time', async (t) => {
  const far = '9'.repeat(400);
  t.equal((await play(`tone_stream://%(100,100,440);loops=2@@${far}`))?.length, 0);
  t.equal((await play(`tone_stream://%(100,100,440)@@${far}`))?.length, 0);
  t.equal((await play(`silence_stream://500@@${far}`))?.length, 0);
  for (const endless of ['tone_stream://%(1000,0,440);loops=-1', 'silence_stream://-1']) {
    t.equal((await play(`${endless}@@${far}`, 5))?.length, 800, endless);
  }
  const skipped = await play('tone_stream://%(100,100,440);loops=-1@@1600100', 10);
  t.same(
    skipped,
    (await play('tone_stream://%(100,100,440);loops=-1', 12))?.slice(100, 1700),
    'it goes on where it would be',
  );
  for (const nothing of ['%(0.01,0,440);loops=-1', '%(0,0.04,440);loops=1000000000', '%(0,0);loops=-1']) {
    t.equal((await play(`tone_stream://${nothing}`))?.length, 0, nothing);
  }
  writeFileSync(join(folder, 'short.wav'), wav(11_025, 440, 100));
  t.equal((await play(`short.wav@@${far}`))?.length, 0);
});

t.test('several parts by the channel’s delimiter or as file_string', (t) => {
  t.same(splitParts('a.wav!b.wav', '!'), ['a.wav', 'b.wav']);
  t.same(splitParts('a.wav!b.wav', undefined), ['a.wav!b.wav']);
  t.same(splitParts('file_string://a.wav!silence_stream://20', undefined), ['a.wav', 'silence_stream://20']);
  t.equal(splitParts('x!'.repeat(500), '!').length, 64);
  t.end();
});

/** A WAV of these bytes, with `fmt ` as told. */
function wave(format: number, bits: number, rate: number, channels: number, data: Buffer, extension = Buffer.alloc(0)) {
  const head = Buffer.alloc(36);
  head.write('RIFF', 0);
  head.writeUInt32LE(28 + extension.length + data.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16 + extension.length, 16);
  head.writeUInt16LE(format, 20);
  head.writeUInt16LE(channels, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE((rate * channels * bits) / 8, 28);
  head.writeUInt16LE((channels * bits) / 8, 32);
  head.writeUInt16LE(bits, 34);
  const chunk = Buffer.alloc(8);
  chunk.write('data', 0);
  chunk.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, extension, chunk, data]);
}

/** A second of 700 Hz at -12 dBFS, each sample written by `put`. */
function tone(rate: number, bytes: number, put: (data: Buffer, sample: number, at: number) => void): Buffer {
  const samples = new Int16Array(rate);
  new ToneGenerator(steadyTone([700], -12), rate).read(samples);
  const data = Buffer.alloc(rate * bytes);
  for (const [i, sample] of samples.entries()) put(data, sample, i * bytes);
  return data;
}

t.test('WAV of 8, 16, 24 and 32 bits, of µ-law and A-law, and Sun audio sound alike', async (t) => {
  const law = (codec: typeof pcmu) =>
    tone(8000, 1, (data, sample, at) => codec.encode(Int16Array.of(sample), 1, data, at));
  const l24 = tone(16_000, 3, (data, sample, at) => data.writeIntLE(sample * 256, at, 3));
  const guid = Buffer.from('16000000000000000100000000001000800000aa00389b71', 'hex');
  const sun = (encoding: number, data: Buffer) => {
    const head = Buffer.alloc(24);
    head.write('.snd', 0);
    for (const [i, value] of [24, 0xffffffff, encoding, 8000, 1].entries()) head.writeUInt32BE(value, 4 + 4 * i);
    return Buffer.concat([head, data]);
  };
  const files: Record<string, Buffer> = {
    'u8.wav': wave(
      1,
      8,
      8000,
      1,
      tone(8000, 1, (data, sample, at) => data.writeUInt8((sample >> 8) + 128, at)),
    ),
    'l16.wav': wave(
      1,
      16,
      8000,
      1,
      tone(8000, 2, (data, sample, at) => data.writeInt16LE(sample, at)),
    ),
    'l24.wav': wave(1, 24, 16_000, 1, l24),
    'extensible.wav': wave(0xfffe, 24, 16_000, 1, l24, guid),
    'l32.wav': wave(
      1,
      32,
      8000,
      1,
      tone(8000, 4, (data, sample, at) => data.writeInt32LE(sample * 65_536, at)),
    ),
    'float.wav': wave(
      3,
      32,
      8000,
      1,
      tone(8000, 4, (data, sample, at) => data.writeFloatLE(sample / 32_768, at)),
    ),
    'double.wav': wave(
      3,
      64,
      8000,
      1,
      tone(8000, 8, (data, sample, at) => data.writeDoubleLE(sample / 32_768, at)),
    ),
    'mu.wav': wave(7, 8, 8000, 1, law(pcmu)),
    'a.wav': wave(6, 8, 8000, 1, law(pcma)),
    'mu.au': sun(1, law(pcmu)),
    'linear.au': sun(
      3,
      tone(8000, 2, (data, sample, at) => data.writeInt16BE(sample, at)),
    ),
  };
  for (const [name, bytes] of Object.entries(files)) {
    writeFileSync(join(folder, name), bytes);
    const heard = (await play(name)) ?? new Int16Array(0);
    const level = toneLevel(heard.subarray(800, 7200), 8000, 700);
    t.ok(Math.abs(level + 12) < 0.2, `${name}: ${level.toFixed(2)} dBFS`);
    t.ok(Math.abs(heard.length - 8000) <= 60, `${name}: ${heard.length} samples`);
  }
});

t.test('any rate, mono and stereo, at 8 and at 16 kHz: the pitch and the length stay', async (t) => {
  for (const rate of [6000, 8000, 11_025, 16_000, 22_050, 24_000, 32_000, 37_813, 44_100, 48_000, 96_000]) {
    for (const channels of [1, 2] as const) {
      writeFileSync(join(folder, 'any.wav'), wav(rate, 1000, 400, channels));
      const opened = await openSource('any', { soundsFolder: folder, supervise: (work) => void work }, 16);
      const heard = new Int16Array(6800);
      const count = opened?.source.read(heard) ?? 0;
      t.ok(Math.abs(count - 6400) <= 120, `${rate}, ${channels}: ${count} samples`);
      const level = toneLevel(heard.subarray(800, 5600), 16_000, 1000) + (channels === 2 ? 6 : 0);
      t.ok(Math.abs(level + 12) < 0.5, `${rate}, ${channels}: ${level.toFixed(2)} dBFS`);
    }
  }
});

t.test(
  'a file of 48 kHz is heard up to the edge of a wide band, and nothing of what lies beyond comes back into it',
  async (t) => {
    for (const [hz, isHeard] of [
      [6800, true],
      [9500, false],
      [12_000, false],
    ] as const) {
      writeFileSync(join(folder, 'wide.wav'), wav(48_000, hz, 400));
      const opened = await openSource('wide', { soundsFolder: folder, supervise: (work) => void work }, 16);
      const heard = new Int16Array(6400);
      opened?.source.read(heard);
      const level = totalLevel(heard.subarray(800, 5600));
      t.ok(isHeard ? Math.abs(level + 12) < 1 : level < -50, `${hz} Hz: ${level.toFixed(1)} dBFS in all`);
    }
  },
);

t.test('a file is read once for all who hear it, and again when it has changed', async (t) => {
  const path = join(folder, 'changing.wav');
  writeFileSync(path, wav(8000, 500, 200));
  const first = await readSound(path);
  t.equal(await readSound(path), first);
  writeFileSync(path, wav(8000, 900, 300));
  t.not(await readSound(path), first);
  t.equal(dominantFrequency((await play('changing.wav')) ?? new Int16Array(0), 8000), 900);
});

t.test('a text is spoken by whichever way it is written; what it says is in no event', async (t) => {
  const asked: SpokenText[] = [];
  const speech = (spoken: SpokenText) => {
    asked.push(spoken);
    return Promise.resolve(spoken.engine === 'flite' ? wav(16_000, 1200, 300) : undefined);
  };
  const host = { soundsFolder: folder, supervise: (work: Promise<unknown>) => void work, speech };
  for (const part of [
    'say:Hello there',
    'speak:flite|slt|Hello there',
    'tts://flite|slt|Hello there',
    'speak:Hello there',
  ]) {
    const opened = await openSource(part, host);
    const heard = new Int16Array(2400);
    opened?.source.read(heard);
    t.equal(dominantFrequency(heard.subarray(400), 8000), 1200, part);
    t.match(opened, { path: 'tts', source: { fileType: 'tts_stream' } });
    t.same(asked.pop(), { engine: 'flite', voice: 'slt', text: 'Hello there' });
  }
  await openSource('say:Good day', { ...host, speaker: { engine: 'flite', voice: 'awb' } });
  t.same(asked.pop(), { engine: 'flite', voice: 'awb', text: 'Good day' });
  t.equal(await openSource('speak:other|slt|Hello', host), undefined, 'an engine that is not there');
  t.equal(await openSource('say:Hello', { ...host, speech: undefined }), undefined);
  t.equal(await openSource(`say:${'x'.repeat(3000)}`, host), undefined);
});
