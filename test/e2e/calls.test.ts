// Calls through the whole telephone system on loopback: real SIP, RTP and SRTP, the embedded engines, unmodified drachtio libraries.
import t from 'tap';
import { ClinicBench, testClinic, trunkTo } from '../support/clinic-bench.ts';

t.test('a phone registers over TLS with SHA-256 and with MD5', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const first = await bench.phone('1001');
  const second = await bench.phone('1002');
  t.equal((await first.register({ algorithm: 'SHA-256' })).status, 200);
  t.equal((await second.register({ algorithm: 'MD5' })).status, 200);
  t.equal(bench.vault.bindings.size, 2, 'both are durable');
  t.equal(bench.pbx.status().registrations, 2);
});

t.test('1001 calls 1002 and both hear each other, encrypted', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  const incoming = bob.nextCall();
  const call = await alice.call('1002');
  const answered = await incoming;
  call.say(440);
  answered.say(620);
  t.ok(await answered.until(() => answered.level(440) > -25), 'Bob hears Alice');
  t.ok(await call.until(() => call.level(620) > -25), 'Alice hears Bob');
  t.ok(call.isEncrypted && answered.isEncrypted);
  await answered.hangUp();
  t.ok(await call.until(() => call.hasEnded), 'Alice is let go');
  await bench.until(() => bench.vault.cdrs.length === 1);
  t.same(bench.vault.cdrs[0]?.outcome, { ended: 'answered', by: 'callee' });
  t.equal(bench.vault.cdrs[0]?.direction, 'internal');
});
