// Desk phones that nobody here wrote: Debian's baresip registers with the whole appliance, calls another, and is refused when it should be.
import t, { type Test } from 'tap';
import { startAppliance, until } from '../support/appliance.ts';
import { Baresip } from '../support/baresip.ts';
import { needs } from '../support/clients.ts';
import { steadyLevel } from '../support/listen.ts';
import { PATIENCE_MS } from '../support/patience.ts';

const ALICE_HZ = 440;
const BOB_HZ = 620;
/** What each says, and how far from that it may arrive. */
const SPOKEN_DBFS = -12;
const TOLERANCE_DB = 2;
const TALK_SECONDS = 2;
/** The mailbox's greeting takes 11 s of it. */
const MESSAGE_CALL_SECONDS = 15;

if (needs(t, 'baresip')) {
  const appliance = await startAppliance();
  t.teardown(() => appliance[Symbol.asyncDispose]());
  const bindingsOf = async (username: string) =>
    (await appliance.bindings()).filter((binding) => binding.username === username);

  t.test('two baresips register over TLS, call each other, and hear each other over SRTP', async (t) => {
    await using alice = Baresip.start({ ...(await appliance.phone('1001')), hz: ALICE_HZ });
    await using bob = Baresip.start({ ...(await appliance.phone('1002')), hz: BOB_HZ });
    t.ok(await alice.registers(), 'Alice is registered');
    t.ok(await bob.registers(), 'Bob is registered');
    t.equal((await bindingsOf('1001')).length, 1, 'the appliance says so too');

    const before = (await appliance.calls()).length;
    alice.type('/dial 1002');
    t.ok(await alice.prints(talksFor(TALK_SECONDS)), 'Alice talks');
    t.ok(await bob.prints(talksFor(TALK_SECONDS)), 'Bob talks');
    alice.type('/hangup');
    t.ok(await bob.prints(/Call with .* terminated/), 'Bob is let go when Alice hangs up');
    await Promise.all([alice.quit(), bob.quit()]);

    hears(t, 'Bob', bob.heard(), ALICE_HZ, BOB_HZ);
    hears(t, 'Alice', alice.heard(), BOB_HZ, ALICE_HZ);
    t.ok(await until(async () => (await appliance.calls()).length === before + 1), 'one call record');
    const [cdr] = await appliance.calls();
    t.match(cdr, { direction: 'internal', from: '1001', to: '1002', outcome: { ended: 'answered', by: 'caller' } });
  });

  t.test('a baresip that speaks Opus alone and one that speaks G.722 alone hear each other', async (t) => {
    await using alice = Baresip.start({ ...(await appliance.phone('1001')), hz: ALICE_HZ, codec: 'opus' });
    await using bob = Baresip.start({ ...(await appliance.phone('1002')), hz: BOB_HZ, codec: 'g722' });
    t.ok(await alice.registers());
    t.ok(await bob.registers());
    alice.type('/dial 1002');
    t.ok(await alice.prints(talksFor(TALK_SECONDS)), 'Alice talks');
    t.ok(await bob.prints(talksFor(TALK_SECONDS)), 'Bob talks');
    alice.type('/hangup');
    t.ok(await bob.prints(/Call with .* terminated/));
    await Promise.all([alice.quit(), bob.quit()]);
    t.match(alice.output, /opus/i);
    t.match(bob.output, /G722/i);
    hears(t, 'Bob', bob.heard(), ALICE_HZ, BOB_HZ);
    hears(t, 'Alice', alice.heard(), BOB_HZ, ALICE_HZ);
  });

  t.test('the account line that the command line prints registers a baresip as it stands', async (t) => {
    const { stdout } = appliance.cli(['extension', 'phone', '1004']);
    // Here the kernel chose the port, which the bootstrap file does not know.
    const account = /<sip:.*/.exec(stdout)?.[0].replaceAll(':0;', `:${appliance.phonesPort};`) ?? '';
    await using phone = Baresip.startWith(account, { hz: ALICE_HZ });
    t.ok(await phone.registers());
    t.ok(await phone.prints(/Messages-Waiting: no/i), 'and its subscription to its mailbox stands');
  });

  t.test('a caller leaves a message for a phone that is away, and its lamp is lit when it is back', async (t) => {
    const nurse = await appliance.phone('1002');
    const alice = Baresip.start({ ...(await appliance.phone('1001')), hz: ALICE_HZ });
    try {
      t.ok(await alice.registers());
      alice.type('/dial 1002');
      t.ok(await alice.prints(talksFor(MESSAGE_CALL_SECONDS), 2 * PATIENCE_MS), 'the mailbox answers');
      alice.type('/hangup');
      t.ok(await alice.prints(/Call with .* terminated/));
    } finally {
      await alice[Symbol.asyncDispose]();
    }
    const hasMessage = async () =>
      (await appliance.withVault((vault) => vault.ask('mailbox.counts', { mailbox: '1002' }))).unread === 1;
    t.ok(await until(hasMessage), 'the vault has it');
    await using back = Baresip.start({ ...nurse, hz: BOB_HZ });
    t.ok(await back.prints(/Messages-Waiting: yes/i), 'the phone is told');
    t.match(back.output, /Voice-Message: 1\/0/i, 'of one new message');
  });

  t.test('a wrong password and an unknown user are refused, and alike', async (t) => {
    const { port } = await appliance.phone('1003');
    const refused: string[] = [];
    for (const username of ['1003', '1999']) {
      await using phone = Baresip.start({ username, password: 'not-the-password', port, hz: ALICE_HZ });
      t.ok(await phone.prints(/40[13] /), 'it is answered');
      refused.push(answersOf(phone.output, username));
    }
    t.match(refused[0], /403/, 'refused');
    t.equal(refused[1], refused[0], 'nobody can tell an extension that exists from one that does not');
    t.same(await bindingsOf('1003'), []);
  });

  t.test('a phone that offers plain RTP is refused, and no audio flows', async (t) => {
    await using plain = Baresip.start({ ...(await appliance.phone('1003')), hz: ALICE_HZ, encryption: 'none' });
    await using called = Baresip.start({ ...(await appliance.phone('1004')), hz: BOB_HZ });
    t.ok(await plain.registers());
    t.ok(await called.registers());
    plain.type('/dial 1004');
    t.ok(await plain.prints(/488 Not Acceptable/), 'its call is refused with 488');
    await Promise.all([plain.quit(), called.quit()]);
    t.notOk(plain.heard()?.length, 'it heard nothing');
    t.notOk(called.heard()?.length, 'nor did the other');
    t.notMatch(called.output, /Incoming call/i, 'which did not even ring');
  });

  t.test('a phone that registers over UDP or TCP is refused: phones get TLS alone', async (t) => {
    const { username, password } = await appliance.phone('1003');
    for (const transport of ['udp', 'tcp'] as const) {
      const port = transport === 'udp' ? appliance.carrierUdpPort : appliance.carrierTcpPort;
      await using phone = Baresip.start({ username, password, port, transport, hz: ALICE_HZ });
      t.ok(await phone.prints(/403 /), `refused over ${transport}`);
      t.notMatch(phone.output, /200 OK/);
    }
    t.same(await bindingsOf('1003'), []);
  });

  t.test('the audit trail holds after all of it', async (t) => {
    const { status, stdout } = appliance.cli(['audit', 'verify', '--json']);
    t.equal(status, 0);
    t.match(JSON.parse(stdout), { ok: true });
  });
}

/** baresip's line about a call that has lasted so long, with audio both ways. */
function talksFor(seconds: number): RegExp {
  const later = Array.from({ length: 10 }, (_, more) => String(seconds + more).padStart(2, '0'));
  return new RegExp(`\\[0:00:(?:${later.join('|')})\\]\\s+audio=[1-9]\\d*/[1-9]\\d*`);
}

/** What the appliance answered, without the user's own name and the times. */
function answersOf(output: string, username: string): string {
  return output
    .split(/[\r\n]/)
    .filter((line) => /\b[1-6]\d\d [A-Z]/.test(line))
    .map((line) => line.replaceAll(username, 'user'))
    .join('\n');
}

/** Asserts that `frequency` is there as loud as it was spoken, and the listener's own tone is not. */
function hears(t: Test, who: string, heard: Int16Array | undefined, frequency: number, own: number): void {
  t.ok(heard !== undefined && heard.length >= 8000, `${who} got a second of audio at least`);
  if (heard === undefined) return;
  const level = steadyLevel(heard, frequency);
  t.ok(
    Math.abs(level - SPOKEN_DBFS) <= TOLERANCE_DB,
    `${who} hears ${frequency} Hz at ${level.toFixed(1)} dBFS, spoken at ${SPOKEN_DBFS}`,
  );
  t.ok(steadyLevel(heard, own) < -40, `${who} does not hear an echo`);
}
