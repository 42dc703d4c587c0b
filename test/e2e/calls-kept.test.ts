// What calls leave in the vault: messages, recordings and records, all of it captured with the records locked as well.
import t from 'tap';
import { ClinicBench, ON_FREESWITCH } from '../support/clinic-bench.ts';
import { hears, hearsPrompt, hearsTone, LOUD, SILENT, talk } from '../support/heard.ts';
import { steadyLevel, toneLevel } from '../support/listen.ts';
import { testClinic } from '../support/test-clinic.ts';
import { ulawTone } from '../support/ulaw-tone.ts';
import { CALLER } from '../support/vault-bench.ts';

t.jobs = 3;

const MAILBOXES = [
  { number: '1001', name: 'Box 1001', greeting: { file: 'call/no-answer' }, maxSeconds: 30 },
  { number: '1002', name: 'Box 1002', greeting: { file: 'call/no-answer' }, maxSeconds: 30 },
];
/** With a short greeting. */
const clinic = () => testClinic({ mailboxes: MAILBOXES as never });

t.test('nobody answers: the extension’s mailbox takes a message, and the lamp is lit', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  bob.manner = 'busy';
  const call = await alice.call('1002');
  t.ok(await hearsPrompt(call, 'voicemail/record-after-tone'), 'the greeting');
  t.ok(await hearsTone(call), 'the tone');
  call.say(440);
  await talk(call, 2_200);
  call.say(undefined);
  call.press('#');
  t.ok(await hearsPrompt(call, 'voicemail/message-saved'), 'told that it is saved');
  t.ok(await call.until(() => call.hasEnded), 'and let go');
  const [message, ...more] = await bench.vault.artifacts('voicemail');
  if (message === undefined) throw new Error('nothing was kept');
  t.same(more, []);
  t.match(message, { state: 'complete', mailbox: '1002', from: '1001' });
  const audio = await bench.vault.audioOf(message.id);
  t.ok(steadyLevel(audio.subarray(8_000, 12_000), 440) > LOUD, 'the caller’s own tone is in it');
  t.ok(await bench.until(() => bob.notifies.some((body) => /Voice-Message: 1\/0/.test(body))), 'message waiting');
  t.match(await bench.onlyCall(), { outcome: { ended: 'answered' }, artifacts: [message.id] });
});

t.test('a recorded call: both hear the notice first, and both voices are kept on their own channels', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const alice = await bench.registered('1001');
  const carol = await bench.registered('1003');
  const incoming = carol.nextCall();
  const call = await alice.call('1003');
  const answered = await incoming;
  t.ok(await hearsPrompt(call, 'call/recording-notice'), 'Alice hears the notice');
  t.ok(await hearsPrompt(answered, 'call/recording-notice'), 'Carol hears it too');
  call.say(440);
  answered.say(620);
  t.ok((await hears(call, 620)) && (await hears(answered, 440)));
  await talk(call, 600);
  await call.hangUp();
  const cdr = await bench.onlyCall();
  const [recording] = await bench.vault.artifacts('recording');
  if (recording === undefined) throw new Error('nothing was recorded');
  t.match(recording, { state: 'complete', channels: 2, from: '1001', to: '1003' });
  t.ok(
    (await bench.vault.trail()).some(({ action, subject }) => action === 'artifact-marked' && subject === recording.id),
  );
  const tail = async (channel: number) => (await bench.vault.audioOf(recording.id, channel)).subarray(-4_000);
  const [left, right] = [await tail(0), await tail(1)];
  t.ok(steadyLevel(left, 440) > LOUD && steadyLevel(left, 620) < -50, 'Alice on the left alone');
  t.ok(steadyLevel(right, 620) > LOUD && steadyLevel(right, 440) < -50, 'Carol on the right alone');
  t.same(cdr.artifacts, [recording.id]);
});

t.test(
  'a recorded call is masked and paused by keys of our phones: the record says when, and how the audio was',
  async (t) => {
    const notice = { file: 'call/recording-notice' };
    const recording = { notice, maskCode: '*91', pauseCode: '*92', blanksDigits: true };
    await using bench = await ClinicBench.start(testClinic({ recording }));
    const alice = await bench.registered('1001');
    const carol = await bench.registered('1003');
    const incoming = carol.nextCall();
    const call = await alice.call('1003');
    const answered = await incoming;
    t.ok(await hearsPrompt(call, 'call/recording-notice'));
    answered.say(620);
    t.ok(await hears(call, 620), 'they are connected');
    // The tone is short: it is looked for in all that was heard since the first key.
    const dial = async (from: typeof call, code: string, tone: number) => {
      const began = from.heardSamples;
      for (const key of code) from.press(key);
      return await from.until(() => {
        for (let at = began; at + 640 <= from.heardSamples; at += 320) {
          if (toneLevel(from.heard.subarray(at, at + 640), 8000, tone) > LOUD) return true;
        }
        return false;
      });
    };
    t.ok(await dial(call, '*91', 880), 'masked: a high tone to who pressed it');
    call.say(540);
    t.ok(await hears(answered, 540), 'they go on talking');
    call.say(undefined);
    t.ok(await answered.until(() => answered.level(540, 100) < SILENT), 'and are silent');
    t.ok(await dial(answered, '*91', 440), 'unmasked by the other phone: a low tone');
    t.ok(await dial(call, '*92', 880));
    await talk(call, 400);
    t.ok(await dial(call, '*92', 440));
    call.say(700);
    t.ok(await hears(answered, 700));
    const FIVE = [770, 1336];
    call.say(FIVE);
    t.ok(await hears(answered, 1336), 'a key that sounds is heard by the other party');
    call.say(700);
    t.ok(await hears(answered, 700));
    await talk(call, 600);
    await call.hangUp();
    const cdr = await bench.onlyCall();
    const [kept] = await bench.vault.artifacts('recording');
    if (kept === undefined) throw new Error('nothing was recorded');
    const { marks } = await bench.vault.ask('artifact.get', { caller: CALLER, artifactId: kept.id });
    const names = marks.map(({ mark }) => mark);
    const blanked = ON_FREESWITCH ? [] : ['digits-blanked', 'digits-over'];
    t.same(names, ['notice-played', 'masked', 'unmasked', 'paused', 'resumed', ...blanked]);
    const at = marks.map(({ atMs }) => atMs);
    t.same(
      at.toSorted((a, b) => a - b),
      at,
      'in order',
    );
    t.equal(at[3], at[4], 'a pause takes no time of the audio');
    const left = await bench.vault.audioOf(kept.id, 0);
    t.ok(toneLevel(left, 8000, 540) < -50, 'what was said while it was masked is not in it');
    if (!ON_FREESWITCH) {
      const around = left.subarray(((at[5] ?? 0) - 100) * 8, ((at[6] ?? 0) + 100) * 8);
      for (const hz of FIVE) t.ok(toneLevel(around, 8000, hz) < -50, `no ${hz} Hz in the recording`);
      t.ok((at[6] ?? 0) - (at[5] ?? 0) >= 100, 'the mark is as long as the key sounded');
    }
    // A pause looks to the tests' own tail of FreeSWITCH's file as its end.
    if (!ON_FREESWITCH) t.ok(steadyLevel(left.subarray(-4_000), 700) > LOUD, 'what was said afterwards is');
    t.match(cdr.quality, [{ leg: 'caller' }, { leg: 'callee' }]);
    for (const { mos, lossPercent } of cdr.quality ?? []) t.ok(mos > 1 && mos <= 4.5 && lossPercent >= 0);
  },
);

t.test('one’s own mailbox: counts, the message itself, deletion', async (t) => {
  await using bench = await ClinicBench.start(testClinic());
  const bob = await bench.registered('1002');
  const id = await bench.vault.leaveMessage('1002', '1001', ulawTone(523, 2));
  const call = await bob.call('*97');
  t.ok(await hearsPrompt(call, 'voicemail/new-message'), 'one new message');
  call.press('1');
  t.ok(await hears(call, 523), 'as it was left');
  t.ok(await hearsPrompt(call, 'voicemail/after-message-options'));
  t.same(await bench.vault.ask('mailbox.counts', { mailbox: '1002' }), { unread: 0, read: 1 });
  call.press('3');
  t.ok(await hearsPrompt(call, 'voicemail/message-deleted'));
  t.same(await bench.vault.artifacts('voicemail'), []);
  await call.hangUp();
  const trail = await bench.vault.trail();
  const byPhone = { actor: { kind: 'phone', username: '1002' }, address: '127.0.0.1', subject: id };
  t.match(
    trail.find(({ action }) => action === 'artifact-played-to-phone'),
    byPhone,
  );
  t.match(
    trail.find(({ action }) => action === 'artifact-disposed'),
    byPhone,
  );
});

t.test('records locked: everything is captured, nothing is read; the recovery code opens all of it', async (t) => {
  await using bench = await ClinicBench.start(clinic(), { isLocked: true });
  t.equal((await bench.vault.ask('status', {})).records, 'locked');
  const carrier = await bench.trunk();
  const alice = await bench.registered('1001');
  const bob = await bench.registered('1002');
  const carol = await bench.registered('1003');

  await t.test('a call that is recorded', async (t) => {
    const incoming = carol.nextCall();
    const call = await alice.call('1003');
    const answered = await incoming;
    t.ok(await hearsPrompt(call, 'call/recording-notice'));
    call.say(440);
    answered.say(620);
    t.ok((await hears(call, 620)) && (await hears(answered, 440)));
    await talk(call, 800);
    await call.hangUp();
  });

  await t.test('a message, and its lamp', async (t) => {
    bob.manner = 'busy';
    const call = await alice.call('1002');
    t.ok(await hearsTone(call));
    call.say(523);
    await talk(call, 2_000);
    call.say(undefined);
    call.press('#');
    t.ok(await hearsPrompt(call, 'voicemail/message-saved'), 'told that it is saved');
    t.ok(await bench.until(() => bob.notifies.some((body) => /Voice-Message: 1\/0/.test(body))), 'message waiting');
    await call.hangUp();
  });

  await t.test('911', async (t) => {
    const leaving = carrier.nextCall();
    const call = await bob.call('911');
    t.ok(await leaving);
    t.ok(await bench.until(() => alice.messages.some((body) => /EMERGENCY/.test(body))));
    await call.hangUp();
  });

  await t.test('lists and playback say that they are locked', async (t) => {
    const locked = { code: 'records-locked' };
    await t.rejects(bench.vault.calls(), locked);
    await t.rejects(bench.vault.artifacts('voicemail'), locked);
    await t.rejects(bench.vault.artifacts('recording'), locked);
    const call = await bob.call('*97');
    t.same(
      await bench.vault.ask('mailbox.counts', { mailbox: '1002' }),
      { unread: 1, read: 0 },
      'a count is no reading',
    );
    await talk(call, 1_000);
    call.press('1');
    t.ok(await hearsPrompt(call, 'voicemail/unavailable-locked'));
    await call.hangUp();
  });

  await bench.until(() => bench.pbx.status().calls === 0);
  await t.rejects(bench.vault.ask('unlock', { caller: CALLER, slot: 'key-file', secret: '' }), 'its file opens it not');
  await bench.vault.unlock();
  await bench.until(async () => (await bench.vault.calls()).length === 4);
  t.same(
    (await bench.vault.calls()).map(({ direction, from, to }) => `${direction} ${from} ${to}`),
    ['internal 1002 *97', 'emergency 1002 911', 'internal 1001 1002', 'internal 1001 1003'],
    'one record a call, newest first',
  );
  const [message] = await bench.vault.artifacts('voicemail');
  const [recording] = await bench.vault.artifacts('recording');
  if (message === undefined || recording === undefined) throw new Error('something was not kept');
  const spoken = (await bench.vault.audioOf(message.id)).subarray(6_000, 10_000);
  t.ok(steadyLevel(spoken, 523) > LOUD, 'the message');
  const left = (await bench.vault.audioOf(recording.id, 0)).subarray(-4_000);
  const right = (await bench.vault.audioOf(recording.id, 1)).subarray(-4_000);
  t.ok(steadyLevel(left, 440) > LOUD && steadyLevel(right, 620) > LOUD, 'and both sides of the call');
});
