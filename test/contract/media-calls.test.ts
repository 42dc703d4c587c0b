// Unmodified drachtio-fsmrf against the embedded media server: recordings, bridges, and every way that a call ends (contract §3, §5, §7).
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { pcmu } from '../../src/kernel/g711.ts';
import { newId } from '../../src/kernel/id.ts';
import type { Capture } from '../../src/seal/intake-client.ts';
import { dominantFrequency, isSilent, toneLevel } from '../support/listen.ts';
import type { FsmrfEndpoint } from '../support/media-bench.ts';
import { mediaBench, ON_FREESWITCH } from '../support/media-bench.ts';

t.test('record: the caller alone, to a .wav whose header is true when it is done', async (t) => {
  await using bench = await mediaBench();
  const { phone, endpoint } = await bench.call();
  phone.say(500);
  await phone.wait(100);
  const path = join(bench.folder, 'said.wav');
  const recorded = await endpoint.record(path, { timeLimitSecs: 1 });
  const samples = Number(recorded.recordSamples);
  t.match(recorded, { recordSeconds: '1', recordMilliseconds: String(samples / 8) });
  // FreeSWITCH looks at its clock, which counts whole seconds.
  if (ON_FREESWITCH) t.ok(samples >= 8000 && samples < 16_000, `${samples} samples`);
  else t.equal(samples, 8000);
  await phone.wait(60);
  const bytes = readFileSync(path);
  t.equal(bytes.readUInt32LE(40), 2 * samples);
  t.equal(bytes.length, 44 + 2 * samples);
  t.equal(dominantFrequency(linear(bytes.subarray(44)), 8000), 500);
});

t.test('record: a terminator ends it; a path that cannot be written ends the call', async (t) => {
  await using bench = await mediaBench();
  const { phone, endpoint } = await bench.call();
  await endpoint.set('playback_terminators', '#');
  const recording = endpoint.record(join(bench.folder, 'short.ul'), { timeLimitSecs: 20 });
  await phone.wait(200);
  phone.press('#');
  t.match(await recording, { terminatorUsed: '#' });
  const ended = new Promise((resolve) => endpoint.once('destroy', resolve));
  const failed = endpoint.record('/nowhere/at/all.wav', { timeLimitSecs: 1 });
  const why = await ended;
  // FreeSWITCH at times closes the socket before either is told (contract §6.4).
  if (ON_FREESWITCH && why === undefined) return;
  t.match(why, { reason: 'DESTINATION_OUT_OF_ORDER' });
  await failed;
});

t.test(
  'record_session into the vault: left heard, right sent, from the first frame, masked to silence; no file',
  async (t) => {
    const intake = fakeIntake(2);
    await using bench = await mediaBench({ intake });
    const { phone, endpoint } = await bench.call();
    phone.say(500);
    await phone.wait(100);
    const path = join(bench.folder, 'spool', `${newId()}.ul`);
    await endpoint.set('RECORD_STEREO', 'true');
    await endpoint.execute('record_session', path);
    await endpoint.play('tone_stream://%(400,0,900)');
    await endpoint.execute('record_session_mask', path);
    await phone.wait(200);
    await endpoint.execute('record_session_unmask', path);
    await phone.wait(200);
    await endpoint.execute('stop_record_session', path);
    await intake.ended;
    t.notOk(existsSync(path));
    t.ok(intake.isContinuous(), 'every tick follows the one before');
    const { left, right } = intake.stereo();
    t.equal(dominantFrequency(left.subarray(800, 2400), 8000), 500, 'left is the phone');
    t.equal(dominantFrequency(right.subarray(800, 2400), 8000), 900, 'right is what it was sent');
    const silent = left.findIndex((_, at) => isSilent(left.subarray(at, at + 1200)));
    t.ok(silent > 0, 'masked for as long as it was asked');
    t.equal(dominantFrequency(left.subarray(-1200), 8000), 500, 'unmasked again');
  },
);

t.test('record into the vault: mono, kept when the party hangs up in the middle', async (t) => {
  const intake = fakeIntake(1);
  await using bench = await mediaBench({ intake });
  const { phone, endpoint } = await bench.call();
  phone.say(500);
  const recording = endpoint.record(join(bench.folder, 'spool', `${newId()}.ul`), { timeLimitSecs: 60 });
  await phone.wait(400);
  await endpoint.dialog.destroy();
  t.match(await recording, { recordSeconds: /^\d$/ });
  await intake.ended;
  t.equal(dominantFrequency(intake.mono().subarray(-800), 8000), 500);
});

t.test('bridge: both ways by tones, digits pass, unbridge ends it and both obey again', async (t) => {
  await using bench = await mediaBench();
  const [a, b] = [await bench.call(), await bench.call()];
  await a.endpoint.bridge(b.endpoint);
  a.phone.say(500);
  b.phone.say(800);
  await a.phone.wait(160);
  const [atA, atB] = await Promise.all([a.phone.listen(200), b.phone.listen(200)]);
  t.equal(dominantFrequency(atA, 8000), 800);
  t.equal(dominantFrequency(atB, 8000), 500);
  t.ok(toneLevel(atA, 8000, 500) < -45, 'nobody hears himself');
  a.phone.press('5');
  await a.phone.wait(400);
  t.same(b.phone.digits, ['5']);
  await a.endpoint.unbridge();
  await a.phone.wait(100);
  t.ok(await a.phone.hearsNothing());
  const playing = b.endpoint.play('tone_stream://%(300,0,650)');
  await b.phone.wait(100);
  t.equal(await b.phone.hearing(650), 650);
  await playing;
});

t.test('bridge: when one party goes the other stays, waits, and can be played to', async (t) => {
  await using bench = await mediaBench();
  const [a, b] = [await bench.call(), await bench.call()];
  await a.endpoint.bridge(b.endpoint);
  // FreeSWITCH loses the other party for good when the first leaves before its bridge runs.
  await a.phone.wait(100);
  await a.endpoint.dialog.destroy();
  const playing = b.endpoint.play('tone_stream://%(300,0,650)');
  await b.phone.wait(100);
  t.equal(await b.phone.hearing(650), 650);
  await playing;
  await b.endpoint.destroy();
  t.equal(bench.server.status().calls, 0);
});

t.test('the party hangs up in a playback: completion, CALLSTATE, then the end, in that order', async (t) => {
  await using bench = await mediaBench();
  const { endpoint } = await bench.call();
  const seen = watch(endpoint);
  const playing = endpoint.play('tone_stream://%(9000,0,440)');
  const ended = new Promise((resolve) => endpoint.once('destroy', resolve));
  const closed = new Promise((resolve) => endpoint.conn.once('esl::end', resolve));
  await new Promise((resolve) => endpoint.once('playback-start', resolve));
  await endpoint.dialog.destroy();
  if (ON_FREESWITCH) {
    // What its socket still tells when the call is over is a race there (contract §6.4).
    await closed;
    t.ok(
      ['PLAYBACK_STOP', 'CHANNEL_EXECUTE_COMPLETE socket', 'CHANNEL_CALLSTATE HANGUP'].some((one) =>
        seen.includes(one),
      ),
    );
    return;
  }
  await playing;
  t.match(await ended, { reason: 'NORMAL_CLEARING' });
  await closed;
  t.same(seen.slice(-6), [
    'CHANNEL_HANGUP',
    'PLAYBACK_STOP',
    'CHANNEL_EXECUTE_COMPLETE playback',
    'CHANNEL_UNPARK',
    'CHANNEL_EXECUTE_COMPLETE socket',
    'CHANNEL_CALLSTATE HANGUP',
  ]);
});

t.test('destroy, uuid_kill, an unknown application and a closed socket each end the call with a BYE', async (t) => {
  await using bench = await mediaBench();
  const [a, b, c, d] = [await bench.call(), await bench.call(), await bench.call(), await bench.call()];
  const byes = [a, b, c, d].map(
    ({ endpoint }) => new Promise<unknown>((resolve) => dialogOf(endpoint).once('destroy', resolve)),
  );
  await a.endpoint.destroy();
  t.equal(await bench.ms.api(`uuid_kill ${b.endpoint.uuid} CALL_REJECTED`), '+OK\n');
  c.endpoint.execute('no_such_application').catch(() => undefined);
  (d.endpoint.conn as unknown as { socket: { end(): void } }).socket.end();
  const reasons = await Promise.all(byes);
  t.match(reasons, [
    { reason: /cause=16/ },
    { reason: /cause=21;text="CALL_REJECTED"/ },
    { reason: /cause=27;text="DESTINATION_OUT_OF_ORDER"/ },
    { reason: /cause=16/ },
  ]);
  t.equal(bench.server.status().calls, 0);
});

t.test(
  'drain takes no new call and waits for the running one; a set inside a playback takes effect at once',
  async (t) => {
    await using bench = await mediaBench();
    const { endpoint } = await bench.call();
    const order: string[] = [];
    const playing = endpoint.play('tone_stream://%(300,0,440)').then(() => order.push('playback'));
    await endpoint.set('colour', 'green').then(() => order.push('set'));
    await playing;
    t.same(order, ['set', 'playback'], 'the inner one completes first');
    t.equal((await endpoint.api('uuid_getvar', `${endpoint.uuid} colour`)).getBody(), 'green');
    if (ON_FREESWITCH) return;
    const drained = bench.server.drain();
    await t.rejects(bench.ms.createEndpoint(), /Service Unavailable/);
    await endpoint.destroy();
    await drained;
  },
);

interface FakeIntake {
  begin(): Promise<Capture>;
  readonly ended: Promise<void>;
  isContinuous(): boolean;
  mono(): Int16Array;
  stereo(): { left: Int16Array; right: Int16Array };
}

/** A vault that keeps what it is given, and answers `begin` late. */
function fakeIntake(channels: 1 | 2): FakeIntake {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const pieces: { bytes: Buffer; atSample: number }[] = [];
  const capture: Capture = {
    artifactId: 'fake',
    encoding: 'ulaw-8000',
    channels,
    write: (bytes, atSample) => void pieces.push({ bytes: Buffer.from(bytes), atSample }),
    async end() {
      resolve();
    },
    onFailure: () => undefined,
  };
  const mono = () => {
    const bytes = Buffer.concat(pieces.map((piece) => piece.bytes));
    const samples = new Int16Array(bytes.length);
    pcmu.decode(bytes, 0, bytes.length, samples, 0);
    return samples;
  };
  return {
    ended,
    mono,
    begin: () => new Promise((done) => setTimeout(() => done(capture), 90)),
    isContinuous: () =>
      pieces.length > 0 &&
      pieces.every(({ bytes, atSample }, i) => atSample === i * 160 && bytes.length === 160 * channels),
    stereo() {
      const samples = mono();
      return { left: samples.filter((_, i) => i % 2 === 0), right: samples.filter((_, i) => i % 2 === 1) };
    },
  };
}

/** The names of the events that reach this endpoint's socket, with what tells them apart. */
function watch(endpoint: FsmrfEndpoint): string[] {
  const seen: string[] = [];
  endpoint.conn.subscribe('CHANNEL_HANGUP CHANNEL_UNPARK');
  endpoint.conn.on('esl::event::*::*', (event: { getHeader(name: string): string | null }) => {
    const name = event.getHeader('Event-Name');
    if (name === null) return;
    const detail =
      name === 'CHANNEL_CALLSTATE' ? event.getHeader('Channel-Call-State') : event.getHeader('Application');
    seen.push(detail === null ? name : `${name} ${detail}`);
  });
  return seen;
}

function dialogOf(endpoint: FsmrfEndpoint): { once(name: string, listener: (event: unknown) => void): void } {
  return endpoint.dialog as unknown as { once(name: string, listener: (event: unknown) => void): void };
}

function linear(bytes: Buffer): Int16Array {
  return Int16Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(i * 2));
}

t.test(
  'what else a controller executes ends as on FreeSWITCH, whatever the case of its name, and no call is lost',
  async (t) => {
    await using bench = await mediaBench();
    const { phone, endpoint } = await bench.call();
    const responses: Readonly<Record<string, string>> = {
      'SET colour=green': '_none_',
      'export nolocal:far=1': '_none_',
      'export near=2': '_none_',
      'eval x': '_none_',
      'log INFO a line': '_none_',
      'ring_ready ': '_none_',
      'flush_dtmf ': '_none_',
      'verbose_events true': '_none_',
      'gentones %(60,0,400)|2': '_none_',
      'park ': '_none_',
      'bridge ': '_none_',
      'record ': '_none_',
      'playback ': 'PLAYBACK ERROR',
      'endless_playback nope.wav': 'FILE NOT FOUND',
      // What is not done here says so.
      'presence in': ON_FREESWITCH ? '_none_' : '-ERR not done here',
    };
    for (const [line, response] of Object.entries(responses)) {
      const at = line.indexOf(' ');
      const event = await endpoint.execute(line.slice(0, at), line.slice(at + 1));
      t.equal(event.getHeader('Application-Response'), response, line);
    }
    // Without a name nothing is run.
    endpoint.conn.socket.write(`sendmsg ${endpoint.uuid}\ncall-command: execute\n\n`);
    const reading = endpoint.execute('read', '2 4 silence_stream://60 number 5000 #');
    await phone.wait(200);
    for (const key of '12#') phone.press(key);
    t.equal((await reading).getHeader('variable_number'), '12');
    t.equal((await reading).getHeader('variable_read_result'), 'success');
    const playing = endpoint.play('silence_stream://20000');
    await phone.wait(100);
    await endpoint.execute('break');
    await playing;
    const { uuid } = endpoint;
    const values = ['colour', 'export_vars', 'nolocal:far', 'destination_number', 'local_ip_v4'];
    const told = await Promise.all(values.map((name) => bench.ms.api(`uuid_getvar ${uuid} ${name}`)));
    t.same(told, ['green', 'nolocal:far,near', '1', 'drachtio', '127.0.0.1']);
    const ended = once(endpoint, 'destroy');
    await endpoint.execute('sched_hangup', '+0 USER_BUSY');
    t.match(await ended, [{ reason: 'USER_BUSY' }]);
  },
);
