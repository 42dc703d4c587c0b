// What the media server can play: tones and silence by FreeSWITCH's language, sound files of every kind, and nothing outside its folder.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openSource, splitParts } from '../../src/engine/media-server/sources/open-source.ts';
import { parseToneStream } from '../../src/engine/media-server/sources/tone-stream.ts';
import { pcma, pcmu } from '../../src/protocol/rtp/g711.ts';
import { steadyTone, ToneGenerator } from '../../src/protocol/rtp/tone.ts';
import { dominantFrequency, toneLevel } from '../support/listen.ts';
import { seeded } from '../support/seeded.ts';
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

t.test('several parts by the channel’s delimiter or as file_string', (t) => {
  t.same(splitParts('a.wav!b.wav', '!'), ['a.wav', 'b.wav']);
  t.same(splitParts('a.wav!b.wav', undefined), ['a.wav!b.wav']);
  t.same(splitParts('file_string://a.wav!silence_stream://20', undefined), ['a.wav', 'silence_stream://20']);
  t.equal(splitParts('x!'.repeat(500), '!').length, 64);
  t.end();
});
