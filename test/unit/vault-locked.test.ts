// With the records half locked everything is captured and nothing can be read; the recovery code opens it all.
import t from 'tap';
import { CaptureSealer } from '../../src/seal/capture-sealer.ts';
import { memoryHolds, recordsKeys } from '../support/key-memory.ts';
import { ManualClock } from '../support/manual-clock.ts';
import {
  CALLER,
  CANARY_NAME,
  CANARY_NUMBER,
  captureAll,
  filesBelow,
  LOCAL,
  makeVault,
  newFolders,
  openVault,
  sampleCdr,
  tone,
  voicemailHeader,
} from '../support/vault-bench.ts';
import { spawnVault } from '../support/vault-process.ts';

t.test(
  'records locked: capture, counts and the trail work, reading is refused, the recovery code opens all',
  async (t) => {
    using folders = newFolders();
    const clock = new ManualClock();
    const { recoveryCode } = await makeVault(folders, clock, 'service');
    await using vault = await openVault(folders, { clock });
    t.equal((await vault.ask('status', {})).records, 'locked');

    const notices: string[] = [];
    vault.onNotice(({ type, payload }) => notices.push(`${type} ${JSON.stringify(payload)}`));
    const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
    await captureAll(vault, artifactId, tone(2_500), clock);
    await vault.ask('artifact.mark', { artifactId, mark: 'notice-played', atMs: 0 });
    t.equal((await vault.ask('artifact.close', { artifactId, keep: true })).state, 'complete');
    t.same(notices, ['mailbox.changed {"mailbox":"1001"}']);
    await vault.ask('cdr.put', { cdr: sampleCdr() });
    t.same(await vault.ask('mailbox.counts', { mailbox: '1001' }), { unread: 1, read: 0 });

    const page = { limit: 5 };
    const locked = { code: 'records-locked', message: /wardline vault unlock/ };
    await t.rejects(vault.ask('calls.page', { caller: CALLER, page }), locked);
    await t.rejects(vault.ask('artifacts.page', { caller: CALLER, kind: 'voicemail', page }), locked);
    await t.rejects(vault.ask('artifact.get', { caller: CALLER, artifactId }), locked);
    const range = { caller: CALLER, artifactId, fromSample: 0, samples: 8_000, play: true };
    await t.rejects(vault.askForBytes('artifact.audio', range), locked);
    await t.rejects(vault.ask('playout.open', { caller: CALLER, artifactId }), locked);

    const wrong = recoveryCode.replace(/^./, (first) => (first === '7' ? '8' : '7'));
    await t.rejects(vault.ask('unlock', { caller: CALLER, slot: 'recovery', secret: wrong }), {
      code: 'code-mistyped',
    });
    await t.rejects(vault.ask('unlock', { caller: LOCAL, slot: 'key-file', secret: '' }), { code: 'wrong-secret' });
    await vault.ask('unlock', { caller: CALLER, slot: 'recovery', secret: recoveryCode.toLowerCase() });
    t.equal((await vault.ask('calls.page', { caller: CALLER, page })).rows[0]?.fromName, CANARY_NAME);
    const [voicemail] = (await vault.ask('artifacts.page', { caller: CALLER, kind: 'voicemail', page })).rows;
    t.equal(voicemail?.from, CANARY_NUMBER);
    t.ok(Buffer.from((await vault.askForBytes('artifact.audio', range)).body).equals(Buffer.from(tone(1_000))));

    clock.advance(5_000); // adoption has its turns
    t.equal((await vault.ask('calls.page', { caller: CALLER, page })).rows.length, 1, 'adopted keys open the same');
    t.ok(Buffer.from((await vault.askForBytes('artifact.audio', range)).body).equals(Buffer.from(tone(1_000))));

    await vault.ask('lock', { caller: CALLER });
    await t.rejects(vault.ask('calls.page', { caller: CALLER, page }), locked);
    const { rows } = await vault.ask('audit.page', { caller: CALLER, page: { limit: 100 } });
    const actions = rows.map(({ action, outcome }) => `${action} ${outcome}`);
    for (const expected of [
      'vault-unlocked refused',
      'vault-unlocked ok',
      'artifact-adopted ok',
      'artifact-played ok',
      'vault-locked ok',
    ]) {
      t.ok(actions.includes(expected), `the trail says ${expected}`);
    }
  },
);

/** The ways in which a secret could lie about on a disk. */
function disguises(text: string): Buffer[] {
  const raw = Buffer.from(text, 'utf8');
  const middle = [0, 1, 2].map((skip) => raw.subarray(skip).toString('base64').slice(2, -4));
  return [
    raw,
    Buffer.from(text, 'utf16le'),
    Buffer.from(raw.toString('hex')),
    ...middle.map((part) => Buffer.from(part)),
  ];
}

t.test(
  'no name, number or tone lies in clear anywhere in the data folder, journal included, while it runs and after',
  async (t) => {
    using folders = newFolders();
    await makeVault(folders);
    const audio = tone(4_000);
    const haystack = Buffer.from(`x${Buffer.from(`xx${CANARY_NAME} called`).toString('base64')}`);
    t.ok(
      disguises(CANARY_NAME).some((needle) => haystack.includes(needle)),
      'the search finds what is there to be found',
    );
    const search = (when: string) => {
      const needles = [CANARY_NAME, CANARY_NUMBER.slice(1), 'canary-password', 'canary-binding'].flatMap(disguises);
      needles.push(...disguises(CANARY_NAME.split(' ')[1]!), Buffer.from(audio.subarray(1_000, 1_032)));
      needles.push(Buffer.from(Buffer.from(audio.subarray(999, 1_023)).toString('base64')));
      for (const { path, bytes } of filesBelow(folders.root)) {
        const found = needles.filter((needle) => bytes.includes(needle));
        t.same(found.map(String), [], `${when}: nothing in ${path.slice(folders.root.length)}`);
      }
    };
    {
      await using vault = await openVault(folders);
      const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
      await captureAll(vault, artifactId, audio);
      await vault.ask('artifact.close', { artifactId, keep: true });
      await vault.ask('cdr.put', { cdr: sampleCdr() });
      await vault.ask('credentials.set', { caller: CALLER, username: 'canary-binding', password: 'canary-password' });
      const binding = {
        ...{
          username: 'canary-binding',
          contact: 'sip:canary-binding@192.0.2.7',
          instance: '',
          callId: 'c',
          cseq: 1,
          q: 1,
        },
        ...{ registeredAt: sampleCdr().startedAt, expiresAt: sampleCdr().endedAt, userAgent: 'Phone' },
        source: { transport: 'tls', host: '192.0.2.7', port: 5061 },
      } as const;
      await vault.ask('bindings.put', { caller: CALLER, binding });
      await vault.ask('bindings.refresh', { bindings: [{ ...binding, cseq: 2 }] });
      t.equal((await vault.ask('bindings.list', {})).bindings[0]?.cseq, 2);
      await vault.ask('calls.page', { caller: CALLER, page: { limit: 5 }, number: CANARY_NUMBER });
      search('open');
    }
    search('closed');
  },
);

t.test('a capture whose writer is silent for a while plays the gap as silence', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  const { intake } = vault.inner;
  const sealer = new CaptureSealer(artifactId, intake.begin(artifactId));
  const said = tone(500);
  const frames = [...sealer.write(said, 0), ...sealer.write(said, 70 * 8_000), ...sealer.end()];
  for (const frame of frames) {
    const sent =
      frame.type === 'intake.segment' ? intake.segment(frame.ask, frame.body) : intake.chunk(frame.ask, frame.body);
    intake.flush();
    await sent;
  }
  await intake.end(artifactId, sealer.chunks);
  t.same(await vault.ask('artifact.close', { artifactId, keep: true }), { state: 'complete', durationMs: 70_500 });
  const range = { caller: CALLER, artifactId, fromSample: 69 * 8_000, samples: 12_000, play: true };
  const { body } = await vault.askForBytes('artifact.audio', range);
  t.ok(
    body.subarray(0, 8_000).every((byte) => byte === 0xff),
    'a second of silence',
  );
  t.ok(Buffer.from(body.subarray(8_000)).equals(Buffer.from(said)));
});

t.test('after a lock nothing in the memory of the process opens what was captured', async (t) => {
  using folders = newFolders('/dev/shm');
  const { recoveryCode } = await makeVault(folders);
  {
    await using vault = await openVault(folders);
    const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
    await captureAll(vault, artifactId, tone(500));
    await vault.ask('artifact.close', { artifactId, keep: true });
    await vault.ask('cdr.put', { cdr: sampleCdr() });
  }
  const keys = await recordsKeys(folders, recoveryCode);
  const process_ = spawnVault(folders);
  t.teardown(() => process_.kill());
  using vault = process_.connect();
  const page = { limit: 5 };
  t.equal((await vault.ask('calls.page', { caller: CALLER, page })).rows.length, 1);
  t.equal((await vault.ask('artifacts.page', { caller: CALLER, kind: 'voicemail', page })).rows.length, 1);
  const before = memoryHolds(process_.child.pid ?? 0, keys);
  if (before === undefined) return void t.comment('the memory of a child cannot be read here: not tried');
  t.ok(before.length > 0, 'the search finds keys where they must be');
  await vault.ask('lock', { caller: CALLER });
  let left: readonly string[] = before;
  for (let tries = 0; tries < 300 && left.length > 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100)); // readers end between two slices of what they do
    left = memoryHolds(process_.child.pid ?? 0, keys) ?? [];
  }
  t.same(left, []);
});
