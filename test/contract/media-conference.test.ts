// Conferences through an unmodified drachtio-fsmrf: every method of its Conference, and what the members hear of one another (contract §4.2).
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { isSilent, toneLevel } from '../support/listen.ts';
import type { FarPhone, FsmrfEndpoint, FsmrfEvent, MediaBench } from '../support/media-bench.ts';
import { mediaBench, ON_FREESWITCH } from '../support/media-bench.ts';
import { wav } from '../support/wav.ts';

/** Louder than this a tone was heard, fainter than the second it was not. */
const HEARD = -25;
const UNHEARD = -45;

/** Which of `tones` each phone hears, by level, in the next 300 ms. */
async function hearing(phones: readonly FarPhone[], tones: readonly number[]): Promise<number[][]> {
  await phones[0]?.wait(260);
  const all = await Promise.all(phones.map((phone) => phone.listen(300)));
  return all.map((samples, i) => {
    const rate = phones[i]?.leg.rate ?? 8000;
    return tones.filter((hz) => {
      const level = toneLevel(samples, rate, hz);
      if (level > UNHEARD && level < HEARD) t.fail(`${hz} Hz at ${level.toFixed(1)} dBFS is neither heard nor not`);
      return level > HEARD;
    });
  });
}

const TONES = [500, 1100, 1900];
const SECURE = 'required';

function controlLeg(conference: object): FsmrfEndpoint {
  return (conference as { endpoint: FsmrfEndpoint }).endpoint;
}

async function party(bench: MediaBench, count: number, name: string, options: object = {}) {
  const calls = [];
  for (let i = 0; i < count; i++) {
    const call = await bench.call(i % 2 === 0 ? SECURE : 'forbidden');
    const { memberId } = await call.endpoint.join(name, options);
    calls.push({ ...call, memberId });
  }
  return calls;
}

t.test(
  'three in a conference each hear the two others and never themselves; mute and deaf do what they say',
  async (t) => {
    await using bench = await mediaBench();
    const conference = await bench.ms.createConference('ward-1');
    await bench.ms.api('conference ward-1 enter_sound off');
    const calls = await party(bench, 3, 'ward-1');
    const phones = calls.map(({ phone }) => phone);
    for (const [i, phone] of phones.entries()) phone.say(TONES[i], -14);
    const [a, b, c] = calls;
    if (a === undefined || b === undefined || c === undefined) return;
    t.same(await hearing(phones, TONES), [
      [1100, 1900],
      [500, 1900],
      [500, 1100],
    ]);
    t.equal(await conference.getSize(), 4, 'with the control leg');
    await b.endpoint.confMute();
    t.same(await hearing(phones, TONES), [[1900], [500, 1900], [500]], 'B is muted');
    await b.endpoint.confUnmute();
    await conference.deaf(String(c.memberId));
    t.same(await hearing(phones, TONES), [[1100, 1900], [500, 1900], []], 'C is deaf');
    await conference.undeaf(String(c.memberId));
    await conference.mute('all');
    t.same(await hearing(phones, TONES), [[], [], []]);
    await conference.unmute('all');
    await a.endpoint.confDeaf();
    await a.endpoint.confUndeaf();
    t.same((await hearing(phones, TONES))[0], [1100, 1900]);
    await t.rejects(conference.mute(''), 'mute wants to know whom');
  },
);

t.test('members come and go: events, participants, kick, hang-up, transfer, lock, limit', async (t) => {
  await using bench = await mediaBench();
  const conference = await bench.ms.createConference('ward-2', { maxMembers: 3 });
  await t.rejects(bench.ms.createConference('ward-2'), 'it exists');
  const joined = once(conference, 'addMember') as Promise<[FsmrfEvent]>;
  const [a, b] = await party(bench, 2, 'ward-2');
  if (a === undefined || b === undefined) return;
  const [event] = await joined;
  t.equal(event.getHeader('Conference-Unique-ID'), conference.uuid);
  t.equal(event.getHeader('Member-Type'), 'member');
  t.equal(event.getHeader('Channel-Call-UUID'), a.endpoint.uuid);
  // What the control leg's socket tells may follow what the member's own has told.
  while (conference.participants.size < 2) await b.phone.wait(20);
  t.equal(await conference.get('max_members'), 3);
  t.equal(await conference.set('max_members', 9), '3', 'the value before');

  const late = await bench.call();
  await conference.lock();
  const refused = late.endpoint.execute('conference', 'ward-2');
  t.equal((await refused).getHeader('Application'), 'conference', 'it is complete at once');
  t.equal(await conference.getSize(), 3);
  await conference.unlock();

  t.match(await a.endpoint.transfer('ward-3'), /sent to conference ward-3/);
  t.equal(await conference.getSize(), 2);
  t.match(await bench.ms.api('conference ward-3 list count'), /^1/);
  t.match(await bench.ms.api('conference ward-3 json_list'), /"member_count":\s*1/);
  const left = once(conference, 'delMember');
  await b.endpoint.unjoin();
  await left;
  t.equal(conference.participants.size, 0);
  const { playbackMilliseconds } = await b.endpoint.play('tone_stream://%(100,0,600)');
  t.equal(playbackMilliseconds, '100', 'who was kicked is in the call still');
  const gone = once(a.endpoint, 'destroy');
  await a.endpoint.confHup().catch(() => undefined);
  await bench.ms.api('conference ward-3 hup all');
  await gone;
  t.match(await bench.ms.api('conference ward-3 list count'), /not found/, 'the last one out ends it');
});

t.test('who talks is told by energy: start, stop, and talk of a muted member', async (t) => {
  await using bench = await mediaBench();
  const conference = await bench.ms.createConference('ward-4');
  const told: string[] = [];
  for (const name of ['startTalking', 'stopTalking', 'muteDetect', 'muteMember', 'kickMember']) {
    conference.on(name, (event: FsmrfEvent) => told.push(`${name} ${event.getHeader('Member-ID')}`));
  }
  const [a] = await party(bench, 1, 'ward-4', { flags: { muteDetect: true } });
  if (a === undefined) return;
  a.phone.say(undefined);
  await a.phone.wait(200);
  t.same(told, [], 'silence is no talk');
  a.phone.say(700, -20);
  await a.phone.wait(300);
  a.phone.say(undefined);
  await a.phone.wait(900);
  await a.endpoint.confMute();
  a.phone.say(700, -20);
  await a.phone.wait(300);
  const id = a.memberId;
  t.same(told, [`startTalking ${id}`, `stopTalking ${id}`, `muteMember ${id}`, `muteDetect ${id}`]);
});

t.test('files for all and for one, entry tones, and the recording of the mix', async (t) => {
  await using bench = await mediaBench();
  const conference = await bench.ms.createConference('ward-5');
  const [a, b] = await party(bench, 2, 'ward-5');
  if (a === undefined || b === undefined) return;
  const phones = [a.phone, b.phone];
  const entered = bench.call();
  const third = await entered;
  const [heard] = await Promise.all([a.phone.listen(300), third.endpoint.join('ward-5')]);
  t.ok(toneLevel(heard, 8000, 600) > UNHEARD, 'somebody came: a tone');
  await bench.ms.api('conference ward-5 enter_sound off');
  await bench.ms.api('conference ward-5 exit_sound off');
  await third.endpoint.unjoin();
  // FreeSWITCH plays what was in its queue before it was told to be quiet.
  await a.phone.wait(ON_FREESWITCH ? 1500 : 400);

  const notice = join(bench.folder, bench.writeSound('notice.wav', wav(8000, 1500, 600)));
  const done = conference.play([notice, 'tone_stream://%(300,0,2500)']);
  t.same(await hearing(phones, [1500]), [[1500], [1500]], 'both hear the file');
  const { milliseconds } = await done;
  // FreeSWITCH counts what it read: whole blocks of a file.
  if (ON_FREESWITCH) t.ok(milliseconds > 0, `${milliseconds} ms`);
  else t.equal(milliseconds, 900);
  t.equal((await conference.play('missing.wav')).milliseconds, 0);
  t.match(await bench.ms.api('conference ward-5 play missing.wav'), /^-ERR \(play\) File: missing\.wav not found\./);
  const one = b.endpoint.confPlay('tone_stream://%(900,0,1300)');
  t.same(await hearing(phones, [1300]), [[], [1300]], 'one member alone');
  t.match((await one).getBody(), /to member/);

  await a.phone.wait(600);
  const path = join(bench.folder, 'mix.wav');
  const [started] = [once(conference, 'startRecording')];
  await conference.startRecording(path);
  await started;
  t.match((await conference.chkRecord()).getBody(), /mix\.wav/);
  a.phone.say(500, -14);
  b.phone.say(1100, -14);
  await a.phone.wait(600);
  await conference.pauseRecording(path);
  await a.phone.wait(300);
  await conference.resumeRecording(path);
  await a.phone.wait(200);
  t.match(await conference.stopRecording(path), /Stopped recording file/);
  await a.phone.wait(100);
  t.ok(existsSync(path));
  const bytes = readFileSync(path);
  const samples = Int16Array.from({ length: (bytes.length - 44) / 2 }, (_, i) => bytes.readInt16LE(44 + i * 2));
  // FreeSWITCH takes a command when it comes to it, up to 100 ms later.
  const longest = (ON_FREESWITCH ? 1.05 : 0.95) * 8000;
  t.ok(samples.length > 0.7 * 8000 && samples.length < longest, `${samples.length / 8} ms: without the pause`);
  const middle = samples.subarray(2400, 5600);
  t.ok(toneLevel(middle, 8000, 500) > HEARD && toneLevel(middle, 8000, 1100) > HEARD, 'both voices');
});

t.test('a PIN is asked for by digits; the control leg’s end ends the conference for all', async (t) => {
  await using bench = await mediaBench();
  const conference = await bench.ms.createConference('ward-6');
  await bench.ms.api('conference ward-6 pin 4711');
  const [a, b] = [await bench.call(), await bench.call()];
  // What a join names is the PIN of a conference that it begins; who enters one has it as a variable.
  await a.endpoint.set('supplied_pin', '4711');
  await a.endpoint.join('ward-6');
  const joining = b.endpoint.join('ward-6');
  await b.phone.wait(200);
  for (const digit of '1111') b.phone.press(digit);
  await b.phone.wait(ON_FREESWITCH ? 2500 : 900);
  t.equal(await conference.getSize(), 2, 'a wrong one opens nothing');
  for (const digit of '4711') b.phone.press(digit);
  const { confUuid } = await joining;
  t.equal(confUuid, conference.uuid);
  await a.endpoint.set('hangup_after_conference', 'false');
  const gone = once(b.endpoint, 'destroy');
  // On FreeSWITCH a leg within a conference takes no further command, not even that to hang up: it is told by SIP.
  if (ON_FREESWITCH) await controlLeg(conference).dialog.destroy();
  else await conference.destroy();
  await gone;
  await a.endpoint.play('tone_stream://%(40,0,600)');
  t.pass('who does not hang up after a conference goes on');
  t.match(await bench.ms.api('conference ward-6 list count'), /not found/);
});

t.test('a G.722 phone and G.711 phones share one conference, each at its own rate', async (t) => {
  await using bench = await mediaBench();
  const wide = await bench.call(SECURE, ['G722']);
  const other = await bench.call(SECURE, ['G722']);
  const narrow = await bench.call();
  for (const { endpoint } of [wide, other, narrow]) await endpoint.join('ward-7');
  await wide.phone.wait(500);
  wide.phone.say(5000, -14);
  other.phone.say(900, -14);
  narrow.phone.say(1700, -14);
  const heard = await hearing([wide.phone, other.phone, narrow.phone], [5000, 900, 1700]);
  t.same(heard, [[900, 1700], [5000, 1700], [900]], 'what 8 kHz cannot carry is heard by who can hear it');
  t.match(await bench.ms.api('conference ward-7 get rate'), /^16000/);
});

t.test('commands that FreeSWITCH’s console has answer as it does, and nonsense is told so', async (t) => {
  await using bench = await mediaBench();
  const api = (command: string) => bench.ms.api(`conference ${command}`);
  t.match(await api('list'), /^\+OK No active conferences/);
  t.match(await api('ward-8 lock'), /^-ERR Conference ward-8 not found/);
  const [a] = await party(bench, 1, 'ward-8', { flags: { moderator: true } });
  const id = a?.memberId;
  t.match(await api('list'), /^\+OK Conference ward-8 \(1 member rate: 8000 flags: [a-z_|]*running[a-z_|]*\)/);
  t.match(await api('ward-8 list'), new RegExp(`^${id};sofia/.*;hear\\|speak.*moderator`));
  t.match(await api('ward-8 mute 99'), /^-ERR Non-Existant ID 99/);
  t.match(await api('ward-8 dance'), /^-ERR Conference command 'dance' not found\./);
  t.match(await api(`ward-8 energy ${id} 300`), `Energy ${id} = 300`);
  t.equal(await api(`ward-8 volume_in ${id} 9`), `+OK Volume IN ${id} = 4\n`);
  t.match(await api(`ward-8 tmute ${id}`), `+OK mute ${id}`);
  t.equal(await api('ward-8 mute non_moderator'), `Skipping moderator (member id ${id}).\n`);
  t.match(await api('ward-8 stop all'), /^\+OK Stopped 0 files/);
  // FreeSWITCH takes `start` for the file.
  if (!ON_FREESWITCH) t.match(await api('ward-8 recording start'), /^recording \[start\|/);
  t.match(await api('ward-8 list delim |'), new RegExp(`^${id}\\|[^;]*\\|unknown\\|\\|hear`));
  t.equal(await api(`ward-8 dtmf ${id} 12`), `+OK sent 12 to ${id}\n`);
  for (const what of ['mute', 'dtmf', 'get nothing', 'play'])
    t.match(await api(`ward-8 ${what}`), new RegExp(`^${what.split(' ')[0]} <`));
  t.match(await api('ward-8 recording stop x.wav'), /^-ERR non-existant recording/);
  // A patch of the drachtio image's, which FreeSWITCH itself does not have.
  const tagged = await api('ward-8 gettag green nomatch');
  t.match(tagged, ON_FREESWITCH ? /^-ERR Conference command 'gettag' not found/ : String(id));
  await a?.phone.wait(60);
  t.ok(isSilent((await a?.phone.listen(200)) ?? new Int16Array(0)), 'alone it is quiet');
});
