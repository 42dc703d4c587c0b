// A channel and its applications in virtual time: nesting, digits and their time-outs, recordings' ends, and a mistake in one call.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { APPLICATIONS } from '../../src/engine/media-server/applications/table.ts';
import type { AudioLeg } from '../../src/engine/media-server/audio/leg.ts';
import type { StartApplication } from '../../src/engine/media-server/channel/application.ts';
import { Channel } from '../../src/engine/media-server/channel/channel.ts';
import { Channels } from '../../src/engine/media-server/channel/channels.ts';
import { Conferences } from '../../src/engine/media-server/conference/conferences.ts';
import { EventHub } from '../../src/engine/media-server/host/event-hub.ts';
import type { EventFields } from '../../src/protocol/event-socket/frame.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { mediaHost } from '../support/media-host.ts';

const folder = mkdtempSync(join(tmpdir(), 'wardline-channel-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

function bench(extra: Record<string, StartApplication> = {}) {
  const clock = new ManualClock();
  const work: Promise<unknown>[] = [];
  const host = mediaHost(clock, { soundsFolder: folder, supervise: (promise) => void work.push(promise) });
  const hub = new EventHub(host);
  const events: EventFields[] = [];
  hub.add({ hears: () => true, deliver: (fields) => void events.push(fields) });
  const channels = new Channels(clock);
  const heard = new Int16Array(160);
  const leg = fakeLeg(heard);
  const byes: string[] = [];
  const channel = new Channel({
    host,
    hub,
    leg,
    applications: new Map([...APPLICATIONS, ...Object.entries(extra)]),
    callerAddress: '127.0.0.1',
    destination: 'drachtio',
    name: 'sofia/test',
    codec: 'PCMU',
    sendBye: (cause) => void byes.push(cause),
    onEnd: () => channels.remove(channel),
  });
  channels.add(channel);
  channel.progress.answer();
  channel.waiting.forCommands('127.0.0.1:1');
  events.length = 0;
  return {
    channel,
    channels,
    heard,
    byes,
    work,
    /** Media time. */
    run(ms: number) {
      for (let left = ms; left > 0; left -= 20) channels.tick();
    },
    press: (digit: string) => leg.onDigit?.(digit, 800),
    /** Completions so far, with what they said. */
    done: () =>
      events
        .filter((event) => event.get('Event-Name') === 'CHANNEL_EXECUTE_COMPLETE')
        .map((event) => `${event.get('Application')}: ${event.get('Application-Response')}`),
    names: () => events.map((event) => event.get('Event-Name')),
  };
}

function fakeLeg(heard: Int16Array): AudioLeg {
  const zero = { packetsSent: 0, bytesSent: 0, packetsReceived: 0, bytesReceived: 0, lost: 0, late: 0, jitterMs: 0 };
  const more = { wrongSource: 0, malformed: 0, flooded: 0, authFailures: 0, replays: 0, unknownPayload: 0 };
  const reports = { reportsSent: 0, octetsReported: 0, reportsReceived: 0, roundTripMs: undefined };
  const quality = { peerLoss: 0, peerJitterMs: 0, bufferMs: 0, mos: 4.4, peerMos: 4.4 };
  return {
    local: { host: '127.0.0.1', port: 4000 },
    rate: 8000,
    configure: () => undefined,
    read: () => heard,
    write: () => undefined,
    sendDigit: () => true,
    onDigit: undefined,
    stats: { ...zero, ...more, ...reports, ...quality, digitsReceived: 0, sendErrors: 0 },
    [Symbol.dispose]: () => undefined,
  };
}

t.test('a second playback suspends the first; completions come inner-first', (t) => {
  const { channel, run, done } = bench();
  channel.execute('playback', 'tone_stream://%(100,0,440)', 'outer');
  run(40);
  channel.execute('playback', 'tone_stream://%(60,0,500)', 'inner');
  channel.execute('set', 'a=1', 'set');
  t.same(done(), ['set: _none_']);
  run(80);
  t.same(done(), ['set: _none_', 'playback: FILE PLAYED'], 'the inner one');
  t.equal(channel.variables.get('playback_ms'), '60');
  run(80);
  t.equal(channel.variables.get('playback_ms'), '100', 'the outer one went on where it was');
  t.equal(done().length, 3);
  t.end();
});

t.test('playback_timeout_sec ends a playback as an error, from 2 seconds on', (t) => {
  const { channel, run, done } = bench();
  channel.variables.set('playback_timeout_sec', '2');
  channel.execute('playback', 'silence_stream://-1', 'x');
  run(1_980);
  t.same(done(), []);
  run(40);
  t.same(done(), ['playback: PLAYBACK ERROR']);
  t.end();
});

t.test(
  'digits: the first time-out runs from the prompt’s end, the next from each digit; tries and the invalid prompt',
  (t) => {
    const { channel, run, press, done } = bench();
    const ask = '2 3 2 3000 # silence_stream://1000 silence_stream://500 pin [0-9]+ 1000';
    channel.execute('play_and_get_digits', ask, 'x');
    run(1_020 + 2_980);
    t.same(done(), [], 'still waiting for a digit');
    press('1');
    run(980);
    press('2');
    run(980);
    t.same(done(), []);
    run(60);
    t.same(done(), ['play_and_get_digits: _none_']);
    t.equal(channel.variables.get('pin'), '12');
    channel.execute('play_and_get_digits', ask, 'y');
    press('*');
    press('*');
    press('*');
    t.equal(channel.variables.get('pin_invalid'), '***');
    run(540);
    press('1');
    press('2');
    press('3');
    t.equal(channel.variables.get('pin'), '123', 'the second try, at its largest length');
    channel.execute('play_and_get_digits', ask, 'z');
    run(2 * (1_020 + 3_020 + 540));
    t.equal(channel.variables.get('pin'), undefined);
    t.equal(done().length, 3, 'given up after two tries');
    t.end();
  },
);

t.test('uuid_break ends a prompt, never the wait for digits; sensitive digits are no events', (t) => {
  const { channel, run, press, done, names } = bench();
  channel.variables.set('sensitive_dtmf', 'true');
  channel.execute('play_and_get_digits', '1 4 1 3000 # silence_stream://9000 silence_stream://20 card \\d+ 3000', 'x');
  run(100);
  channel.applications.break(false);
  run(1_000);
  channel.applications.break(false);
  t.same(done(), []);
  press('4');
  press('#');
  t.equal(channel.variables.get('card'), '4');
  t.notOk(names().includes('DTMF'));
  t.end();
});

t.test('record ends at its limit to the sample, and by silence after the seconds asked for', async (t) => {
  const { channel, run, heard, done, work } = bench();
  heard.fill(3000);
  channel.execute('record', `${join(folder, 'a.raw')} 2`, 'x');
  run(3_000);
  t.same(done(), ['record: _none_']);
  t.equal(channel.variables.get('record_samples'), '16000');
  channel.execute('record', `${join(folder, 'b.raw')} 60 200 2`, 'y');
  run(1_000);
  heard.fill(10);
  run(1_960);
  t.equal(done().length, 1);
  run(60);
  t.equal(done().length, 2);
  t.equal(channel.variables.get('silence_hits_exhausted'), 'true');
  await Promise.all(work);
  t.equal(readFileSync(join(folder, 'a.raw')).length, 32_000);
});

t.test('masked: silence in its place, the length unchanged; paused: left out', async (t) => {
  const { channel, run, heard, work } = bench();
  heard.fill(3000);
  const path = join(folder, 'm.raw');
  channel.execute('record_session', path, 'x');
  run(200);
  channel.execute('record_session_mask', path, 'x');
  run(200);
  channel.execute('record_session_unmask', path, 'x');
  channel.execute('record_session_pause', path, 'x');
  run(400);
  channel.execute('record_session_resume', path, 'x');
  run(200);
  channel.execute('stop_record_session', path, 'x');
  await Promise.all(work);
  const bytes = readFileSync(path);
  t.equal(bytes.length, 600 * 16);
  const at = (ms: number) => bytes.readInt16LE(ms * 16);
  t.same([at(100), at(300), at(500)], [3000, 0, 3000]);
});

t.test('a mistake of ours ends that one call', (t) => {
  const broken: StartApplication = () => ({
    tick() {
      throw new Error('broken on purpose');
    },
  });
  const { channel, channels, run, byes } = bench({ broken });
  channel.execute('broken', '', 'x');
  run(40);
  t.ok(channel.isHungUp);
  t.same(byes, ['NORMAL_TEMPORARY_FAILURE']);
  t.equal(channels.size, 0);
  t.end();
});

t.test('without its controller a waiting call ends at once, a busy one when it is done', (t) => {
  const idle = bench();
  idle.channel.losesController();
  t.same(idle.byes, ['NORMAL_CLEARING']);
  const busy = bench();
  busy.channel.execute('playback', 'silence_stream://100', 'x');
  busy.channel.losesController();
  t.same(busy.byes, []);
  busy.run(140);
  t.same(busy.byes, ['NORMAL_CLEARING']);
  t.end();
});

t.test('start_dtmf: digits in the audio collect as pressed ones do, from start to stop and no longer', (t) => {
  const { channel, heard, run, done } = bench();
  const press = (row: number, column: number) => {
    for (let tick = 0; tick < 10; tick++) {
      for (let i = 0; i < 160; i++) {
        const at = tick * 160 + i;
        const tone = (hz: number) => 6000 * Math.sin((2 * Math.PI * hz * at) / 8000);
        heard[i] = tick < 5 ? tone(row) + tone(column) : 0;
      }
      run(20);
    }
  };
  channel.execute('play_and_get_digits', '0 9 1 3000 # silence_stream://20 silence_stream://20 typed', 'x');
  press(770, 1336);
  channel.execute('start_dtmf', '', 'start');
  press(697, 1209);
  press(852, 1477);
  channel.execute('stop_dtmf', '', 'stop');
  press(941, 1336);
  run(4_000);
  t.equal(channel.variables.get('typed'), '19');
  t.equal(done().at(-1), 'play_and_get_digits: _none_');
  t.end();
});

t.test('whoever keys in a PIN enters the conference as it is by then: gone, locked, or another of that name', (t) => {
  const meetings: Conferences[] = [];
  const first = bench({ conference: (execution) => meetings[0]?.applications.get('conference')?.(execution) });
  const second = bench({ conference: (execution) => meetings[0]?.applications.get('conference')?.(execution) });
  const conferences = new Conferences(first.channel.host, new EventHub(first.channel.host));
  meetings.push(conferences);
  const begin = (pin: string) => {
    const conference = conferences.open('ward', 'default', pin);
    if (conference === undefined) throw new Error('It cannot be opened.');
    return conference;
  };
  const key = (digits: string) => {
    for (const digit of digits) second.press(digit);
    second.run(20);
  };
  const end = () => {
    for (const { members } of conferences.list) for (const member of members) member.conference.kick(member);
  };

  begin('4711');
  first.channel.variables.set('supplied_pin', '4711');
  first.channel.execute('conference', 'ward', 'first');
  second.channel.execute('conference', 'ward', 'second');
  second.run(40);
  end();
  t.equal(conferences.find('ward'), undefined, 'all have left it');
  key('4711');
  t.equal(conferences.find('ward')?.size, 1, 'who comes then begins one that others find');
  end();

  begin('4711');
  first.channel.execute('conference', 'ward', 'third');
  second.channel.execute('conference', 'ward', 'fourth');
  second.run(40);
  end();
  begin('9999');
  key('4711');
  t.equal(conferences.find('ward')?.size, 0, 'the PIN of one that is over opens no other');
  key('9999');
  t.equal(conferences.find('ward')?.size, 1);
  end();

  const locked = begin('4711');
  first.channel.execute('conference', 'ward', 'fifth');
  second.channel.execute('conference', 'ward', 'sixth');
  second.run(40);
  locked.isLocked = true;
  key('4711');
  t.equal(locked.size, 1, 'nobody enters what was locked meanwhile');
  second.channel.hangup('NORMAL_CLEARING');

  t.end();
});
