// `say` and music on hold: which prompts a number is made of, that they are heard without gaps, and a folder that plays on and on.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { SayMethod } from '../../src/engine/media-server/say/english.ts';
import { sayEnglish } from '../../src/engine/media-server/say/english.ts';
import { ourName } from '../../src/engine/media-server/say/sound-names.ts';
import { isPlayable, openSource } from '../../src/engine/media-server/sources/open-source.ts';
import { dominantFrequency, toneLevel } from '../support/listen.ts';
import type { FarPhone } from '../support/media-bench.ts';
import { mediaBench } from '../support/media-bench.ts';
import { wav } from '../support/wav.ts';

/** 5 March 2026 is a Thursday. */
const THURSDAY = Date.UTC(2026, 2, 5, 19, 30);

function said(type: string, text: string, method: SayMethod = 'pronounced', timeZone = 'America/Chicago'): string {
  return sayEnglish({ type, text, method, nowMs: THURSDAY, timeZone })
    .map((sound) => sound.replace(/^(?:digits|time)\//, ''))
    .join(' ');
}

t.test('numbers are counted, digits are read one by one, and what cannot be said is nothing', (t) => {
  t.equal(said('NUMBER', '1234'), '1 thousand 2 hundred 30 4');
  t.equal(said('NUMBER', '1,234'), '1 thousand 2 hundred 30 4');
  t.equal(said('NUMBER', '0'), '0');
  t.equal(said('NUMBER', '17'), '17');
  t.equal(said('ITEMS', '2000019'), '2 million 19');
  t.equal(said('NUMBER', '110'), '1 hundred 10');
  t.equal(said('NUMBER', '3.14'), '3 point 1 4');
  t.equal(said('NUMBER', '21', 'counted'), '20 h-1');
  t.equal(said('NUMBER', '30', 'counted'), 'h-30');
  t.equal(said('NUMBER', '113', 'counted'), '1 hundred 13', 'as FreeSWITCH counts');
  t.equal(said('NUMBER', '1005', 'iterated'), '1 0 0 5');
  t.equal(said('TELEPHONE_NUMBER', '555-0142'), '5 5 5 silence_stream://100 0 1 4 2');
  t.equal(said('NAME_SPELLED', 'Ab1'), 'ascii/97 ascii/98 1');
  t.equal(said('NAME_SPELLED', 'a-b@c'), 'ascii/97 ascii/45 ascii/98 ascii/64 ascii/99');
  t.equal(said('NAME_PHONETIC', 'z'), 'phonetic-ascii/122');
  t.equal(said('NUMBER', '1999', 'pronounced_year'), '19 90 9');
  t.equal(
    said('CURRENCY', '-$1,001.50'),
    'currency/negative 1 thousand 1 currency/dollars currency/and 50 currency/cents',
  );
  t.equal(said('CURRENCY', '1.01'), '1 currency/dollar currency/and 1 currency/cent');
  t.equal(said('CURRENCY', '20'), '20 currency/dollars');
  t.equal(said('CURRENCY', 'twenty'), '');
  t.equal(said('IP_ADDRESS', '127.0.0.1'), '1 hundred 20 7 dot 0 dot 0 dot 1');
  for (const nothing of ['', '../..', 'x/y', '1234567890', '9'.repeat(99)]) t.equal(said('NUMBER', nothing), '');
  t.equal(said('NAME_SPELLED', '../x'), 'point point ascii/47 ascii/120', 'nothing leaves the folder');
  t.equal(said('URL', 'x'), '');
  t.end();
});

t.test('dates and times are told in the zone of the channel, short ones by what is left out', (t) => {
  const at = String(Date.UTC(2026, 0, 21, 6, 5) / 1000);
  t.equal(said('CURRENT_DATE_TIME', at), 'day-3 mon-0 20 h-1 2 thousand 20 6 at 12 oh 5 a-m');
  t.equal(said('CURRENT_DATE', at), 'day-3 mon-0 20 h-1 2 thousand 20 6');
  t.equal(said('CURRENT_TIME', at), '12 oh 5 a-m');
  t.equal(said('CURRENT_TIME', at, 'iterated'), '0 0 0 5 hours');
  t.equal(said('CURRENT_TIME', 'now'), '1 30 p-m');
  t.equal(said('CURRENT_TIME', 'now', 'pronounced', 'Europe/Berlin'), '8 30 p-m');
  t.equal(said('CURRENT_TIME', '2026-03-05 12:00', 'pronounced', 'No/Where').split(' ').length, 3);
  const daysAgo = (days: number) => said('SHORT_DATE_TIME', String(THURSDAY / 1000 - days * 86_400));
  t.equal(daysAgo(0), 'today at 1 30 p-m');
  t.equal(daysAgo(1), 'yesterday at 1 30 p-m');
  t.equal(daysAgo(3), 'day-1 at 1 30 p-m');
  t.equal(daysAgo(20), 'day-5 mon-1 13 at 1 30 p-m');
  t.equal(daysAgo(400), 'day-3 mon-0 20 h-9 2 thousand 20 5 at 1 30 p-m');
  t.equal(daysAgo(-2), 'day-6 mon-2 h-7 2 thousand 20 6 at 1 30 p-m');
  t.equal(said('CURRENT_DATE', String(Date.UTC(2009, 5, 9, 12) / 1000)), 'day-2 mon-5 h-9 2 thousand 9');
  t.equal(said('CURRENT_DATE', String(Date.UTC(1999, 5, 9, 12) / 1000)), 'day-3 mon-5 h-9 19 90 9');
  t.equal(said('TIME_MEASUREMENT', '3661'), '1 hour 1 minute 1 second');
  t.equal(said('TIME_MEASUREMENT', '2:05'), '0 hours 2 minutes 5 seconds');
  t.end();
});

t.test('every word of a date, a time and a number is among our prompts', (t) => {
  const prompts = join(import.meta.dirname, '../../config/prompts/en');
  const names = new Set<string>();
  for (let day = 0; day < 366; day++) {
    const text = String(Date.UTC(2026, 0, 1, day % 24, day % 60) / 1000 + day * 86_400);
    for (const type of ['CURRENT_DATE_TIME', 'TIME_MEASUREMENT']) {
      for (const sound of sayEnglish({ type, text, method: 'pronounced', nowMs: THURSDAY })) names.add(sound);
    }
  }
  for (const text of ['1234567', '0.5', '*#+']) {
    for (const type of ['NUMBER', 'NAME_SPELLED']) {
      for (const sound of sayEnglish({ type, text, method: 'pronounced', nowMs: 0 })) names.add(sound);
    }
  }
  const everything = "abcdefghijklmnopqrstuvwxyz 0123456789&'-/:@_";
  const spoken = [
    { type: 'NAME_SPELLED', text: everything.slice(0, 26) },
    { type: 'NAME_SPELLED', text: everything.slice(26) },
    { type: 'NAME_PHONETIC', text: everything.slice(0, 26) },
    { type: 'CURRENCY', text: '-$1.01' },
    { type: 'CURRENCY', text: '20.50' },
  ];
  for (const each of spoken) {
    for (const sound of sayEnglish({ ...each, method: 'pronounced', nowMs: 0 })) names.add(sound);
  }
  t.ok(names.size > 130, `${names.size} words`);
  for (const name of names) t.ok(isPlayable(`${ourName(name) ?? name}.wav`, prompts), name);
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
  const hear = async () => {
    const heard = new Int16Array(1600);
    for (let tick = 0; tick < 10; tick++) opened?.source.read(heard.subarray(tick * 160, tick * 160 + 160));
    // The end of a file is known when nothing more comes of it.
    opened?.source.read(new Int16Array(160));
    await Promise.all(work);
    await delay(0);
    return dominantFrequency(heard, 8000);
  };
  for (let piece = 0; piece < 4; piece++) tones.push(await hear());
  t.same(tones, [500, 900, 500, 900]);
  // One file was opened ahead; then the folder as it is now.
  for (const name of ['a.wav', 'b.wav']) rmSync(join(music, name));
  for (let piece = 0; piece < 3; piece++) await hear();
  t.equal(await hear(), undefined, 'nothing is left in the folder');
  writeFileSync(join(music, 'c.wav'), wav(8000, 700, 200));
  for (let piece = 0; piece < 8; piece++) tones.push(await hear());
  t.ok(tones.includes(700), 'what was put there since is found while the music is on');
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
  t.equal(await phone.hearing(750), 750, 'longer than its one file');
  await endpoint.api('uuid_break', endpoint.uuid);
  await playing;
});

/** Whether the tone comes within ten seconds. */
async function hears(phone: FarPhone, hz: number): Promise<boolean> {
  for (let waited = 0; waited < 10_000; waited += 200) {
    if (toneLevel(await phone.listen(200), 8000, hz) > -25) return true;
  }
  return false;
}

t.test('fsmrf speaks a text, says the time of day, and is told when there is no engine', async (t) => {
  const speech = ({ text }: { readonly text: string }) =>
    Promise.resolve(text === 'hello' ? wav(16_000, 1100, 400) : undefined);
  await using bench = await mediaBench({ speech });
  const { phone, endpoint } = await bench.call();
  const [told, isHeard] = await Promise.all([endpoint.execute('speak', 'flite|slt|hello'), hears(phone, 1100)]);
  t.ok(isHeard, 'the party hears it');
  t.equal(told.getHeader('Application-Response'), '_none_');
  t.match((await endpoint.execute('speak', 'flite|slt|x')).getHeader('Application-Response'), /-ERR/);
  for (const name of ['1', '30', 'p-m']) {
    const place = join(bench.folder, name === 'p-m' ? 'time' : 'digits');
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, `${name === 'p-m' ? 'pm' : name}.wav`), wav(8000, 700, 150));
  }
  await endpoint.set('timezone', 'UTC');
  const saying = endpoint.say(`${Date.UTC(2026, 2, 5, 13, 30) / 1000}`, {
    sayType: 'current_time',
    sayMethod: 'pronounced',
  });
  t.ok(await hears(phone, 700), 'our own names stand for those of FreeSWITCH');
  await saying;
});
