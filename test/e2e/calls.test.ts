// Phones of the clinic call each other on loopback: real SIP, SRTP and vault, the embedded engines, unmodified drachtio libraries.
import t from 'tap';
import { ClinicBench, ON_FREESWITCH } from '../support/clinic-bench.ts';
import { hears, hearsPrompt, SILENT } from '../support/heard.ts';
import { HurriedClock } from '../support/hurried-clock.ts';
import { extension, testClinic } from '../support/test-clinic.ts';

t.jobs = 4;

t.test('1001 calls 1002 and both hear each other, encrypted', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  const incoming = bob.nextCall();
  const call = await alice.call('1002');
  const answered = await incoming;
  call.say(440);
  answered.say(620);
  t.ok(await hears(answered, 440), 'Bob hears Alice');
  t.ok(await hears(call, 620), 'Alice hears Bob');
  t.ok(call.isEncrypted && answered.isEncrypted);
  await answered.hangUp();
  t.ok(await call.until(() => call.hasEnded), 'Alice is let go');
  t.match(await bench.onlyCall(), {
    direction: 'internal',
    from: '1001',
    to: '1002',
    outcome: { ended: 'answered', by: 'callee' },
  });
});

/** Its offer leaves before its dial plan is run, so that nothing can ask it for keys. */
const NO_SRTP_OFFER = ON_FREESWITCH && 'FreeSWITCH offers plain audio alone';

t.test('RFC 3261 §13.2.1: an INVITE without offer is answered with ours', { skip: NO_SRTP_OFFER }, async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  const incoming = bob.nextCall();
  const call = await alice.call('1002', { hasOffer: false });
  const answered = await incoming;
  call.say(440);
  answered.say(620);
  t.ok((await hears(answered, 440)) && (await hears(call, 620)));
  t.ok(call.isEncrypted);
  await call.hangUp();
});

t.test('either phone puts the call on hold and takes it back', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  const incoming = bob.nextCall();
  const call = await alice.call('1002');
  const answered = await incoming;
  call.say(440);
  answered.say(620);
  t.ok((await hears(call, 620)) && (await hears(answered, 440)));
  for (const [holding, held, hz] of [
    [call, answered, 620],
    [answered, call, 440],
  ] as const) {
    const who = holding === call ? 'the caller' : 'the called';
    t.equal(await holding.reinvite('inactive'), 200, `${who} holds`);
    t.ok(await holding.until(() => holding.level(hz) < SILENT), 'silence while on hold');
    t.equal(await holding.reinvite('sendrecv'), 200);
    t.ok(await hears(holding, hz), 'and sound again');
    t.notOk(held.hasEnded);
  }
});

t.test('RFC 4733: keys reach the other phone, both ways', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  const incoming = bob.nextCall();
  const call = await alice.call('1002');
  const answered = await incoming;
  for (const digit of '4#2') call.press(digit);
  t.ok(await answered.until(() => answered.digits === '4#2'), 'to the called phone');
  answered.press('7');
  t.ok(await call.until(() => call.digits === '7'), 'and to the calling one');
});

t.test('every phone of an extension rings, the first answer wins, the others stop', async (t) => {
  const clinic = testClinic();
  const phones = [...clinic.phones, { ...clinic.phones[1], username: '1002b' }] as typeof clinic.phones;
  await using bench = await ClinicBench.start({ ...clinic, phones });
  const alice = await bench.registered('1001');
  const slow = await bench.registered('1002');
  const quick = await bench.registered('1002b');
  slow.manner = 'ring';
  let hasStopped = false;
  slow.events.once('cancelled', () => {
    hasStopped = true;
  });
  const incoming = quick.nextCall();
  const call = await alice.call('1002');
  await incoming;
  t.ok(await bench.until(() => hasStopped), 'the slow phone stops ringing');
  await call.hangUp();
  t.same((await bench.onlyCall()).outcome, { ended: 'answered', by: 'caller' });
});

t.test('a hunt group rings all its members; nobody there goes to the group’s mailbox', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  const carol = await bench.registered('1003');
  alice.manner = 'busy';
  const incoming = bob.nextCall();
  const call = await carol.call('2000');
  t.ok(await incoming, 'the free member answers');
  await call.hangUp();
  bob.manner = 'busy';
  const second = await carol.call('2000');
  t.ok(await hearsPrompt(second, 'call/no-answer'), 'the mailbox');
});

t.test('a sequential hunt group rings one member after another, in its order', async (t) => {
  const clinic = testClinic();
  const order = { strategy: 'sequential', members: ['1002', '1001'], ringSeconds: 30 } as never;
  const huntGroups = clinic.huntGroups.map((group) => ({ ...group, ...Object(order) }));
  const clock = new HurriedClock();
  await using bench = await ClinicBench.start({ ...clinic, huntGroups }, { pbxClock: clock });
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  const carol = await bench.registered('1003');
  bob.manner = 'ring';
  const rung: string[] = [];
  bob.events.on('ringing', () => rung.push('1002'));
  bob.events.on('cancelled', () => rung.push('1002 stops'));
  alice.events.on('ringing', () => rung.push('1001'));
  const incoming = alice.nextCall();
  const calling = carol.call('2000');
  t.ok(await bench.until(() => rung.length === 1));
  clock.hurry(30_000);
  const call = await calling;
  await incoming;
  t.same(rung, ['1002', '1002 stops', '1001']);
  await call.hangUp();
  const { steps, outcome } = await bench.onlyCall();
  t.same(outcome, { ended: 'answered', by: 'caller' });
  t.same(
    steps.map(({ kind, name }) => `${kind} ${name}`),
    ['hunt-group front'],
  );
});

t.test('nobody registered, nobody free, nobody willing: the caller is told, and the record says which', async (t) => {
  const toHangUp = { onNoAnswer: { to: 'hang-up' } } as const;
  const extensions = ['1001', '1002', '1003'].map((number) => extension(number, toHangUp));
  await using bench = await ClinicBench.start(testClinic({ extensions }));
  const alice = await bench.registered('1001');
  await t.rejects(alice.call('1002'), { message: 'refused with 480' });
  const bob = await bench.registered('1002');
  bob.manner = 'busy';
  await t.rejects(alice.call('1002'), { message: 'refused with 486' });
  bob.manner = 'decline';
  await t.rejects(alice.call('1002'), { message: 'refused with 603' });
  await bench.until(async () => (await bench.vault.calls()).length >= 3);
  t.same(
    (await bench.vault.calls()).map(({ outcome }) => outcome),
    ['rejected', 'busy', 'no-answer'].map((reason) => ({ ended: 'unanswered', reason })),
    'newest first',
  );
});

t.test('a phone that goes away without a word is noticed, and the other is let go', async (t) => {
  const clock = new HurriedClock();
  await using bench = await ClinicBench.start(testClinic(), { pbxClock: clock });
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  const incoming = bob.nextCall();
  const call = await alice.call('1002');
  const answered = await incoming;
  call.say(440);
  answered.say(620);
  t.ok((await hears(answered, 440)) && (await hears(call, 620)));
  clock.hurry(60_000);
  await bench.until(() => false, 300);
  t.notOk(call.hasEnded, 'whoever is heard is there');
  await bob[Symbol.asyncDispose]();
  // What was on its way counts once more, and a phone may come back once.
  for (let minutes = 0; minutes < 3; minutes++) {
    t.notOk(call.hasEnded);
    clock.hurry(60_000);
    await bench.until(() => call.hasEnded, 500);
  }
  t.ok(await call.until(() => call.hasEnded), 'Alice does not talk to nobody');
  t.equal((await bench.onlyCall()).outcome.ended, 'answered');
});
