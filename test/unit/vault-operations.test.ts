// The vault's operations on a real database: settings, registrations, calls, artifacts, people's reads, the trail.
import t from 'tap';
import {
  CALLER,
  captureAll,
  makeVault,
  newFolders,
  openVault,
  sampleCdr,
  tone,
  voicemailHeader,
} from '../support/vault-bench.ts';

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
  await captureAll(vault, id, tone(3_000));
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
