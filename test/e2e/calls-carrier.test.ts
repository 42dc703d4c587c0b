// Calls from and to carriers: numbers, menus and opening hours, plain and encrypted trunks, and emergencies before everything.
import t from 'tap';
import { ClinicBench, ON_FREESWITCH } from '../support/clinic-bench.ts';
import { hears, hearsPrompt, hearsTone, LOUD, talk } from '../support/heard.ts';
import { steadyLevel } from '../support/listen.ts';
import { TestPhone } from '../support/phone.ts';
import { testClinic, trunkTo } from '../support/test-clinic.ts';

t.jobs = 3;

const DIALLED = '+12125550177';

t.test('the menu is heard, a key reaches the mailbox, hanging up keeps the message', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const carrier = await bench.trunk();
  const call = await carrier.call('+12125550100');
  t.ok(await hearsPrompt(call, 'sample/main-menu'), 'the menu');
  call.press('3');
  t.ok(await hearsPrompt(call, 'call/no-answer'), 'the key cuts the menu short');
  t.ok(await hearsTone(call));
  call.say(440);
  await talk(call, 2_000);
  await call.hangUp();
  const cdr = await bench.onlyCall();
  t.match(cdr, { direction: 'inbound', outcome: { ended: 'answered', by: 'caller' } });
  t.same(
    cdr.steps.map(({ kind, name }) => `${kind} ${name}`),
    ['did +12125550100', 'menu main', 'mailbox 1001'],
  );
  const [message] = await bench.vault.artifacts('voicemail');
  t.match(message, { state: 'complete', mailbox: '1001', from: '+12125550142', to: '+12125550100' });
  t.same(cdr.artifacts, [message?.id]);
  const audio = message === undefined ? new Int16Array() : await bench.vault.audioOf(message.id);
  t.ok(steadyLevel(audio.subarray(6_000, 10_000), 440) > LOUD, 'the caller’s own tone is in it');
});

t.test('a wrong key is said to be wrong, an extension can be dialled, and both sides talk', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const carrier = await bench.trunk();
  const bob = await bench.registered('1002');
  const call = await carrier.call('2125550100');
  await talk(call, 500);
  call.press('7');
  t.ok(await hearsPrompt(call, 'menu/invalid-key'));
  const incoming = bob.nextCall();
  for (const digit of '1002') call.press(digit);
  const answered = await incoming;
  call.say(440);
  answered.say(620);
  t.ok((await hears(call, 620)) && (await hears(answered, 440)), 'plain RTP outside, SRTP inside');
  t.notOk(call.isEncrypted);
  t.ok(answered.isEncrypted);
  await call.hangUp();
  t.ok(await answered.until(() => answered.hasEnded));
});

t.test('a call from an address that is no carrier’s is refused and on record', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const stranger = await bench.carrier();
  await t.rejects(stranger.call('+12125550100'), { message: 'refused with 403' });
  const refused = async () => (await bench.vault.trail()).find(({ action }) => action === 'registration-failed');
  t.ok(await bench.until(async () => (await refused()) !== undefined));
  t.match(await refused(), { address: '127.0.0.1', outcome: 'refused' });
  t.same(await bench.vault.calls(), [], 'and it is no call');
});

t.test('a carrier’s call to a number that nobody has is refused, and has its record', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const carrier = await bench.trunk();
  await t.rejects(carrier.call('+12125550199'), { message: 'refused with 404' });
  t.match(await bench.onlyCall(), {
    direction: 'inbound',
    from: '+12125550142',
    to: '+12125550199',
    outcome: { ended: 'failed', fault: 'caller', sipStatus: 404 },
  });
});

t.test('after hours the call goes to the closed destination', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const carrier = await bench.trunk();
  const call = await carrier.call('+12125550103');
  t.ok(await hearsPrompt(call, 'call/no-answer'));
  await call.hangUp();
  t.same(
    (await bench.onlyCall()).steps.map(({ kind }) => kind),
    ['did', 'hours', 'mailbox'],
  );
});

t.test('a carrier that shows no sign of life is passed over', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const carrier = await bench.carrier();
  // Nothing listens there, and UDP does not tell.
  const dead = trunkTo({ host: '127.0.0.1', port: 9 }, 'dead');
  await bench.change({ trunks: [dead, trunkTo(carrier.local)] });
  const alice = await bench.registered('1001');
  const incoming = carrier.nextCall();
  const call = await alice.call('911');
  t.ok(await incoming, '911 by the second carrier');
  await call.hangUp();
  t.same(
    (await bench.onlyCall()).steps.map(({ name }) => name),
    ['dead', 'test'],
  );
});

t.test('a call out goes by the first carrier that can take it', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const carrier = await bench.carrier();
  const broken = await bench.carrier();
  broken.manner = 'unavailable';
  await bench.change({ trunks: [trunkTo(broken.local, 'broken'), trunkTo(carrier.local)] });
  const alice = await bench.registered('1001');
  const incoming = carrier.nextCall();
  const call = await alice.call('2125550177');
  const answered = await incoming;
  call.say(440);
  answered.say(620);
  t.ok((await hears(call, 620)) && (await hears(answered, 440)));
  await answered.hangUp();
  const cdr = await bench.onlyCall();
  t.match(cdr, { direction: 'outbound', to: DIALLED, outcome: { ended: 'answered', by: 'callee' } });
  t.same(
    cdr.steps.map(({ name }) => name),
    ['broken', 'test'],
  );
});

/** Its offer leaves before its dial plan is run, so that nothing can ask it for keys. */
const NO_SRTP_OFFER = ON_FREESWITCH && 'FreeSWITCH offers plain audio alone';

t.test(
  'a trunk with SRTP gets it, both ways; a carrier without it gets no call',
  { skip: NO_SRTP_OFFER },
  async (t) => {
    await using bench = await ClinicBench.start(testClinic());
    await using carrier = await TestPhone.open({
      transport: 'udp',
      server: bench.listener('carrier'),
      username: '+12125550142',
      secure: 'required',
    });
    await bench.change({ trunks: [{ ...trunkTo(carrier.local), srtp: 'required' }] });
    const alice = await bench.registered('1001');
    const outgoing = carrier.nextCall();
    const call = await alice.call('2125550177');
    const answered = await outgoing;
    call.say(440);
    answered.say(620);
    t.ok((await hears(call, 620)) && (await hears(answered, 440)), 'out');
    t.ok(answered.isEncrypted);
    await call.hangUp();
    const incoming = alice.nextCall();
    await bench.change({ dids: testClinic().dids.map((did) => ({ ...did, destination: { to: 'operator' } })) });
    const second = await carrier.call('+12125550101');
    const inside = await incoming;
    second.say(440);
    inside.say(620);
    t.ok((await hears(second, 620)) && (await hears(inside, 440)), 'and in');
    await second.hangUp();
    const plain = await bench.carrier();
    await t.rejects(plain.call('+12125550101'), { message: 'refused with 488' });
  },
);

t.test('911 goes out while no other call is taken, shows the callback number, and the desk is told', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const carrier = await bench.trunk();
  const desk = await bench.registered('1001');
  const bob = await bench.registered('1002');
  await bench.pbx.drain(0);
  let from = '';
  carrier.events.on('ringing', (request) => {
    from = `${request.uri} ${request.headers.get('From')}`;
  });
  const incoming = carrier.nextCall();
  await t.rejects(bob.call('1001'), { message: 'refused with 503' });
  const call = await bob.call('9911');
  await incoming;
  t.match(from, /^sip:911@.*\+12125550100@/);
  t.ok(await bench.until(() => desk.messages.some((body) => /EMERGENCY.*1002/.test(body))), 'the desk is told');
  const isRecorded = async () => (await bench.vault.trail()).some(({ action }) => action === 'emergency-call');
  t.ok(await bench.until(isRecorded));
  await call.hangUp();
  t.match(await bench.onlyCall(), { direction: 'emergency', outcome: { ended: 'answered', by: 'caller' } });
});

t.test('a desk phone that takes no messages is rung, and says which extension called 911', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const carrier = await bench.trunk();
  const desk = await bench.registered('1001');
  desk.takesMessages = false;
  let shown = '';
  desk.events.on('ringing', (request) => {
    shown = request.headers.get('From') ?? '';
  });
  const bob = await bench.registered('1002');
  const leaving = carrier.nextCall();
  const ringing = desk.nextCall();
  const call = await bob.call('911');
  await leaving;
  const notice = await ringing;
  t.match(shown, /EMERGENCY CALL.*1002/);
  // It is said twice; either time will do for either part.
  const parts = ['call/emergency-notice', 'digits/2'].map((prompt) => hearsPrompt(notice, prompt));
  t.same(await Promise.all(parts), [true, true], 'the notice, and the extension’s number');
  await notice.hangUp();
  t.notOk(call.hasEnded, 'the emergency call goes on');
  await call.hangUp();
});
