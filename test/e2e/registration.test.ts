// Phones sign in over TLS through the edge into the vault: both digests, equal refusals, and message waiting by subscription.
import t from 'tap';
import { ClinicBench } from '../support/clinic-bench.ts';
import { testClinic } from '../support/test-clinic.ts';

t.jobs = 3;

t.test('a phone registers over TLS with SHA-256 and with MD5', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const first = await bench.phone('1001');
  const second = await bench.phone('1002');
  t.equal((await first.register({ algorithm: 'SHA-256' })).status, 200);
  t.equal((await second.register({ algorithm: 'MD5' })).status, 200);
  t.equal((await bench.vault.ask('bindings.list', {})).bindings.length, 2, 'both are durable');
  t.equal(bench.pbx.status().registrations, 2);
  t.equal((await first.register({ expires: 0 })).status, 200);
  t.equal(bench.pbx.status().registrations, 1, 'and one signed out');
  const trail = (await bench.vault.trail()).map(({ action }) => action);
  t.equal(trail.filter((action) => action === 'binding-added').length, 2);
  t.ok(trail.includes('binding-removed'));
});

t.test('a wrong password and an unknown user are refused alike, and the third time is on record', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const wrong = await bench.phone('1001', 'not-the-password');
  const unknown = await bench.phone('1999', 'whatever');
  const answers = [await wrong.register(), await unknown.register()];
  const shapes = answers.map(({ status, reason, headers }) => [
    status,
    reason,
    ...[...headers].map(({ name }) => name),
  ]);
  t.equal(answers[0]?.status, 403);
  t.same(shapes[0], shapes[1], 'status, reason and headers are the same');
  await wrong.register();
  const isRecorded = async () => (await bench.vault.trail()).some(({ action }) => action === 'registration-failed');
  t.ok(await bench.until(isRecorded));
});

t.test('RFC 3842: a subscriber is told its counts at once', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  alice.notifies.length = 0;
  const { status } = await alice.subscribe();
  t.equal(Math.floor(status / 100), 2);
  t.ok(await bench.until(() => alice.notifies.length > 0));
  t.match(alice.notifies.at(-1), /Messages-Waiting: no\r\nVoice-Message: 0\/0/);
  t.equal((await alice.subscribe('dialog')).status, 489, 'other packages are refused');
});

t.test('a call without a password is challenged, and a phone cannot speak for another', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  await t.rejects(alice.call('1002', { from: '1002' }), { message: 'refused with 403' });
  const stranger = await bench.phone('1001', 'guessed');
  await t.rejects(stranger.call('1002'), { message: 'refused with 403' });
});
