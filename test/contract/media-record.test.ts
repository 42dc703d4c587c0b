// `uuid_record` and `record_session` with the variables that FreeSWITCH's have: what is in the file, in which channel, and what becomes of it (contract §7).
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { toneLevel } from '../support/listen.ts';
import { mediaBench } from '../support/media-bench.ts';

const SAID = 500;
const PLAYED = 1400;

/** Which of the two tones each channel of a WAV file holds, and how long it is. */
function contents(path: string): { tones: number[][]; ms: number } {
  const bytes = readFileSync(path);
  const channels = bytes.readUInt16LE(22);
  const rate = bytes.readUInt32LE(24);
  const frames = (bytes.length - 44) / 2 / channels;
  const tones = Array.from({ length: channels }, (_, channel) => {
    const samples = Int16Array.from({ length: frames }, (_, i) => bytes.readInt16LE(44 + 2 * (i * channels + channel)));
    return [SAID, PLAYED].filter((hz) => toneLevel(samples.subarray(frames / 4), rate, hz) > -30);
  });
  return { tones, ms: (1000 * frames) / rate };
}

t.test('settings in braces are the recording’s own: sides, their order, one side alone, both mixed', async (t) => {
  await using bench = await mediaBench();
  const { phone, endpoint } = await bench.call();
  phone.say(SAID);
  const playing = endpoint.play(`tone_stream://%(60000,0,${PLAYED})`);
  await phone.wait(200);
  const kinds: readonly [name: string, settings: string, tones: number[][]][] = [
    ['mixed', '', [[SAID, PLAYED]]],
    ['stereo', '{RECORD_STEREO=true}', [[SAID], [PLAYED]]],
    ['swapped', '{RECORD_STEREO=true,RECORD_STEREO_SWAP=true}', [[PLAYED], [SAID]]],
    ['heard', '{RECORD_READ_ONLY=true}', [[SAID]]],
    ['sent', '{RECORD_WRITE_ONLY=true}', [[PLAYED]]],
  ];
  const pathOf = (name: string) => join(bench.folder, `${name}.wav`);
  for (const [name, settings] of kinds) {
    const answer = await endpoint.api('uuid_record', `${endpoint.uuid} start ${pathOf(name)} 60 ${settings}`);
    t.equal(answer.getBody(), '+OK Success\n', name);
  }
  await phone.wait(600);
  t.equal((await endpoint.api('uuid_record', `${endpoint.uuid} stop all`)).getBody(), '+OK Success\n');
  await phone.wait(100);
  for (const [name, , tones] of kinds) t.same(contents(pathOf(name)).tones, tones, name);
  const { variable_RECORD_STEREO: left } = await endpoint.getChannelVariables();
  t.equal(left, undefined, 'and they are not left on the channel');
  await endpoint.api('uuid_break', `${endpoint.uuid} all`);
  await playing;
});

t.test(
  'one path, one recording: a second start goes on, or ends it; what is too short goes; what was appended to grows',
  async (t) => {
    await using bench = await mediaBench();
    const { phone, endpoint } = await bench.call();
    phone.say(SAID);
    // FreeSWITCH keeps half a second back, and drops it from a recording that ends within it.
    await endpoint.set('RECORD_PRE_BUFFER_FRAMES', '0');
    const path = join(bench.folder, 'one.wav');
    const record = async (act: string, settings = '') =>
      (await endpoint.api('uuid_record', `${endpoint.uuid} ${act} ${path} 0 ${settings}`.trim())).getBody();
    t.equal(await record('start'), '+OK Success\n');
    t.equal(await record('start'), '+OK Success\n', 'as FreeSWITCH: it is being recorded already');
    await phone.wait(300);
    t.equal(await record('start', '{RECORD_TOGGLE_ON_REPEAT=true}'), '+OK Success\n');
    t.equal(await record('stop'), '-ERR Cannot stop record session!\n', 'the second start was the end');
    await phone.wait(100);
    const first = contents(path).ms;
    t.ok(first >= 250, `${first} ms`);
    await phone.wait(200);
    t.equal(contents(path).ms, first, 'nothing was added after it');

    await record('start', '{RECORD_APPEND=true}');
    await phone.wait(300);
    await record('stop');
    await phone.wait(100);
    const { ms, tones } = contents(path);
    t.ok(ms >= first + 250, `${first} ms, then ${ms} ms`);
    t.equal(readFileSync(path).readUInt32LE(40), readFileSync(path).length - 44, 'the header tells the whole length');
    t.same(tones, [[SAID]]);

    await record('start', '{RECORD_MIN_SEC=60}');
    await phone.wait(300);
    await record('stop');
    await phone.wait(100);
    t.notOk(existsSync(path), 'shorter than was wanted');
    const { variable_record_completion_cause: cause } = await endpoint.getChannelVariables();
    t.equal(cause, 'input-too-short');
  },
);

t.test('mask, pause and what is not being recorded answer as FreeSWITCH does', async (t) => {
  await using bench = await mediaBench();
  const { endpoint } = await bench.call();
  const record = async (uuid: string, rest: string) => (await endpoint.api('uuid_record', `${uuid} ${rest}`)).getBody();
  for (const act of ['mask', 'unmask', 'pause', 'resume']) {
    t.equal(await record(endpoint.uuid, `${act} /tmp/none.wav`), `-ERR Cannot ${act} recording session!\n`);
  }
  t.equal(await record(endpoint.uuid, 'start /dev/null/none.wav'), '-ERR Cannot record session!\n');
  t.match(await record(endpoint.uuid, 'dance /tmp/none.wav'), /^-USAGE/);
  t.equal(await record('8d4b3f6e-0000-4000-8000-000000000000', 'stop all'), '-ERR Cannot locate session!\n');
});

t.test('only while bridged; into a folder that is made for it; a name alone is one of the sounds', async (t) => {
  await using bench = await mediaBench();
  const [a, b] = [await bench.call(), await bench.call()];
  a.phone.say(SAID);
  const path = join(bench.folder, 'made', 'for', 'it.wav');
  await a.endpoint.set({ RECORD_PRE_BUFFER_FRAMES: '0', RECORD_BRIDGE_REQ: 'true' });
  await a.endpoint.recordSession(path);
  await a.phone.wait(300);
  await a.endpoint.bridge(b.endpoint);
  await a.phone.wait(500);
  await a.endpoint.unbridge();
  await a.phone.wait(300);
  await a.endpoint.execute('stop_record_session', path);
  await a.phone.wait(100);
  const { ms, tones } = contents(path);
  t.ok(ms >= 400 && ms < 900, `${ms} ms`);
  t.same(tones, [[SAID]]);
  await b.endpoint.recordSession('named.wav');
  await b.phone.wait(300);
  const stopped = await b.endpoint.api('uuid_record', `${b.endpoint.uuid} stop named.wav`);
  t.match(stopped.getBody(), /^\+OK Success|^-ERR Cannot stop record session!/);
  await b.endpoint.api('uuid_record', `${b.endpoint.uuid} stop all`);
  t.ok(existsSync(join(bench.folder, 'named.wav')));
});
