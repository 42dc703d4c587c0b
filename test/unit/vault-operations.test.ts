// The vault's operations on a real database: settings, registrations, calls, artifacts, people's reads, the trail.
import t from 'tap';
import type { ArtifactId } from '../../src/kernel/id.ts';
import { CaptureSealer } from '../../src/seal/capture-sealer.ts';
import {
  type BenchVault,
  CALLER,
  makeVault,
  newFolders,
  openVault,
  sampleCdr,
  tone,
  voicemailHeader,
} from '../support/vault-bench.ts';

async function capture(vault: BenchVault, id: ArtifactId, audio: Uint8Array): Promise<void> {
  const { intake } = vault.inner;
  const sealer = new CaptureSealer(id, intake.begin(id));
  const frames = [...sealer.write(audio, 0), ...sealer.end()];
  const sent = frames.map((frame) =>
    frame.type === 'intake.segment' ? intake.segment(frame.ask, frame.body) : intake.chunk(frame.ask, frame.body),
  );
  await Promise.all(sent);
  await intake.end(id, sealer.chunks);
}

t.test('a vault is made once, opened by its key file, and keeps what it is given', async (t) => {
  using folders = newFolders();
  const { recoveryCode } = await makeVault(folders);
  t.match(recoveryCode, /^([0-9A-Z]{4}-){6}[0-9A-Z]{4}$/);
  await t.rejects(makeVault(folders), { code: 'vault-exists' });
  await using vault = await openVault(folders);
  const status = await vault.ask('status', {});
  t.equal(status.records, 'unlocked');
  t.same(status.problems, []);
  await t.rejects(openVault(folders), { code: 'vault-in-use' });
  const { clinic, version } = await vault.ask('clinic.get', {});
  t.equal(clinic.name, 'Sample Clinic');
  t.equal(version, 1);
  const id = (await vault.ask('artifact.open', { header: voicemailHeader() })).artifactId;
  await capture(vault, id, tone(3_000));
  const closed = await vault.ask('artifact.close', { artifactId: id, keep: true });
  t.same(closed, { state: 'complete', durationMs: 3_000 });
  const { answer, body } = await vault.askForBytes('artifact.audio', {
    caller: CALLER,
    artifactId: id,
    fromSample: 0,
    samples: 100_000,
    play: true,
  });
  t.equal(answer.totalSamples, 24_000);
  t.ok(Buffer.from(body).equals(Buffer.from(tone(3_000))));
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  const calls = await vault.ask('calls.page', { caller: CALLER, page: { limit: 10 } });
  t.equal(calls.rows.length, 1);
  const verified = await vault.ask('audit.verify', { caller: CALLER });
  t.equal(verified.ok, true);
});
