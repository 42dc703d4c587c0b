// What one damaged row, or a writer that lies, may do to everybody else.
import type { Database } from 'better-sqlite3';
import t from 'tap';
import { CaptureSealer, type SealedFrame } from '../../src/seal/capture-sealer.ts';
import { tamper } from '../support/tamper.ts';
import {
  type BenchVault,
  CALLER,
  captureAll,
  makeVault,
  newFolders,
  openVault,
  sampleCdr,
  tone,
  voicemailHeader,
} from '../support/vault-bench.ts';

const flip = (db: Database, table: string, where: string) =>
  db.exec(`UPDATE ${table} SET body = CAST(substr(body, 1, length(body) - 1) || x'00' AS BLOB) WHERE ${where}`);

function send(vault: BenchVault, frames: readonly SealedFrame[]): Promise<unknown> {
  const { intake } = vault.inner;
  return Promise.all(
    frames.map((frame) =>
      frame.type === 'intake.segment' ? intake.segment(frame.ask, frame.body) : intake.chunk(frame.ask, frame.body),
    ),
  );
}

t.test('one damaged row does not keep the others from being read', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  {
    await using vault = await openVault(folders);
    for (const username of ['a', 'b', 'c'])
      await vault.ask('credentials.set', { caller: CALLER, username, password: 'x' });
    for (let i = 0; i < 3; i++) {
      const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
      await captureAll(vault, artifactId, tone(500));
      await vault.ask('artifact.close', { artifactId, keep: true });
      await vault.ask('cdr.put', { cdr: sampleCdr() });
    }
  }
  tamper(folders, (db) => {
    flip(db, 'service_records', "seq = (SELECT max(seq) FROM service_records WHERE space = 'credentials')");
    flip(db, 'artifacts', 'seq = 2');
    flip(db, 'calls', 'seq = 2');
  });
  await using vault = await openVault(folders);
  await t.resolves(vault.ask('credentials.list', {}), 'the other phones can register');
  const page = { limit: 10 };
  await t.resolves(
    vault.ask('artifacts.page', { caller: CALLER, kind: 'voicemail', page }),
    'the other messages are listed',
  );
  await t.resolves(vault.ask('calls.page', { caller: CALLER, page }), 'the other calls are listed');
});

t.test('a damaged slot that is not used does not keep the box from starting', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  tamper(folders, (db) => db.exec("UPDATE keyring SET parameters = '{' WHERE kind = 'recovery'"));
  await t.resolves(openVault(folders).then((vault) => vault[Symbol.asyncDispose]()));
});

t.test('audio that waits for the tick when its recording is disposed of is not written after it', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  const sealer = new CaptureSealer(artifactId, vault.inner.intake.begin(artifactId));
  const sent = send(vault, sealer.write(tone(1_000), 0)).catch(() => undefined);
  await vault.ask('artifact.dispose', { caller: CALLER, artifactId });
  await sent;
  vault.inner.intake.flush();
  const left = tamper(folders, (db) => [
    db.prepare("SELECT count(*) FROM record_keys WHERE row LIKE ? || '%'").pluck().get(artifactId),
    db.prepare('SELECT count(*) FROM chunks WHERE artifact = ?').pluck().get(artifactId),
  ]);
  t.same(left, [0, 0], 'keys and chunks that are left');
});

t.test('two writers whose chunks cross do not make an honest recording look tampered with', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  const opened = await openVault(folders);
  const { artifactId } = await opened.ask('artifact.open', { header: voicemailHeader() });
  const one = new CaptureSealer(artifactId, opened.inner.intake.begin(artifactId));
  await send(opened, one.write(tone(500), 0));
  const two = new CaptureSealer(artifactId, opened.inner.intake.begin(artifactId));
  await send(opened, two.write(tone(500), 8_000));
  await send(opened, one.end()).catch(() => undefined); // the first one's last frames come late
  await send(opened, two.end());
  await opened.inner.intake.end(artifactId, two.chunks);
  await opened.ask('artifact.close', { artifactId, keep: true });
  await opened[Symbol.asyncDispose]();
  await using vault = await openVault(folders);
  t.same((await vault.ask('status', {})).problems, []);
});

t.test('a sample number of years from now is refused', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  const sealer = new CaptureSealer(artifactId, vault.inner.intake.begin(artifactId));
  await t.rejects(send(vault, sealer.write(tone(500), 2 ** 50)), { code: 'intake-malformed' });
});

t.test('a segment number that no chunk can have is refused', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  const { epoch } = vault.inner.intake.begin(artifactId);
  const ask = { artifactId, segment: 2 ** 40, epoch, firstSample: 0 };
  await t.rejects(vault.inner.intake.segment(ask, new Uint8Array(104)), { code: 'intake-malformed' });
});

t.test('a trigger that somebody put into the database is noticed', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  tamper(folders, (db) =>
    db.exec(`CREATE TABLE kept (key BLOB);
      CREATE TRIGGER keeper BEFORE DELETE ON record_keys BEGIN INSERT INTO kept VALUES (old.key); END;
      DROP TRIGGER trail_refuses_delete`),
  );
  const problems = await openVault(folders).then(
    async (vault) => {
      const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
      await captureAll(vault, artifactId, tone(500));
      await vault.ask('artifact.close', { artifactId, keep: true });
      await vault.ask('artifact.dispose', { caller: CALLER, artifactId });
      const { problems } = await vault.inner.checkEverything();
      await vault[Symbol.asyncDispose]();
      return problems;
    },
    () => ['refused'],
  );
  t.not(problems.length, 0);
  t.equal(
    tamper(folders, (db) => db.prepare('SELECT count(*) FROM kept').pluck().get()),
    0,
    'keys of disposed audio that were kept',
  );
});
