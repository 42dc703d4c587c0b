// Calls through the whole telephone system on loopback: real SIP, RTP and SRTP, the embedded engines, unmodified drachtio libraries.
import { join } from 'node:path';
import t from 'tap';
import { findRecording, readPrompt } from '../../scripts/demo/hear.ts';
import { toneLevel } from '../../src/protocol/rtp/tone.ts';
import { ClinicBench, extension, soundsFolder, testClinic, trunkTo } from '../support/clinic-bench.ts';
import type { PhoneCall } from '../support/phone.ts';

const LOUD = -25;
const SURE = 0.7;

/** How far each call's audio was searched for each prompt, so that a look costs what is new alone. */
const searched = new WeakMap<PhoneCall, Map<string, number>>();
const recordings = new Map<string, Int16Array>();
const TEMPLATE = 4_000;
/** The engines share this process: a long search would stop their audio. */
const LOOK_BACK = 9_600;
const FOUND = Number.POSITIVE_INFINITY;

/** Whether the party hears that prompt, from about a second before it is first asked for, by its sound. */
function heard(call: PhoneCall, prompt: string): boolean {
  const marks = searched.get(call) ?? new Map<string, number>();
  searched.set(call, marks);
  const recording = recordings.get(prompt) ?? readPrompt(join(soundsFolder, `${prompt}.wav`));
  recordings.set(prompt, recording);
  const from = marks.get(prompt) ?? Math.max(0, call.heardSamples - LOOK_BACK);
  if (from === FOUND) return true;
  if (!marks.has(prompt)) marks.set(prompt, from);
  if (call.heardSamples - from < TEMPLATE + 1_600) return false;
  // Any half second of it will do: on a busy machine a packet may come too late.
  const news = call.heard.subarray(from, call.heardSamples);
  const lastSkip = Math.max(0, recording.length - TEMPLATE);
  const skips = [1_600, 5_600, 9_600].map((skip) => Math.min(skip, lastSkip));
  const isFound = skips.some((skip) => findRecording(news, recording, skip).likeness > SURE);
  marks.set(prompt, isFound ? FOUND : call.heardSamples - TEMPLATE);
  return isFound;
}

const hears = (call: PhoneCall, hz: number) => call.until(() => call.level(hz) > LOUD);

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
  t.ok(await bench.until(() => bench.vault.cdrs.length === 1));
  t.match(bench.vault.cdrs[0], {
    direction: 'internal',
    from: '1001',
    to: '1002',
    outcome: { ended: 'answered', by: 'callee' },
  });
  t.equal(bench.pbx.status().calls, 0);
});

t.test('RFC 3261 §13.2.1: an INVITE without offer is answered with ours', async (t) => {
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

t.test('a phone puts a call on hold and takes it back', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  const incoming = bob.nextCall();
  const call = await alice.call('1002');
  const answered = await incoming;
  answered.say(620);
  t.ok(await hears(call, 620));
  t.equal(await call.reinvite('inactive'), 200);
  t.ok(await call.until(() => call.level(620) < -60), 'silence while on hold');
  t.equal(await call.reinvite('sendrecv'), 200);
  t.ok(await hears(call, 620), 'and sound again');
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
});

t.test('a caller who gives up stops the ringing, and the record says cancelled', async (t) => {
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
  t.ok(await bench.until(() => bench.vault.cdrs.length === 1));
  t.same(bench.vault.cdrs[0]?.outcome, { ended: 'unanswered', reason: 'cancelled' });
});

t.test('nobody answers: the extension’s mailbox takes a message, and the lamp is lit', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  bob.manner = 'busy';
  const call = await alice.call('1002');
  t.ok(await call.until(() => heard(call, 'voicemail/record-after-tone'), 15_000), 'the greeting');
  t.ok(await call.until(() => call.level(1000, 200) > LOUD, 8_000), 'the tone');
  t.ok(await call.until(() => call.level(1000, 100) < -60, 3_000));
  call.say(440);
  await call.until(() => false, 2_200);
  call.say(undefined);
  call.press('#');
  t.ok(await call.until(() => heard(call, 'voicemail/message-saved')), 'told that it is saved');
  t.ok(await call.until(() => call.hasEnded, 8_000), 'and let go');
  const [id] = [...bench.vault.artifacts.keys()];
  const artifact = id === undefined ? undefined : bench.vault.artifacts.get(id);
  t.match(artifact, { state: 'complete', header: { kind: 'voicemail', mailbox: '1002', from: '1001' } });
  const audio = id === undefined ? new Int16Array() : bench.vault.audioOf(id);
  t.ok(toneLevel(audio.subarray(8_000, 12_000), 8000, 440) > LOUD, 'the caller’s own tone is in it');
  t.ok(await bench.until(() => bob.notifies.some((body) => /Voice-Message: 1\/0/.test(body))), 'message waiting');
  t.match(bench.vault.cdrs[0], { outcome: { ended: 'answered' }, artifacts: [id] });
});

t.test('a carrier’s call: the menu is heard, a key reaches the mailbox, hanging up keeps the message', async (t) => {
  const clinic = testClinic();
  await using bench = await ClinicBench.start(clinic);
  const carrier = await bench.carrier();
  bench.vault.clinic = { ...clinic, trunks: [trunkTo(carrier.local)] };
  bench.vault.notice('clinic.changed');
  await bench.until(() => false, 50);
  const call = await carrier.call('+12125550100');
  t.ok(await call.until(() => heard(call, 'sample/main-menu')), 'the menu');
  call.press('3');
  t.ok(await call.until(() => heard(call, 'call/no-answer')), 'the key cuts the menu short');
  t.ok(await call.until(() => call.level(1000, 200) > LOUD, 15_000), 'the tone');
  await call.until(() => call.level(1000, 100) < -60);
  call.say(440);
  await call.until(() => false, 2_200);
  await call.hangUp();
  t.ok(await bench.until(() => bench.vault.cdrs.length === 1));
  const [artifact] = [...bench.vault.artifacts.values()];
  t.match(artifact, { state: 'complete', header: { mailbox: '1001', from: '+12125550142', to: '+12125550100' } });
  t.match(bench.vault.cdrs[0], { direction: 'inbound', outcome: { ended: 'answered', by: 'caller' } });
  t.same(
    bench.vault.cdrs[0]?.steps.map(({ kind, name }) => `${kind} ${name}`),
    ['did +12125550100', 'menu main', 'mailbox 1001'],
  );
});

t.test('a menu: a wrong key is said to be wrong, an extension can be dialled, and both sides talk', async (t) => {
  const clinic = testClinic();
  await using bench = await ClinicBench.start(clinic);
  const carrier = await bench.carrier();
  bench.vault.clinic = { ...clinic, trunks: [trunkTo(carrier.local)] };
  bench.vault.notice('clinic.changed');
  const bob = await bench.registered('1002');
  const call = await carrier.call('2125550100');
  await call.until(() => call.heardSamples > 4_000);
  call.press('7');
  t.ok(await call.until(() => heard(call, 'menu/invalid-key')));
  const incoming = bob.nextCall(12_000);
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
  t.ok(await bench.until(() => bench.vault.audit.length === 1));
  t.match(bench.vault.audit[0], { action: 'registration-failed', address: '127.0.0.1', outcome: 'refused' });
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
  t.ok(await second.until(() => heard(second, 'call/no-answer')), 'the mailbox');
});

t.test('after hours the call goes to the closed destination', async (t) => {
  const clinic = testClinic();
  await using bench = await ClinicBench.start(clinic);
  const carrier = await bench.carrier();
  bench.vault.clinic = { ...clinic, trunks: [trunkTo(carrier.local)] };
  bench.vault.notice('clinic.changed');
  await bench.until(() => false, 50);
  const call = await carrier.call('+12125550103');
  t.ok(await call.until(() => heard(call, 'call/no-answer')));
  await call.hangUp();
  t.ok(await bench.until(() => bench.vault.cdrs.length === 1));
  t.same(
    bench.vault.cdrs[0]?.steps.map(({ kind }) => kind),
    ['did', 'hours', 'mailbox'],
  );
});

t.test('a recorded call: both hear the notice first, and both voices are kept on their own channels', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const carol = await bench.registered('1003');
  const incoming = carol.nextCall();
  const call = await alice.call('1003');
  const answered = await incoming;
  t.ok(await call.until(() => heard(call, 'call/recording-notice')), 'Alice hears the notice');
  t.ok(await answered.until(() => heard(answered, 'call/recording-notice')), 'Carol hears it too');
  call.say(440);
  answered.say(620);
  t.ok((await hears(call, 620)) && (await hears(answered, 440)));
  await call.until(() => false, 600);
  await call.hangUp();
  t.ok(await bench.until(() => bench.vault.cdrs.length === 1));
  const [id] = [...bench.vault.artifacts.keys()];
  if (id === undefined) throw new Error('nothing was recorded');
  const artifact = bench.vault.artifacts.get(id);
  t.match(artifact, {
    state: 'complete',
    header: { kind: 'recording', channels: 2 },
    marks: [{ mark: 'notice-played' }],
  });
  const tail = (channel: number) => bench.vault.audioOf(id, channel).subarray(-4_000);
  t.ok(toneLevel(tail(0), 8000, 440) > LOUD && toneLevel(tail(0), 8000, 620) < -50, 'Alice on the left alone');
  t.ok(toneLevel(tail(1), 8000, 620) > LOUD && toneLevel(tail(1), 8000, 440) < -50, 'Carol on the right alone');
  t.same(bench.vault.cdrs[0]?.artifacts, [id]);
});

t.test('a carrier that shows no sign of life is passed over', async (t) => {
  const clinic = testClinic();
  await using bench = await ClinicBench.start(clinic);
  const carrier = await bench.carrier();
  // Nothing listens there, and UDP does not tell.
  const dead = trunkTo({ host: '127.0.0.1', port: 9 }, 'dead');
  bench.vault.clinic = { ...clinic, trunks: [dead, trunkTo(carrier.local)] };
  bench.vault.notice('clinic.changed');
  const alice = await bench.registered('1001');
  const incoming = carrier.nextCall(12_000);
  const call = await alice.call('911');
  t.ok(await incoming, '911 by the second carrier');
  await call.hangUp();
});

t.test('a call out goes by the first carrier that can take it', async (t) => {
  const clinic = testClinic();
  await using bench = await ClinicBench.start(clinic);
  const carrier = await bench.carrier();
  const broken = await bench.carrier();
  broken.manner = 'unavailable';
  bench.vault.clinic = { ...clinic, trunks: [trunkTo(broken.local, 'broken'), trunkTo(carrier.local)] };
  bench.vault.notice('clinic.changed');
  const alice = await bench.registered('1001');
  const incoming = carrier.nextCall();
  const call = await alice.call('2125550177');
  const answered = await incoming;
  call.say(440);
  answered.say(620);
  t.ok((await hears(call, 620)) && (await hears(answered, 440)));
  await answered.hangUp();
  t.ok(await bench.until(() => bench.vault.cdrs.length === 1));
  t.match(bench.vault.cdrs[0], {
    direction: 'outbound',
    to: '+12125550177',
    outcome: { ended: 'answered', by: 'callee' },
  });
  t.same(
    bench.vault.cdrs[0]?.steps.map(({ name }) => name),
    ['broken', 'test'],
  );
});

t.test('911 goes out while no other call is taken, shows the callback number, and the desk is told', async (t) => {
  const clinic = testClinic();
  await using bench = await ClinicBench.start(clinic);
  const carrier = await bench.carrier();
  bench.vault.clinic = { ...clinic, trunks: [trunkTo(carrier.local)] };
  bench.vault.notice('clinic.changed');
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
  t.ok(await bench.until(() => bench.vault.audit.some(({ action }) => action === 'emergency-call')));
  await call.hangUp();
  t.ok(await bench.until(() => bench.vault.cdrs.some(({ direction }) => direction === 'emergency')));
});

t.test('one’s own mailbox: counts, the message, deletion; locked records are said to be locked', async (t) => {
  await using bench = await ClinicBench.start(testClinic({ extensions: [extension('1001'), extension('1002')] }));
  const bob = await bench.registered('1002');
  const { artifactId } = await bench.vault.ask('artifact.open', {
    header: {
      kind: 'voicemail',
      callId: 'a' as never,
      startedAt: 0 as never,
      encoding: 'ulaw-8000',
      channels: 1,
      mailbox: '1002',
      from: '1001',
      fromName: '',
      to: '1002',
    },
  });
  await bench.vault.ask('artifact.close', { artifactId, keep: true });
  const call = await bob.call('*97');
  t.ok(await call.until(() => heard(call, 'voicemail/new-message')), 'one new message');
  call.press('1');
  t.ok(await call.until(() => heard(call, 'voicemail/after-message-options'), 10_000));
  t.equal(bench.vault.artifacts.get(artifactId)?.isRead, true);
  call.press('3');
  t.ok(await call.until(() => heard(call, 'voicemail/message-deleted')));
  t.equal(bench.vault.artifacts.get(artifactId)?.state, 'disposed');
  await call.hangUp();
  bench.vault.recordsLocked = true;
  const second = await bob.call('*97');
  await second.until(() => second.heardSamples > 8_000);
  second.press('1');
  t.ok(await second.until(() => heard(second, 'voicemail/unavailable-locked'), 10_000));
});
