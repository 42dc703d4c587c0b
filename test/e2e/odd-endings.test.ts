// The real appliance, processes and vault and all, on its worst days: odd endings give one record each, locked records stop no call, 911 leaves.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';
import { spellings } from '../../scripts/demo/clear-text.ts';
import type { Cdr } from '../../src/model/cdr.ts';
import { checkout, defaultBootstrap, startAppliance, until } from '../support/appliance.ts';
import { hearsPrompt, LOUD } from '../support/heard.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { TestPhone } from '../support/phone.ts';

const MAIN = '+12125550100';
const CALLER = '+12125550163';

// Everything that the log can say, so that the search of it at the end means something.
const bootstrap = defaultBootstrap().replace('log-level: info', 'log-level: debug');
const appliance = await startAppliance({ bootstrap });
const trust = appliance.cli(['vault', 'ca']).stdout;
const carrier = await TestPhone.open({
  transport: 'udp',
  server: { host: '127.0.0.1', port: appliance.carrierUdpPort },
  username: CALLER,
});
t.setTimeout(300_000);
t.teardown(async () => {
  for (const phone of [carrier, ...phones.values()]) await phone[Symbol.asyncDispose]();
  await appliance[Symbol.asyncDispose]();
});
const phones = new Map<string, TestPhone>();

async function registered(username: string): Promise<TestPhone> {
  const settings = JSON.parse(appliance.cli(['extension', 'phone', username, '--json']).stdout);
  const phone = await TestPhone.open({
    transport: 'tls',
    server: { host: '127.0.0.1', port: appliance.phonesPort },
    username,
    password: settings.password,
    trust,
  });
  phones.set(username, phone);
  const { status } = await phone.register();
  if (status !== 200) throw new Error(`registration refused with ${status}`);
  return phone;
}

/** What the call that `act` makes leaves in the vault: exactly one record, however long one looks. */
async function recordOf(t: Test, act: () => Promise<void>, since = Date.now()): Promise<Cdr> {
  const ofIt = async () => (await appliance.calls()).filter(({ startedAt }) => startedAt >= since);
  await act();
  await until(async () => (await ofIt()).length > 0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const calls = await ofIt();
  t.equal(calls.length, 1, 'exactly one record');
  return calls[0] as Cdr;
}

function clinicYaml(port: number): string {
  return readFileSync(join(checkout, 'config', 'sample-clinic.yaml'), 'utf8')
    .replace('port: 5090', `port: ${port}`)
    .replace('sample: true', '')
    .replace('phones:\n', 'phones:\n  1002b:\n    extension: 1002\n    label: Second phone of the nurses\n')
    .replace('open: menu main-menu', 'open: menu main-menu')
    .replace('closed: menu after-hours', 'closed: menu main-menu')
    .replaceAll(/ring-seconds: \d+/g, 'ring-seconds: 5');
}

t.test('an import from a file puts a carrier of one’s own in the sample’s place', async (t) => {
  const file = join(appliance.varFolder, 'clinic.yaml');
  writeFileSync(file, clinicYaml(carrier.local.port));
  const { status, stdout, stderr } = appliance.cli(['import', file, '--yes']);
  t.equal(status, 0, stderr);
  t.match(stdout, /sample/);
  const again = appliance.cli(['import', file, '--yes']);
  t.match(again.stdout, /Nothing changes/);
  t.match(appliance.cli(['doctor']).stdout, /ok +sample trunk/);
});

t.test('odd endings: one record each, with one outcome', async (t) => {
  const desk = await registered('1001');
  await t.test('the caller gives up while it rings', async (t) => {
    const nurse = await registered('1002');
    nurse.manner = 'ring';
    const record = await recordOf(t, async () => {
      const pending = await desk.startCall('1002');
      await until(() => pending.progress.includes(180));
      pending.cancel();
      await t.rejects(pending.answered, { message: 'refused with 487' });
    });
    t.same(record.outcome, { ended: 'unanswered', reason: 'cancelled' });
  });
  await t.test('the caller hangs up in the menu', async (t) => {
    const record = await recordOf(t, async () => {
      const call = await carrier.call(MAIN);
      t.ok(await hearsPrompt(call, 'sample/main-menu'));
      await call.hangUp();
    });
    t.match(record, { direction: 'inbound', outcome: { ended: 'answered', by: 'caller' } });
  });
  await t.test('the caller hangs up in the greeting: no message, and no lamp', async (t) => {
    const record = await recordOf(t, async () => {
      const call = await carrier.call(MAIN);
      await call.until(() => call.heardSamples > 8_000);
      call.press('3');
      await call.until(() => false, 1_500);
      await call.hangUp();
    });
    t.match(record, { outcome: { ended: 'answered', by: 'caller' } });
    t.same(record.artifacts, []);
    t.match(await counts('1001'), { unread: 0, read: 0 });
  });
  await t.test('declined, busy, and nobody registered all end in the mailbox; a record says so once', async (t) => {
    const nurse = phones.get('1002');
    for (const manner of ['decline', 'busy'] as const) {
      if (nurse) nurse.manner = manner;
      const record = await recordOf(t, async () => {
        const call = await desk.call('1002');
        t.ok(await call.until(() => call.heardSamples > 4_000), manner);
        await call.hangUp();
      });
      t.match(record, { outcome: { ended: 'answered', by: 'caller' } }, manner);
    }
    const record = await recordOf(t, async () => {
      const call = await desk.call('1003');
      t.ok(await call.until(() => call.heardSamples > 4_000));
      await call.hangUp();
    });
    t.match(record, { to: '1003', outcome: { ended: 'answered', by: 'caller' } });
  });
  await t.test('a carrier that refuses', async (t) => {
    for (const [manner, outcome] of [
      ['unavailable', { ended: 'failed', fault: 'trunk' }],
      ['busy', { ended: 'unanswered', reason: 'busy' }],
      ['decline', { ended: 'unanswered', reason: 'rejected' }],
    ] as const) {
      carrier.manner = manner;
      const record = await recordOf(t, async () => {
        // Busy is a tone that the phone makes; the rest is said to the person, and the record still says what it was.
        const call = await desk.call('12125550198').catch(() => undefined);
        t.equal(call === undefined, manner === 'busy');
        await call?.until(() => call.hasEnded);
      });
      t.match(record, { direction: 'outbound', outcome }, manner);
    }
    carrier.manner = 'answer';
  });
  await t.test('a number that nobody has', async (t) => {
    const record = await recordOf(t, async () => {
      await t.rejects(desk.call('7777'));
    });
    t.match(record.outcome, { ended: /failed|unanswered/ });
  });
});

async function counts(mailbox: string) {
  return await appliance.withVault((vault) => vault.ask('mailbox.counts', { mailbox }));
}

t.test('two phones of one extension ring together; keys reach the called phone; hold and back', async (t) => {
  const desk = phones.get('1001') as TestPhone;
  const first = phones.get('1002') as TestPhone;
  const second = await registered('1002b');
  first.manner = 'ring';
  let hasStopped = false;
  first.events.once('cancelled', () => {
    hasStopped = true;
  });
  const incoming = second.nextCall();
  const since = Date.now();
  const call = await desk.call('1002');
  const answered = await incoming;
  t.ok(await until(() => hasStopped), 'the other phone stops');
  answered.say(620);
  call.say(440);
  t.ok(await call.until(() => call.level(620) > LOUD));
  t.ok(await answered.until(() => answered.level(440) > LOUD));
  call.press('4');
  call.press('2');
  t.ok(await answered.until(() => answered.digits === '42'), `the called phone gets the keys: ${answered.digits}`);
  answered.press('7');
  t.ok(await call.until(() => call.digits === '7'), 'and the caller those of the called');
  t.equal(await call.reinvite('sendonly'), 200);
  t.ok(await call.until(() => call.level(620) < -50), 'hold');
  t.equal(await call.reinvite('sendrecv'), 200);
  t.ok(await call.until(() => call.level(620) > LOUD), 'and back');
  const record = await recordOf(t, () => answered.hangUp(), since);
  t.same(record.outcome, { ended: 'answered', by: 'callee' });
});

t.test('911 and 9911 leave by the carrier, with a desk told and one record', async (t) => {
  const nurse = phones.get('1002') as TestPhone;
  const desk = phones.get('1001') as TestPhone;
  for (const dialled of ['911', '9911']) {
    const asked: string[] = [];
    carrier.events.once('ringing', (request) => asked.push(request.uri));
    const record = await recordOf(t, async () => {
      const incoming = carrier.nextCall();
      const call = await nurse.call(dialled);
      await incoming;
      await call.hangUp();
    });
    t.match(asked[0], /^sip:911@/);
    t.match(record, { direction: 'emergency', outcome: { ended: 'answered', by: 'caller' } });
  }
  t.ok(await until(() => desk.messages.length >= 2), 'the desk is told');
});

t.test('a phone that hides its name reaches 911 too', async (t) => {
  const nurse = phones.get('1002') as TestPhone;
  const incoming = carrier.nextCall();
  const call = await nurse.call('911', { from: 'anonymous' }).catch((error: Error) => error);
  t.notOk(call instanceof Error, `${call}`);
  if (!(call instanceof Error)) {
    await incoming;
    await call.hangUp();
  }
});

t.test(
  'records locked: a call, a message, its lamp; then the message is heard by phone and the lamp goes out',
  async (t) => {
    const nurse = phones.get('1002') as TestPhone;
    const desk = phones.get('1001') as TestPhone;
    (phones.get('1002b') as TestPhone).manner = 'busy';
    nurse.manner = 'busy';
    t.equal(appliance.cli(['vault', 'lock']).status, 0);
    const message = await desk.call('1002');
    t.ok(await message.until(() => message.level(1000, 200) > LOUD), 'the tone');
    await message.until(() => message.level(1000, 100) < -60);
    message.say(440);
    await message.until(() => false, 3_000);
    await message.hangUp();
    await t.rejects(appliance.calls(), { code: 'records-locked' });
    t.ok(await until(() => nurse.notifies.some((body) => /Voice-Message: 1\/0/.test(body))), 'the lamp is lit');
    const locked = await nurse.call('*97');
    await locked.until(() => locked.heardSamples > 12_000);
    locked.press('1');
    t.ok(await hearsPrompt(locked, 'voicemail/unavailable-locked'), 'playback says that it is locked');
    await locked.hangUp();
    const wrong = appliance.cli(['vault', 'unlock'], 'AAAAA-BBBBB\n');
    t.equal(wrong.status, 1, wrong.stderr);
    const unlock = appliance.cli(['vault', 'unlock'], `${appliance.recoveryCode}\n`);
    t.equal(unlock.status, 0, unlock.stderr);
    const call = await nurse.call('*97');
    t.ok(await hearsPrompt(call, 'voicemail/new-message'), 'one new message');
    call.press('1');
    t.ok(await call.until(() => call.level(440) > LOUD), 'the caller’s own tone is heard');
    await call.until(() => false, 4_000);
    t.ok(await until(() => nurse.notifies.some((body) => /Voice-Message: 0\/1/.test(body))), 'the lamp goes out');
    await call.hangUp();
  },
);

function pidOf(entry: string): number {
  const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(appliance.process.pid)], {
    encoding: 'utf8',
  });
  const line = stdout.split('\n').find((each) => each.includes(entry));
  return Number(line?.trim().split(/\s+/)[0]);
}

t.test('a recorded call: both hear the notice, and the vault may die in the middle of it', async (t) => {
  const desk = phones.get('1001') as TestPhone;
  const billing = await registered('1004');
  const incoming = billing.nextCall();
  const call = await desk.call('1004');
  const answered = await incoming;
  const [byCaller, byCallee] = await Promise.all([
    hearsPrompt(call, 'call/recording-notice'),
    hearsPrompt(answered, 'call/recording-notice'),
  ]);
  t.ok(byCaller, 'the caller hears the notice');
  t.ok(byCallee, 'the called hears the notice');
  call.say(440);
  answered.say(620);
  t.ok(await call.until(() => call.level(620) > LOUD));
  await call.until(() => false, 2_000);
  const vault = pidOf('process/vault.ts');
  process.kill(vault, 'SIGKILL');
  t.ok(await until(() => pidOf('process/vault.ts') > 0 && pidOf('process/vault.ts') !== vault));
  await call.until(() => false, 3_000);
  t.ok(call.level(620) > LOUD, 'the call goes on');
  await call.hangUp();
  const recordings = () =>
    appliance.withPerson((vault, caller) =>
      vault.ask('artifacts.page', { caller, kind: 'recording', page: { limit: 5 } }),
    );
  t.ok(await until(async () => (await recordings()).rows[0]?.state === 'complete'), 'the recording is whole');
  const { rows } = await recordings();
  t.equal(rows.length, 1);
  t.ok((rows[0]?.durationMs ?? 0) > 5_000, `and has what was said before and after: ${rows[0]?.durationMs} ms`);
});

t.test('registrations outlive each process', async (t) => {
  const desk = phones.get('1001') as TestPhone;
  const before = (await appliance.bindings()).map(({ username }) => username).sort();
  for (const entry of ['process/vault.ts', 'process/media.ts', 'appliance.ts', 'process/edge.ts']) {
    const pid = pidOf(entry);
    process.kill(pid, 'SIGKILL');
    t.ok(await until(() => pidOf(entry) > 0 && pidOf(entry) !== pid), `${entry} is back`);
    const holds = await until(async () => {
      const now = await appliance.bindings().catch(() => []);
      return JSON.stringify(now.map(({ username }) => username).sort()) === JSON.stringify(before);
    });
    t.ok(holds, `the registrations are there after ${entry}`);
    const works = await until(async () => {
      const call = await Promise.race([
        desk.call('1003').catch(() => undefined),
        new Promise<undefined>((resolve) => setTimeout(resolve, 3_000)),
      ]);
      await call?.hangUp().catch(() => {});
      return call !== undefined;
    }, 2 * PATIENCE_MS);
    t.ok(works, `a registered phone calls after ${entry}`);
  }
});

t.test('no number, no name, no digit in any log', async (t) => {
  const text = readdirSync(appliance.logFolder)
    .map((name) => readFileSync(join(appliance.logFolder, name), 'latin1'))
    .join('\n')
    .concat(appliance.output());
  for (const canary of [CALLER, CALLER.slice(1), '12125550198', '2125550100', 'Nurse Station', 'Front Desk']) {
    t.notOk(text.includes(canary), canary);
  }
  t.notOk(spellings(CALLER).find(({ bytes }) => Buffer.from(text, 'latin1').includes(bytes))?.how);
});
