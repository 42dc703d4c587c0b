// What callers notice when a part of the appliance goes away in the middle of a call, and that it all works again afterwards.
import t from 'tap';
import { ClinicBench, testClinic } from '../support/clinic-bench.ts';
import { hears } from '../support/heard.ts';

t.jobs = 3;

t.test(
  'the media server dies: both parties are let go at once, the record says so, and the next call works',
  async (t) => {
    await using bench = await ClinicBench.start(testClinic());
    const alice = await bench.registered('1001');
    const bob = await bench.registered('1002');
    const incoming = bob.nextCall();
    const call = await alice.call('1002');
    const answered = await incoming;
    await bench.restartMedia();
    t.ok(await call.until(() => call.hasEnded && answered.hasEnded), 'nobody sits in silence');
    t.ok(await bench.onlyCall());
    t.ok(await bench.until(() => bench.pbx.status().parts.media === 'up', 10_000), 'and it is found again');
    const again = bob.nextCall();
    const second = await alice.call('1002');
    (await again).say(620);
    t.ok(await hears(second, 620));
    await second.hangUp();
  },
);

t.test('the vault is killed: calls go on, refreshes are answered, records are written when it is back', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  await bench.vault.kill();
  t.equal((await bob.register()).status, 200, 'a refresh');
  const carol = await bench.phone('1003');
  const promised = carol.register();
  const incoming = bob.nextCall();
  const call = await alice.call('1002');
  (await incoming).say(620);
  t.ok(await hears(call, 620), 'a call');
  await call.hangUp();
  await bench.until(() => bench.pbx.status().calls === 0);
  t.equal((await promised).status, 503, 'a new binding is not promised');
  bench.vault.restart();
  t.match(await bench.onlyCall(), { from: '1001', outcome: { ended: 'answered', by: 'caller' } }, 'its record');
  const { bindings } = await bench.vault.ask('bindings.list', {});
  t.same(bindings.map(({ username }) => username).sort(), ['1001', '1002']);
});

t.test('the edge is restarted: the call keeps its audio, and new calls work', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  const incoming = bob.nextCall();
  const call = await alice.call('1002');
  const answered = await incoming;
  await bench.restartEdge();
  answered.say(620);
  t.ok(await hears(call, 620), 'they still hear each other');
  t.ok(await bench.until(() => bench.pbx.status().parts.edge === 'up', 10_000), 'and it is found again');
  const carol = await bench.registered('1003');
  const dave = await bench.registered('1002');
  const again = dave.nextCall();
  const second = await carol.call('1002');
  t.ok(await again);
  await second.hangUp();
});
