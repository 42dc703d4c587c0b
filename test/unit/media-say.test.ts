// `say` and music on hold: which prompts a number is made of, that they are heard without gaps, and a folder that plays on and on.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { soundsOf } from '../../src/engine/media-server/applications/say.ts';
import { isPlayable, openSource } from '../../src/engine/media-server/sources/open-source.ts';
import { dominantFrequency } from '../support/listen.ts';
import { mediaBench } from '../support/media-bench.ts';
import { wav } from '../support/wav.ts';

t.test('numbers are counted, digits are read one by one, and what cannot be said is nothing', (t) => {
  const said = (type: string, method: string, text: string) =>
    soundsOf(type, method, text)
      .map((sound) => sound.replace('digits/', ''))
      .join(' ');
  t.equal(said('NUMBER', 'pronounced', '1234'), '1 thousand 2 hundred 30 4');
  t.equal(said('NUMBER', 'pronounced', '0'), '0');
  t.equal(said('NUMBER', 'pronounced', '17'), '17');
  t.equal(said('NUMBER', 'pronounced', '2000019'), '2 million 19');
  t.equal(said('NUMBER', 'pronounced', '110'), '1 hundred 10');
  t.equal(said('NUMBER', 'pronounced', '3.14'), '3 point 1 4');
  t.equal(said('NUMBER', 'iterated', '1005'), '1 0 0 5');
  t.equal(said('TELEPHONE_NUMBER', 'pronounced', '555-0142'), '5 5 5 0 1 4 2');
  t.equal(said('NAME_SPELLED', 'pronounced', 'Ab1'), 'ascii/97 ascii/98 1');
  for (const nothing of ['', '../..', 'x/y'])
    t.equal(said('NUMBER', 'pronounced', nothing).replace(/point ?/g, ''), '');
  t.equal(said('CURRENT_DATE_TIME', 'pronounced', '5'), '');
  t.end();
});

t.test('music on hold goes through the files of its folder, in order and without end', async (t) => {
  const soundsFolder = mkdtempSync(join(tmpdir(), 'wardline-music-'));
  t.teardown(() => rmSync(soundsFolder, { recursive: true, force: true }));
  const music = join(soundsFolder, 'music', 'moh');
  mkdirSync(music, { recursive: true });
  writeFileSync(join(music, 'a.wav'), wav(8000, 500, 200));
  writeFileSync(join(music, 'b.wav'), wav(16_000, 900, 200));
  writeFileSync(join(music, 'notes.txt'), 'no music');
  const work: Promise<unknown>[] = [];
  const host = { soundsFolder, supervise: (each: Promise<unknown>) => void work.push(each) };
  const opened = await openSource('local_stream://moh', host);
  const tones: (number | undefined)[] = [];
  for (let piece = 0; piece < 4; piece++) {
    const heard = new Int16Array(1600);
    for (let tick = 0; tick < 10; tick++) opened?.source.read(heard.subarray(tick * 160, tick * 160 + 160));
    // The end of a file is known when nothing more comes of it.
    opened?.source.read(new Int16Array(160));
    await Promise.all(work);
    await delay(0);
    tones.push(dominantFrequency(heard, 8000));
  }
  t.same(tones, [500, 900, 500, 900]);
  t.ok(isPlayable('local_stream://moh', soundsFolder));
  for (const none of ['local_stream://nothing', 'local_stream://../moh', 'local_stream://']) {
    t.notOk(isPlayable(none, soundsFolder), none);
    t.equal(await openSource(none, host), undefined);
  }
});

t.test('fsmrf says a number, and plays music until it is told to stop', async (t) => {
  await using bench = await mediaBench();
  for (const [name, hz] of Object.entries({ '40': 600, '2': 1300, hundred: 2000 })) {
    mkdirSync(join(bench.folder, 'digits'), { recursive: true });
    writeFileSync(join(bench.folder, 'digits', `${name}.wav`), wav(8000, hz, 200));
  }
  mkdirSync(join(bench.folder, 'music', 'hold'), { recursive: true });
  writeFileSync(join(bench.folder, 'music', 'hold', 'one.wav'), wav(8000, 750, 400));
  const { phone, endpoint } = await bench.call();
  const saying = endpoint.say('242', { sayType: 'number', sayMethod: 'pronounced' });
  const heard = await phone.listen(1200);
  t.equal((await saying).playbackMilliseconds, '200', 'of its last part, as FreeSWITCH tells it');
  const order: (number | undefined)[] = [];
  for (let at = 0; at + 800 <= heard.length; at += 800) {
    const hz = dominantFrequency(heard.subarray(at, at + 800), 8000);
    const near = [600, 1300, 2000].find((each) => hz !== undefined && Math.abs(each - hz) < 30);
    if (near !== undefined && near !== order.at(-1)) order.push(near);
  }
  t.same(order, [1300, 2000, 600, 1300], 'two hundred forty two');
  const playing = endpoint.play('local_stream://hold');
  await phone.wait(900);
  t.equal(dominantFrequency(await phone.listen(200), 8000), 750, 'longer than its one file');
  await endpoint.api('uuid_break', endpoint.uuid);
  await playing;
});
