// However a caller leaves, the call ends once: exactly one record with one outcome, and nobody left behind.
import t from 'tap';
import { ClinicBench } from '../support/clinic-bench.ts';
import { hearsPrompt, hearsTone, talk } from '../support/heard.ts';
import { testClinic } from '../support/test-clinic.ts';

t.jobs = 3;

t.test('who gives up stops the ringing, and the record says cancelled', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  bob.manner = 'ring';
  let hasStopped = false;
  bob.events.once('cancelled', () => {
    hasStopped = true;
  });
  const pending = await alice.startCall('1002');
  t.ok(await bench.until(() => pending.progress.includes(180)), 'Alice hears ringing');
  pending.cancel();
  await t.rejects(pending.answered, { message: 'refused with 487' });
  t.ok(await bench.until(() => hasStopped));
  t.same((await bench.onlyCall()).outcome, { ended: 'unanswered', reason: 'cancelled' });
});

t.test('who hangs up in the menu was answered and left', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const carrier = await bench.trunk();
  const call = await carrier.call('+12125550100');
  await talk(call, 500);
  await call.hangUp();
  const { outcome, artifacts } = await bench.onlyCall();
  t.same(outcome, { ended: 'answered', by: 'caller' });
  t.same(artifacts, []);
});

t.test('who hangs up while a menu’s choice rings leaves no phone ringing', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const carrier = await bench.trunk();
  const bob = await bench.registered('1002');
  bob.manner = 'ring';
  let hasStopped = false;
  bob.events.once('cancelled', () => {
    hasStopped = true;
  });
  const call = await carrier.call('+12125550100');
  await talk(call, 300);
  const ringing = new Promise((resolve) => bob.events.once('ringing', resolve));
  call.press('1');
  for (const digit of '002') call.press(digit);
  await ringing;
  t.ok(await call.until(() => call.level(440) > -35 && call.level(480) > -35), 'ringing is heard');
  await call.hangUp();
  t.ok(await bench.until(() => hasStopped));
  t.same((await bench.onlyCall()).outcome, { ended: 'answered', by: 'caller' });
});

t.test('who hangs up in the greeting, or at once after the tone, leaves no message and no lamp', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const carrier = await bench.trunk();
  const desk = await bench.registered('1001');
  const inGreeting = await carrier.call('+12125550103');
  await talk(inGreeting, 500);
  await inGreeting.hangUp();
  t.match(await bench.onlyCall(), { outcome: { ended: 'answered', by: 'caller' }, artifacts: [] });
  const afterTone = await carrier.call('+12125550103');
  t.ok(await hearsPrompt(afterTone, 'call/no-answer'));
  t.ok(await hearsTone(afterTone));
  await afterTone.hangUp();
  t.ok(await bench.until(async () => (await bench.vault.calls()).length === 2));
  t.match((await bench.vault.calls())[0], { outcome: { ended: 'answered', by: 'caller' }, artifacts: [] });
  await bench.until(() => bench.pbx.status().calls === 0);
  t.same(await bench.vault.ask('mailbox.counts', { mailbox: '1001' }), { unread: 0, read: 0 });
  t.notOk(desk.notifies.some((body) => /Messages-Waiting: yes/.test(body)));
});
