// Calls whose audio is carried by worker threads, through an unmodified drachtio-fsmrf: spread over them, bridged across them, and lost alone
// when one dies (decisions/media-workers.md). The other contract suites run on workers too, with WARDLINE_TEST_MEDIA_WORKERS=2.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { dominantFrequency, toneLevel } from '../support/listen.ts';
import { mediaBench, startWorkers } from '../support/media-bench.ts';
import { until } from '../support/patience.ts';

/** Louder than this a tone was heard. */
const HEARD_DBFS = -30;

t.test('calls are spread over the workers, hear each other across them, and are recorded', async (t) => {
  const legs = await startWorkers(2);
  await using bench = await mediaBench({ legs });
  const a = await bench.call('required');
  const b = await bench.call('forbidden');
  const c = await bench.call('required', ['G722']);
  t.same(legs.threads.map((thread) => thread.legs).toSorted(), [1, 2], 'each worker has its share');
  a.phone.say(500);
  b.phone.say(900);
  c.phone.say(1300);
  const path = join(bench.folder, 'both.wav');
  await a.endpoint.set('RECORD_STEREO', 'true');
  await a.endpoint.execute('record_session', path);
  await a.endpoint.bridge(b.endpoint);
  await a.phone.wait(300);
  t.equal(await a.phone.hearing(900), 900);
  t.equal(await b.phone.hearing(500), 500);
  a.phone.press('7');
  await until(() => b.phone.digits.length > 0);
  t.same(b.phone.digits, ['7'], 'a digit passes from worker to worker');
  await a.endpoint.bridge(c.endpoint);
  await a.phone.wait(300);
  t.equal(await a.phone.hearing(1300), 1300, 'the other worker, another codec');
  await a.endpoint.execute('stop_record_session', path);
  await a.phone.wait(100);
  const recorded = readFileSync(path).subarray(44);
  const left = Int16Array.from({ length: 8000 }, (_, i) => recorded.readInt16LE(4 * i));
  t.equal(dominantFrequency(left, 8000), 500);
  const variables = await a.endpoint.getChannelVariables(true);
  t.ok(Number(variables.variable_rtp_audio_in_packet_count) > 30, 'its counters are told');
  t.ok(Number(variables.variable_rtp_audio_out_packet_count) > 30, 'both ways');
});

t.test('a digit ends a prompt, and a conference mixes members of all workers', async (t) => {
  const legs = await startWorkers(3);
  await using bench = await mediaBench({ legs });
  const calls = [await bench.call('required'), await bench.call('required'), await bench.call('required')];
  t.same(
    legs.threads.map((thread) => thread.legs),
    [1, 1, 1],
  );
  const [first, second, third] = calls;
  if (first === undefined || second === undefined || third === undefined) return;
  const asked = first.endpoint.playCollect({
    min: 1,
    max: 1,
    tries: 1,
    timeout: 9000,
    file: 'tone_stream://%(9000,0,700)',
  });
  await first.phone.wait(200);
  t.equal(await first.phone.hearing(700), 700);
  first.phone.press('4');
  t.match(await asked, { digits: '4' });
  for (const [i, { phone, endpoint }] of calls.entries()) {
    phone.say([500, 900, 1300][i]);
    await endpoint.join('all-workers');
  }
  await first.phone.wait(900);
  const heard = await first.phone.listen(400);
  t.ok(toneLevel(heard, 8000, 900) > HEARD_DBFS && toneLevel(heard, 8000, 1300) > HEARD_DBFS);
});

t.test(
  'a worker that dies takes its own calls alone, the controller is told at once, and another takes its place',
  async (t) => {
    const legs = await startWorkers(2);
    await using bench = await mediaBench({ legs });
    const lost = await bench.call('required');
    const kept = await bench.call('required');
    const states: string[] = [];
    lost.endpoint.conn.on('esl::event::CHANNEL_CALLSTATE::*', (event: { getHeader(name: string): string }) => {
      states.push(event.getHeader('Channel-Call-State'));
    });
    kept.phone.say(500);
    await kept.phone.wait(200);
    const destroyed = once(lost.endpoint, 'destroy');
    await legs.threads[0]?.terminate();
    t.match(await destroyed, [{ reason: 'NETWORK_OUT_OF_ORDER' }], 'by a BYE with the cause');
    t.match(states, ['HANGUP'], 'and the event before it');
    t.match(bench.server.status(), { calls: 1, workers: 2, workersLost: 1 });
    await kept.endpoint.play('tone_stream://%(20,0,900)');
    const playing = kept.endpoint.play('tone_stream://%(900,0,900)');
    await kept.phone.wait(200);
    t.equal(await kept.phone.hearing(900), 900, 'the other call goes on');
    await playing;
    while (legs.threads[0]?.isReady !== true) await kept.phone.wait(100);
    const next = await bench.call('required');
    t.equal(legs.threads[0]?.legs, 1, 'a new call is on the new worker');
    const again = next.endpoint.play('tone_stream://%(900,0,700)');
    await next.phone.wait(300);
    t.equal(await next.phone.hearing(700), 700);
    await again;
  },
);

t.test('a worker that hangs is ended with its own calls alone, and another takes its place', async (t) => {
  const root = new URL('../support/hanging-worker.ts', import.meta.url);
  const legs = await startWorkers(2, { root, maxMissedBeats: 150 });
  await using bench = await mediaBench({ legs });
  const lost = await bench.call('required');
  const kept = await bench.call('required');
  const states: string[] = [];
  lost.endpoint.conn.on('esl::event::CHANNEL_CALLSTATE::*', (event: { getHeader(name: string): string }) => {
    states.push(event.getHeader('Channel-Call-State'));
  });
  const hung = legs.threads[0];
  const playing = kept.endpoint.play('tone_stream://%(9000,0,900)');
  const destroyed = once(lost.endpoint, 'destroy');
  await lost.endpoint.execute('send_dtmf', 'D');
  while (hung?.isBehind !== true) await kept.phone.wait(20);
  const meanwhile = await bench.call('required');
  t.equal(legs.threads[1]?.legs, 2, 'a call that comes meanwhile is given to a worker that answers');
  await kept.phone.wait(400);
  t.equal(await kept.phone.hearing(900), 900, 'the calls of the others are heard all the while');
  t.match(await destroyed, [{ reason: 'NETWORK_OUT_OF_ORDER' }], 'by a BYE with the cause');
  t.match(states, ['HANGUP']);
  t.match(bench.server.status(), { calls: 2, workers: 2, workersLost: 1 });
  t.equal(hung.isAlive, false);
  t.equal(await kept.phone.hearing(900), 900, 'they go on');
  await kept.endpoint.api('uuid_break', kept.endpoint.uuid);
  await playing;
  while (legs.threads[0]?.isReady !== true) await kept.phone.wait(100);
  const next = await bench.call('required');
  t.equal(legs.threads[0]?.legs, 1, 'a new call is on the new worker');
  const again = next.endpoint.play('tone_stream://%(900,0,700)');
  await next.phone.wait(300);
  t.equal(await next.phone.hearing(700), 700);
  await again;
  await meanwhile.endpoint.destroy();
});

t.test('the only worker dies: a call that comes meanwhile is carried by the next one', async (t) => {
  const legs = await startWorkers(1);
  await using bench = await mediaBench({ legs });
  await legs.threads[0]?.terminate();
  const { phone, endpoint } = await bench.call('required');
  const playing = endpoint.play('tone_stream://%(1500,0,900)');
  await phone.wait(600);
  t.equal(await phone.hearing(900), 900);
  await playing;
});
