// A carrier that nobody here wrote: Debian's sipp calls the clinic's number over UDP and TCP, presses a key, leaves a message; sipsak asks for OPTIONS.
import t, { type Test } from 'tap';
import { pcmu } from '../../src/kernel/g711.ts';
import type { ArtifactSummary } from '../../src/vault/shapes.ts';
import { startAppliance, until } from '../support/appliance.ts';
import { clientFolder, needs, Program } from '../support/clients.ts';
import { freePort } from '../support/free-port.ts';
import { steadyLevel } from '../support/listen.ts';
import { digitThenTone } from '../support/pcap.ts';
import { mayPlayPcap, startSipp } from '../support/sipp.ts';

const CLINIC = '+12125550100';
const NOBODY = '+12125550199';
const MESSAGE_HZ = 1_300;
/** The mailbox's greeting takes 11 s of it. */
const MESSAGE_CALL_SECONDS = 16;
const MESSAGE_MS = 2_500;
const CALLS = 20;
/** How long each of them stays. */
const HOLD_SECONDS = 5;
/** What the scanners try: the sample clinic has 1001 to 1004 of them. */
const RANGE = '1000-1005';
/** On this machine, but no trunk's. */
const STRANGER = '127.0.0.2';
const DEADLINE_MS = 60_000;
const SHOWN_CHARACTERS = 3_000;

interface Caller {
  readonly transport: 'udp' | 'tcp';
  readonly numbers: readonly string[];
}

t.setTimeout(300_000);
const appliance = await startAppliance();
t.teardown(() => appliance[Symbol.asyncDispose]());
const portOf = (transport: 'udp' | 'tcp') =>
  transport === 'udp' ? appliance.carrierUdpPort : appliance.carrierTcpPort;

t.test('over UDP and TCP a caller picks key 3 by RFC 4733 and leaves a message', async (t) => {
  if (!needs(t, 'sipp') || !mayPlayPcap(t)) return;
  const callers: Caller[] = [
    { transport: 'udp', numbers: ['+12125550142', '+12125550152'] },
    { transport: 'tcp', numbers: ['+12125550143', '+12125550153'] },
  ];
  const used = await Promise.all(callers.map((caller) => leaveMessage(t, caller)));
  for (const [at, { transport }] of callers.entries()) await checkMessage(t, used[at] ?? '', transport);
});

/** Asserts exit code 0, and shows what was printed otherwise. */
async function endsWell(t: Test, program: Program, label: string): Promise<void> {
  const code = await program.ends(DEADLINE_MS);
  if (code !== 0)
    t.comment(`${program.output.slice(0, SHOWN_CHARACTERS)}\n…\n${program.output.slice(-SHOWN_CHARACTERS)}`);
  t.equal(code, 0, label);
}

/** sipp's own fatal error, such as a packet that its raw socket could not send; no verdict on what it called. */
const SIPP_FAILED = 255;

/** Leaves a message and gives the number it came from: the caller's second one when sipp itself broke down at the first. */
async function leaveMessage(t: Test, { transport, numbers }: Caller): Promise<string> {
  for (const from of numbers) {
    const speech = digitThenTone('3', MESSAGE_HZ, MESSAGE_CALL_SECONDS);
    const port = portOf(transport);
    await using sipp = await startSipp({ transport, from, port, to: CLINIC, speech, seconds: MESSAGE_CALL_SECONDS });
    if ((await sipp.ends(DEADLINE_MS)) === SIPP_FAILED && from !== numbers.at(-1)) {
      t.comment(`sipp broke down and is started again; it printed:\n${sipp.output.slice(0, SHOWN_CHARACTERS)}`);
      continue;
    }
    await endsWell(t, sipp, `${transport}: the call went as a carrier expects`);
    return from;
  }
  throw new Error('A caller needs a number.');
}

async function checkMessage(t: Test, from: string, transport: string): Promise<void> {
  const find = async () => (await appliance.calls()).filter((cdr) => cdr.from === from);
  t.ok(await until(async () => (await find()).length > 0, DEADLINE_MS), `${transport}: there is a call record`);
  const [cdr, ...others] = await find();
  t.same(others, [], 'one alone');
  t.match(cdr, { direction: 'inbound', to: CLINIC, outcome: { ended: 'answered', by: 'caller' } });
  const places = cdr?.steps.map(({ kind, name }) => `${kind} ${name}`) ?? [];
  t.ok(
    places.some((place) => place.startsWith('menu ')),
    'it went through a menu',
  );
  t.equal(places.at(-1), 'mailbox 1001', 'key 3 leads to the mailbox');
  t.equal(cdr?.artifacts.length, 1, 'with one message');
  let message: ArtifactSummary | undefined;
  const isComplete = async () => {
    const artifactId = cdr?.artifacts[0];
    if (artifactId !== undefined)
      message = await appliance.withPerson((vault, caller) => vault.ask('artifact.get', { caller, artifactId }));
    return message?.state === 'complete';
  };
  t.ok(await until(isComplete, DEADLINE_MS), 'complete');
  t.match(message, { kind: 'voicemail', mailbox: '1001', from });
  const heard = message && (await audioOf(message));
  t.ok(heard !== undefined && heard.length >= MESSAGE_MS * 8, `it is ${(heard?.length ?? 0) / 8000} s long`);
  const level = steadyLevel(heard ?? new Int16Array(0), MESSAGE_HZ);
  t.ok(Math.abs(level + 12.2) < 2, `it holds what was said: ${MESSAGE_HZ} Hz at ${level.toFixed(1)} dBFS`);
}

async function audioOf({ id, durationMs }: ArtifactSummary): Promise<Int16Array> {
  const { body } = await appliance.withPerson((vault, caller) => {
    const ask = { caller, artifactId: id, fromSample: 0, samples: durationMs * 8, play: true };
    return vault.askForBytes('artifact.audio', ask);
  });
  const samples = new Int16Array(body.length);
  pcmu.decode(body, 0, body.length, samples, 0);
  return samples;
}

for (const transport of ['udp', 'tcp'] as const) {
  t.test(`${CALLS} calls at once over ${transport}: each is answered, ended, and recorded once`, async (t) => {
    if (!needs(t, 'sipp')) return;
    const from = transport === 'udp' ? '+12125550144' : '+12125550145';
    const call = { port: portOf(transport), transport, to: CLINIC, from, calls: CALLS, seconds: HOLD_SECONDS };
    await using sipp = await startSipp(call);
    await endsWell(t, sipp, 'sipp counts no failed call');
    const find = async () => (await appliance.calls()).filter((cdr) => cdr.from === from);
    t.ok(await until(async () => (await find()).length === CALLS, DEADLINE_MS), `${CALLS} call records`);
    const records = await find();
    t.equal(records.length, CALLS, 'and not one more');
    t.equal(new Set(records.map(({ callId }) => callId)).size, CALLS);
    t.ok(records.every(({ outcome }) => outcome.ended === 'answered' && outcome.by === 'caller'));
    const lastAnswered = Math.max(...records.map(({ answeredAt }) => answeredAt ?? Number.POSITIVE_INFINITY));
    t.ok(lastAnswered < Math.min(...records.map(({ endedAt }) => endedAt)), 'all of them were up at one moment');
  });

  t.test(`over ${transport} a stranger is refused with 403 and a number that is not ours with 404`, async (t) => {
    if (!needs(t, 'sipp')) return;
    const before = await reachedSomebody();
    const call = { port: portOf(transport), transport, to: CLINIC, from: '+12125550146', seconds: 1 };
    const stranger = { ...call, source: STRANGER, refusedWith: 403 };
    const wrongNumber = { ...call, to: NOBODY, refusedWith: 404 };
    for (const refused of [stranger, wrongNumber]) {
      await using sipp = await startSipp(refused);
      await endsWell(t, sipp, `refused with ${refused.refusedWith}`);
    }
    t.equal(await reachedSomebody(), before, 'neither reaches anybody');
    t.ok(await until(isStrangerInTrail, DEADLINE_MS), "the stranger's address is in the audit trail");
  });

  t.test(`sipsak gets its OPTIONS answered on the carriers' ${transport} port`, async (t) => {
    if (!needs(t, 'sipsak')) return;
    const args = ['-vv', '-E', transport, '-s', `sip:${CLINIC}@127.0.0.1:${portOf(transport)}`];
    await using sipsak = new Program('sipsak', args, clientFolder('sipsak'));
    await endsWell(t, sipsak, 'sipsak is content');
    t.match(sipsak.output, /SIP\/2\.0 200 /);
  });

  t.test(
    `over ${transport} sipsak registers nobody: with the right password, a wrong one, or an unknown user`,
    async (t) => {
      if (!needs(t, 'sipsak')) return;
      const { username, password } = await appliance.phone('1003');
      const answers: string[] = [];
      for (const [user, secret] of [
        [username, password],
        [username, 'not-the-password'],
        ['1999', 'not-the-password'],
      ]) {
        const uri = `sip:${user}@127.0.0.1:${portOf(transport)}`;
        const args = ['-vvv', '-U', '-E', transport, '-a', secret ?? '', '-s', uri];
        await using sipsak = new Program('sipsak', args, clientFolder('sipsak'));
        t.not(await sipsak.ends(DEADLINE_MS), 0, 'sipsak says that it failed');
        answers.push([...sipsak.output.matchAll(/^SIP\/2\.0 (\d\d\d .*)$/gm)].map(([, line]) => line?.trim()).join());
      }
      t.match(answers[0], /403 /);
      t.same(answers, [answers[0], answers[0], answers[0]], 'and nobody can tell which of the three it was');
      t.same(await appliance.bindings(), []);
    },
  );
}

/** Calls that were more than a refusal; a number that nobody has leaves a record too, of a call that failed. */
async function reachedSomebody(): Promise<number> {
  return (await appliance.calls()).filter(({ outcome }) => outcome.ended !== 'failed').length;
}

async function isStrangerInTrail(): Promise<boolean> {
  const { rows } = await appliance.withPerson((vault, caller) =>
    vault.ask('audit.page', { caller, page: { limit: 100 } }),
  );
  return rows.some(({ address, outcome }) => address === STRANGER && outcome === 'refused');
}

t.test('sipvicious learns neither what answers nor which extensions there are', async (t) => {
  if (!needs(t, 'svmap', 'svwar')) return;
  const before = await reachedSomebody();
  const scans = ['REGISTER', 'INVITE', 'OPTIONS'].map((method) =>
    scan('svwar', ['--force', '-e', RANGE, '-m', method]),
  );
  const [map, ...wars] = await Promise.all([scan('svmap', []), ...scans]);
  t.match(map, /127\.0\.0\.1:\d+\s*\|\s*unknown/, 'something answers there, and that is all');
  for (const printed of wars) t.match(printed, /found nothing/);
  t.equal(await reachedSomebody(), before, 'and no phone rang');
});

/** What a scanner prints about the carriers' UDP port; it calls from an address that is a trunk's. */
async function scan(tool: 'svmap' | 'svwar', args: readonly string[]): Promise<string> {
  const folder = clientFolder(tool);
  const ports = ['-p', String(appliance.carrierUdpPort), '-P', String(await freePort('udp', '127.0.0.1'))];
  await using program = new Program(tool, [...args, ...ports, '127.0.0.1'], folder, { HOME: folder });
  await program.ends(DEADLINE_MS);
  return program.output;
}

t.test('the audit trail holds after all of it', async (t) => {
  const { status, stdout } = appliance.cli(['audit', 'verify', '--json']);
  t.equal(status, 0);
  t.match(JSON.parse(stdout), { ok: true });
});
