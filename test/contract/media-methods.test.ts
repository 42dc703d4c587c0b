// The methods of drachtio-fsmrf's Endpoint, Conference and MediaServer that no other suite drives, with what is heard at the far end (contract §3, §4).
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { toneLevel } from '../support/listen.ts';
import type { FarPhone, FsmrfConference, FsmrfEndpoint, FsmrfEvent, FsmrfMediaServer } from '../support/media-bench.ts';
import { mediaBench, ON_FREESWITCH } from '../support/media-bench.ts';
import { wav } from '../support/wav.ts';

// A FreeSWITCH that is named is emptied after each.
t.jobs = ON_FREESWITCH ? 1 : 3;

const LONG = 'tone_stream://%(60000,0,440)';

/** What the bench's own description of an Endpoint leaves out. */
interface MoreEndpoint extends FsmrfEndpoint {
  readonly muted: boolean;
  readonly connected: boolean;
  mute(): Promise<FsmrfEvent>;
  unmute(): Promise<FsmrfEvent>;
  toggleMute(): Promise<FsmrfEvent>;
  export(name: string, value: string): Promise<void>;
  executeAsync(app: string, arg: string, done?: (event: FsmrfEvent) => void): string;
  speak(options: object): Promise<void>;
  confKick(): Promise<string>;
  addCustomEventListener(name: string, listener: (body: unknown, event: FsmrfEvent) => void): void;
  removeCustomEventListener(name: string): void;
  resetEslCustomEvent(): void;
  request(options: object): Promise<unknown>;
  toJSON(): object;
  setGain(db: string): Promise<void>;
  dub(options: object): Promise<void>;
  startTranscription(options: object): Promise<void>;
  stopTranscription(options: object): Promise<void>;
  startTranscriptionTimers(options: object): Promise<void>;
  startVadDetection(options: object): Promise<void>;
  stopVadDetection(options: object): Promise<void>;
  forkAudioStart(options: object): Promise<void>;
  forkAudioSendText(bugname: string, text: string): Promise<void>;
  forkAudioPause(bugname: string, isSilence: boolean): Promise<void>;
  forkAudioResume(bugname: string): Promise<void>;
  forkAudioStop(bugname: string): Promise<void>;
}

interface MoreMediaServer extends FsmrfMediaServer {
  connectCaller(request: object, response: object, options?: object): Promise<{ endpoint: FsmrfEndpoint }>;
  hasCapability(name: string | readonly string[]): boolean;
  connected(): boolean;
  toJSON(): object;
}

const more = (endpoint: FsmrfEndpoint) => endpoint as MoreEndpoint;

/** Within three seconds. */
async function comesToHear(phone: FarPhone, hz: number): Promise<boolean> {
  for (let tries = 0; tries < 25; tries++) if (toneLevel(await phone.listen(120), 8000, hz) > -30) return true;
  return false;
}

t.test('mute, unmute, toggleMute: what the party says is not heard by who it is bridged to', async (t) => {
  await using bench = await mediaBench();
  const [a, b] = [await bench.call(), await bench.call()];
  await a.endpoint.bridge(b.endpoint);
  a.phone.say(500);
  const hears = async (isHeard: boolean) => {
    await b.phone.wait(300);
    t.equal(toneLevel(await b.phone.listen(200), 8000, 500) > -30, isHeard);
  };
  await hears(true);
  await more(a.endpoint).mute();
  t.equal(more(a.endpoint).muted, true);
  await hears(false);
  await more(a.endpoint).unmute();
  await hears(true);
  await more(a.endpoint).toggleMute();
  await hears(false);
});

t.test('play with an offset, with a time-out; executeAsync; export; getChannelVariables', async (t) => {
  await using bench = await mediaBench();
  const { phone, endpoint } = await bench.call();
  bench.writeSound('half.wav', wav(8000, 700, 1000));
  const rest = await endpoint.play({ file: 'half.wav', seekOffset: 6400 });
  t.equal(rest.playbackLastOffsetPos, '8000', 'the last fifth was played: a place in the file');
  const started = performance.now();
  await endpoint.play({ file: 'tone_stream://%(20000,0,440)', timeoutSecs: 2 });
  t.ok(performance.now() - started < 15_000, 'it was cut');
  await endpoint.set('playback_timeout_sec', '0');
  await more(endpoint).export('colour', 'green');
  // Recordings are often named by the server's own folders: what a call has none of is the server's.
  await endpoint.set('place', ['', '{local_ip_v4} ', '', '{colour}'].join('$'));
  t.match(await endpoint.getChannelVariables(), { variable_colour: 'green', variable_place: '127.0.0.1 green' });
  const done = new Promise<FsmrfEvent>((resolve) => {
    t.match(more(endpoint).executeAsync('playback', 'tone_stream://%(900,0,650)', resolve), /^[0-9a-f-]{36}$/);
  });
  t.ok(await comesToHear(phone, 650));
  t.equal((await done).getHeader('Application-Response'), 'FILE PLAYED');
  t.match(JSON.stringify(more(endpoint).toJSON()), endpoint.uuid);
});

t.test('hold and unhold by name: nothing is sent while held', async (t) => {
  await using bench = await mediaBench();
  const phone = await bench.phone();
  // drachtio-srf changes the word that stands there, and an offer need not have one.
  const endpoint = await bench.ms.createEndpoint({ remoteSdp: `${phone.offer()}a=sendrecv\r\n` });
  phone.accept(endpoint.local.sdp);
  const playing = endpoint.play(LONG);
  await phone.wait(200);
  t.match(await endpoint.modify('hold'), /a=inactive/);
  await phone.wait(200);
  t.ok(await phone.hearsNothing());
  await endpoint.modify('unhold');
  await phone.wait(200);
  t.equal(await phone.hearing(440), 440);
  await endpoint.api('uuid_break', `${endpoint.uuid} all`);
  await playing;
  await more(endpoint)
    .request({ method: 'INFO' })
    .catch(() => undefined);
});

t.test('custom events: heard once asked for, by who asked, and no more when the listener is gone', async (t) => {
  await using bench = await mediaBench();
  const [{ endpoint }, other] = [await bench.call(), await bench.call()];
  const tell = (from: FsmrfEndpoint, text: string) =>
    from.execute('event', `Event-Name=CUSTOM,Event-Subclass=ward::told,text=${text}`);
  const told: unknown[] = [];
  const first = new Promise<FsmrfEvent>((resolve) => {
    more(endpoint).addCustomEventListener('ward::told', (_body, event) => {
      told.push(event.getHeader('text'));
      resolve(event);
    });
  });
  await tell(other.endpoint, 'of another call');
  await tell(endpoint, 'one');
  const event = await first;
  t.equal(event.getHeader('Unique-ID'), endpoint.uuid);
  t.equal(event.getHeader('Channel-Call-State'), 'ACTIVE', 'with what is known of the call');
  more(endpoint).removeCustomEventListener('ward::told');
  await tell(endpoint, 'two');
  more(endpoint).resetEslCustomEvent();
  t.same(told, ['one']);
});

t.test('what needs modules that FreeSWITCH itself does not have is told to be unknown, and rejects', async (t) => {
  await using bench = await mediaBench();
  const endpoint = more((await bench.call()).endpoint);
  const asked: readonly (readonly [string, Promise<unknown>])[] = [
    ['uuid_dub', endpoint.setGain('3dB')],
    ['uuid_dub', endpoint.dub({ action: 'addTrack', track: 'a' })],
    ['uuid_google_transcribe', endpoint.startTranscription({ vendor: 'google' })],
    ['uuid_google_transcribe', endpoint.stopTranscription({ vendor: 'google' })],
    ['uuid_nuance_transcribe', endpoint.startTranscriptionTimers({ vendor: 'nuance' })],
    ['uuid_vad_detect', endpoint.startVadDetection({})],
    ['uuid_vad_detect', endpoint.stopVadDetection({})],
    ['uuid_audio_fork', endpoint.forkAudioStart({ wsUrl: 'ws://127.0.0.1:9' })],
    ['uuid_audio_fork', endpoint.forkAudioSendText('bug', 'text')],
    ['uuid_audio_fork', endpoint.forkAudioPause('bug', true)],
    ['uuid_audio_fork', endpoint.forkAudioResume('bug')],
    ['uuid_audio_fork', endpoint.forkAudioStop('bug')],
  ];
  for (const [command, answer] of asked) {
    await t.rejects(answer, { message: `-ERR ${command} Command not found!\n` }, command);
  }
});

t.test(
  'connectCaller: the caller is answered with the endpoint’s description and hears it, plain and by SRTP',
  async (t) => {
    await using bench = await mediaBench();
    const ms = bench.ms as MoreMediaServer;
    // With keys the event socket must not come before the 200, and FreeSWITCH runs that race (contract §2.5).
    for (const secure of ON_FREESWITCH ? (['forbidden'] as const) : (['forbidden', 'required'] as const)) {
      const phone = await bench.phone(secure);
      const { endpoint } = await ms.connectCaller({ body: phone.offer() }, {});
      phone.accept(bench.srf.answers.at(-1) ?? '');
      const playing = endpoint.play('tone_stream://%(600,0,440)');
      await phone.wait(200);
      t.equal(await phone.hearing(440), 440, secure);
      await playing;
      await endpoint.destroy();
    }
  },
);

t.test('MediaServer: capabilities, its sockets opened and closed, its end', async (t) => {
  await using bench = await mediaBench();
  const ms = bench.ms as MoreMediaServer;
  t.ok(ms.hasCapability(['ipv4', 'udp']));
  t.notOk(ms.hasCapability(['ipv4', 'dtls']));
  t.ok(ms.connected());
  t.match(JSON.stringify(ms.toJSON()), /127\.0\.0\.1/);
  const opened = once(ms, 'channel::open') as Promise<[{ uuid: string }]>;
  const { endpoint } = await bench.call();
  t.equal((await opened)[0].uuid, endpoint.uuid);
  const closed = once(ms, 'channel::close') as Promise<[{ uuid: string }]>;
  await endpoint.destroy();
  t.equal((await closed)[0].uuid, endpoint.uuid);
  t.notOk(more(endpoint).connected);
  await t.rejects(endpoint.api('status', ''), /no longer active/);
});

/** Which of `tones` each phone hears in the next 300 ms. */
async function hearing(phones: readonly FarPhone[], tones: readonly number[]) {
  await phones[0]?.wait(400);
  const heard = await Promise.all(phones.map((phone) => phone.listen(300)));
  return heard.map((samples) => tones.filter((hz) => toneLevel(samples, 8000, hz) > -30));
}

t.test('a conference waits for its moderator: until then nobody hears anybody', async (t) => {
  await using bench = await mediaBench();
  const [a, b, m] = [await bench.call(), await bench.call(), await bench.call()];
  const calls = [a, b, m];
  await a.endpoint.join('wait-1', { flags: { waitMod: true } });
  await bench.ms.api('conference wait-1 enter_sound off');
  await b.endpoint.join('wait-1', { flags: { waitMod: true } });
  for (const [i, hz] of [500, 1100, 1900].entries()) calls[i]?.phone.say(hz, -14);
  const phones = [a.phone, b.phone];
  t.same(await hearing(phones, [500, 1100, 1900]), [[], []]);
  t.match(await bench.ms.api('conference list'), /flags: wait_mod\|running/);
  await m.endpoint.join('wait-1', { flags: { moderator: true } });
  t.same(await hearing(phones, [500, 1100, 1900]), [
    [1100, 1900],
    [500, 1900],
  ]);
  t.match(await more(b.endpoint).confKick(), /^\+OK kicked/);
  t.same(await hearing([a.phone, b.phone], [500, 1100, 1900]), [[1900], []]);
});

t.test('relate: one does not hear another, or is not heard; clear undoes it', async (t) => {
  await using bench = await mediaBench();
  const calls = [await bench.call(), await bench.call(), await bench.call()];
  const ids: number[] = [];
  for (const [i, { endpoint, phone }] of calls.entries()) {
    ids.push((await endpoint.join('relate-1')).memberId);
    if (i === 0) await bench.ms.api('conference relate-1 enter_sound off');
    phone.say([500, 1100, 1900][i], -14);
  }
  const [a, b, c] = ids;
  const phones = calls.map(({ phone }) => phone);
  const api = (args: string) => bench.ms.api(`conference relate-1 relate ${args}`);
  t.match(await api(''), /^\+OK No relationships/);
  t.equal(await api(`${a} ${b} nohear`), `+OK ${a}->${b} nohear set\n`);
  t.same(await hearing(phones, [500, 1100, 1900]), [[1900], [500, 1900], [500, 1100]], 'A does not hear B');
  t.equal(await api(`${a} ${c} nospeak`), `+OK ${a}->${c} nospeak set\n`);
  t.same(await hearing(phones, [500, 1100, 1900]), [[1900], [500, 1900], [1100]], 'and is not heard by C');
  t.match(await api(`${a}`), new RegExp(`^${a} -> \\d+ `));
  t.equal(
    await api(`${a} ${b},${c} clear`),
    `+OK relationship ${a}->${b} cleared.\n+OK relationship ${a}->${c} cleared.\n`,
  );
  t.same(await hearing(phones, [500, 1100, 1900]), [
    [1100, 1900],
    [500, 1900],
    [500, 1100],
  ]);
});

t.test(
  'agc raises a quiet voice; a queue of files is played in its order; mintwo ends with the last pair',
  async (t) => {
    await using bench = await mediaBench();
    const conference: FsmrfConference = await bench.ms.createConference('gain-1');
    await bench.ms.api('conference gain-1 enter_sound off');
    await bench.ms.api('conference gain-1 exit_sound off');
    const [a, b] = [await bench.call(), await bench.call()];
    const { memberId } = await a.endpoint.join('gain-1');
    await b.endpoint.join('gain-1');
    a.phone.say(500, -38);
    await b.phone.wait(400);
    const before = toneLevel(await b.phone.listen(200), 8000, 500);
    t.equal((await conference.agc(`${memberId} 1200`)).getBody(), `Agc ${memberId} = 1200\n`);
    await b.phone.wait(2000);
    const after = toneLevel(await b.phone.listen(200), 8000, 500);
    // FreeSWITCH's own control takes longer and other steps.
    if (!ON_FREESWITCH) t.ok(after > before + 6, `${before.toFixed(1)}, then ${after.toFixed(1)} dBFS`);
    t.match((await conference.agc(`${memberId} 0`)).getBody(), ON_FREESWITCH ? /^Agc \d+ = / : `Agc ${memberId} = 0\n`);
    a.phone.say(undefined);
    const path = join(bench.folder, bench.writeSound('first.wav', wav(8000, 1500, 500)));
    const played = conference.play([path, 'tone_stream://%(500,0,2500)']);
    await b.phone.wait(150);
    t.equal(await b.phone.hearing(1500), 1500);
    await b.phone.wait(300);
    t.equal(await b.phone.hearing(2500), 2500);
    await played;
    t.ok(existsSync(path));

    const [c, d] = [await bench.call(), await bench.call()];
    await c.endpoint.join('pair-1', { flags: { mintwo: true } });
    await d.endpoint.join('pair-1');
    const gone = once(c.endpoint, 'destroy');
    await d.endpoint.destroy();
    await gone;
  },
);
