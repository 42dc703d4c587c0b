// Rows that somebody changed, took away or put back between two starts: each is named, and none is believed.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parseHead, parseKeyChange } from '../../src/audit/head.ts';
import type { ArtifactId } from '../../src/kernel/id.ts';
import { CaptureSealer, type SealedFrame } from '../../src/seal/capture-sealer.ts';
import { blake2b, sodium } from '../../src/seal/sodium.ts';
import { manifestText, readManifest } from '../../src/vault/backup/manifest.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { tamper } from '../support/tamper.ts';
import {
  type BenchVault,
  CALLER,
  captureAll,
  type Folders,
  LOCAL,
  makeVault,
  newFolders,
  openVault,
  sampleCdr,
  tone,
  voicemailHeader,
} from '../support/vault-bench.ts';

const page = { limit: 50 };

async function keepMessage(vault: BenchVault): Promise<ArtifactId> {
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(1_000));
  await vault.ask('artifact.close', { artifactId, keep: true });
  return artifactId;
}

async function rotate(folders: Folders): Promise<void> {
  await using vault = await openVault(folders);
  const secret = readFileSync(folders.keyFile, 'utf8');
  await vault.ask('root.rotate', { caller: CALLER, using: { slot: 'key-file', secret } });
}

async function problemsOf(folders: Folders): Promise<readonly string[]> {
  await using vault = await openVault(folders);
  return (await vault.ask('status', {})).problems;
}

const changes: readonly [string, RegExp, string][] = [
  ["a month's secret put away", /^The row epochs\/cdr-\S+ is altered\.$/, "UPDATE epochs SET secret = x'00'"],
  ['a month removed', /^The row epochs\/cdr-\S+ is missing\.$/, "DELETE FROM epochs WHERE class = 'cdr'"],
  ['an artifact said to be open', /^The row open_artifacts\/x is foreign/, "INSERT INTO open_artifacts VALUES ('x')"],
  ['another schema', /^The row .* does not open|is altered/, 'UPDATE calls SET schema = 2'],
];
for (const [what, problem, sql] of changes) {
  t.test(`named: ${what}`, async (t) => {
    using folders = newFolders();
    await makeVault(folders);
    {
      await using vault = await openVault(folders);
      await vault.ask('cdr.put', { cdr: sampleCdr() });
    }
    tamper(folders, (db) => db.exec(sql));
    await using vault = await openVault(folders);
    await vault.ask('calls.page', { caller: CALLER, page }).catch(() => undefined);
    const { problems } = await vault.ask('status', {});
    t.ok(
      problems.some((each) => problem.test(each)),
      JSON.stringify(problems),
    );
  });
}

t.test('a former root that is gone or damaged is named, and the telephones work', async (t) => {
  for (const sql of ['DELETE FROM roots', "UPDATE roots SET sealed = x'01'"]) {
    using folders = newFolders();
    await makeVault(folders);
    await rotate(folders);
    t.same(await problemsOf(folders), []);
    tamper(folders, (db) => db.exec(sql));
    await using vault = await openVault(folders);
    const { problems } = await vault.ask('status', {});
    t.ok(problems.some((each) => /^What is kept of root 1 is gone or damaged/.test(each)));
    t.ok(problems.some((each) => /^The row roots\/1\/service is (missing|altered)\.$/.test(each)));
    await t.resolves(vault.ask('credentials.list', {}));
  }
});

t.test('a closing that says something else is not believed in lists either', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  const artifactId = await keepMessage(vault);
  tamper(folders, (db) => db.exec("UPDATE closings SET state = 'failed'"));
  t.equal((await vault.ask('artifact.get', { caller: CALLER, artifactId })).state, 'tampered');
});

t.test('a column that holds what nothing of ours has is tampering, not a fault', async (t) => {
  for (const sql of [
    'UPDATE chunks SET first_sample = -1 WHERE chunk = 1',
    "UPDATE segments SET header = x'00'",
    'UPDATE chunks SET final = 7 WHERE chunk = 1',
  ]) {
    using folders = newFolders();
    await makeVault(folders);
    await using vault = await openVault(folders);
    const artifactId = await keepMessage(vault);
    tamper(folders, (db) => db.exec(sql));
    const ask = { caller: CALLER, artifactId, fromSample: 0, samples: 8_000, play: true };
    await t.rejects(vault.askForBytes('artifact.audio', ask), { code: 'artifact-tampered' }, sql);
  }
});

t.test('a call whose entry number was changed does not keep older ones from being destroyed', async (t) => {
  using folders = newFolders();
  const clock = new ManualClock();
  await makeVault(folders, clock);
  {
    await using vault = await openVault(folders, { clock });
    await vault.ask('retention.set', { caller: CALLER, rules: { cdr: 10 } });
    for (let i = 0; i < 3; i++) await vault.ask('cdr.put', { cdr: sampleCdr() });
  }
  tamper(folders, (db) => db.exec('UPDATE calls SET entry = 1000000 WHERE seq = 1'));
  clock.advance(30 * 24 * 3_600_000);
  await using vault = await openVault(folders, { clock });
  clock.advance(6 * 60_000);
  t.equal((await vault.ask('status', {})).counts.calls, 1, 'the changed one is kept and named');
});

t.test('the key file is read for who holds the machine alone', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders, { startLocked: true });
  const ask = { caller: LOCAL, slot: 'key-file', secret: '' } as const;
  await t.rejects(vault.inner.answer('unlock', { ...ask, caller: CALLER }, new Uint8Array(0), { role: 'controller' }));
  t.equal((await vault.ask('status', {})).records, 'locked');
  await vault.inner.answer('unlock', ask, new Uint8Array(0), { role: 'cli' });
  t.equal((await vault.ask('status', {})).records, 'unlocked');
});

t.test('a rotation leaves word of the new signing key, signed by the old one', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await rotate(folders);
  const check = sodium.crypto_sign_verify_detached;
  const lines = readFileSync(folders.headsFile, 'utf8').trim().split('\n');
  const change = lines.map((line) => parseKeyChange(line, check)).find((each) => each !== undefined);
  const keys = lines.map((line) => parseHead(line, check)?.publicKey).filter((each) => each !== undefined);
  t.equal(change?.publicKey, keys[0]);
  t.equal(change?.next, keys.at(-1));
  t.not(keys[0], keys.at(-1));
});

t.test('a manifest that an old root made counts only for what that root sealed', async (t) => {
  const key = new Uint8Array(32).fill(7);
  const file = { name: `bundle-${'a'.repeat(26)}-0`, bytes: 1, hash: Buffer.from(blake2b(key)).toString('hex') };
  const manifest = { vaultId: 'v', run: 'r', createdAt: 1, until: 10, link: '', files: [], bundle: file, slots: '' };
  const text = manifestText(manifest, key, () => new Uint8Array(64));
  t.equal(readManifest(text, [{ key, untilEntry: 10 }]).until, 10);
  t.throws(() => readManifest(text, [{ key, untilEntry: 9 }]), { code: 'backup-damaged' });
});

t.test('a writer goes on where it was, in order, and says nothing after its end', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  const { intake } = vault.inner;
  const grant = intake.begin(artifactId);
  const malformed = { code: 'intake-malformed' };
  const send = async ({ type, ask, body }: SealedFrame) => {
    const sent = type === 'intake.segment' ? intake.segment(ask, body) : intake.chunk(ask, body);
    intake.flush();
    await sent;
  };
  const one = new CaptureSealer(artifactId, grant);
  for (const frame of one.write(tone(960), 0)) await send(frame);
  t.match(intake.begin(artifactId), { nextSegment: 1, nextSample: 7_680 });
  const skipping = new CaptureSealer(artifactId, { ...grant, nextSegment: 2, nextSample: 7_680 });
  await t.rejects(send(skipping.write(tone(500), 7_680)[0]!), malformed, 'a segment is left out');
  const back = new CaptureSealer(artifactId, { ...grant, nextSegment: 1 });
  await t.rejects(send(back.write(tone(500), 0)[0]!), malformed, 'a segment begins before the last sample');
  const rest = one.end();
  for (const frame of rest) await send(frame);
  await t.rejects(
    send(new CaptureSealer(artifactId, { ...grant, nextSegment: 1 }).write(tone(500), 7_680)[0]!),
    malformed,
  );
  for (const frame of rest) await t.resolves(send(frame), 'what is known may be sent again');
  await intake.end(artifactId, one.chunks);
  t.throws(() => intake.begin(artifactId), { code: 'artifact-closed' });
  t.match(await vault.ask('artifact.close', { artifactId, keep: true }), { state: 'complete', durationMs: 960 });
});

t.test('a capture that is closed before its writer said that it ended is cut off', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  const { intake } = vault.inner;
  const sealer = new CaptureSealer(artifactId, intake.begin(artifactId));
  for (const { type, ask, body } of [...sealer.write(tone(500), 0), ...sealer.end()]) {
    const sent = type === 'intake.segment' ? intake.segment(ask, body) : intake.chunk(ask, body);
    intake.flush();
    await sent;
  }
  t.match(await vault.ask('artifact.close', { artifactId, keep: true }), { state: 'cut-off' });
});

t.test('a recording whose rows the database refuses does not fail another one of the same tick', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  const { intake } = vault.inner;
  const [bad, good] = [
    (await vault.ask('artifact.open', { header: voicemailHeader() })).artifactId,
    (await vault.ask('artifact.open', { header: voicemailHeader() })).artifactId,
  ];
  tamper(folders, (db) => db.prepare("INSERT INTO segments VALUES (?, 0, 'other', 0, x'00')").run(bad));
  const sent = [bad, good].map(async (artifactId) => {
    const sealer = new CaptureSealer(artifactId, intake.begin(artifactId));
    const frames = [...sealer.write(tone(300), 0), ...sealer.end()];
    await Promise.all(
      frames.map(({ type, ask, body }) =>
        type === 'intake.segment' ? intake.segment(ask, body) : intake.chunk(ask, body),
      ),
    );
    await intake.end(artifactId, sealer.chunks);
    return vault.ask('artifact.close', { artifactId, keep: true });
  });
  const [failed, kept] = await Promise.allSettled(sent);
  t.match(failed, { status: 'rejected', reason: { code: 'vault-write-failed' } });
  t.match(kept, { status: 'fulfilled', value: { state: 'complete' } });
});

t.test('what somebody may not see is on record as refused, and answered as if it did not exist', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  const artifactId = await keepMessage(vault);
  const ask = { caller: CALLER, artifactId };
  await t.rejects(vault.ask('artifact.get', { ...ask, within: ['1002'] }), { code: 'artifact-unknown' });
  t.match(await vault.ask('artifact.get', { ...ask, within: ['1001'] }), { mailbox: '1001' });
  const { rows } = await vault.ask('audit.page', { caller: CALLER, page });
  const read = rows.filter(({ action }) => action === 'artifact-read').map(({ outcome }) => outcome);
  t.same(read, ['ok', 'refused']);
});
