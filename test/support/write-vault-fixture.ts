// Writes test/fixtures/vault-v2: a small vault and its backup, as this format makes them. Run once for a format, never again for an old one:
// node test/support/write-vault-fixture.ts. Everybody in it is made up; its recovery code and key file are no secret.
import { copyFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import {
  CALLER,
  captureAll,
  makeVault,
  newFolders,
  openVault,
  sampleCdr,
  tone,
  voicemailHeader,
} from './vault-bench.ts';

const FOLDER = join(import.meta.dirname, '../fixtures/vault-v2');

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
using folders = newFolders();
const { recoveryCode } = await makeVault(folders);
const target = join(folders.root, 'backup');
let messageId = '';
let recordingId = '';
let code = recoveryCode;
let oldClinic = { version: 0, body: '' };
const notes = {
  note: 'Called back about the Quincunx results',
  tag: 'follow-up',
  transcript: 'this is a made up message',
};
{
  await using vault = await openVault(folders);
  messageId = (await vault.ask('artifact.open', { header: voicemailHeader() })).artifactId;
  await captureAll(vault, messageId as never, tone(1_200, 3));
  await vault.ask('artifact.close', { artifactId: messageId as never, keep: true });
  await vault.ask('artifact.markRead', { caller: CALLER, artifactId: messageId as never });
  const cdr = sampleCdr();
  await vault.ask('cdr.put', { cdr });
  await vault.ask('note.add', { caller: CALLER, subject: cdr.callId, kind: 'note', text: notes.note });
  await vault.ask('note.add', { caller: CALLER, subject: cdr.callId, kind: 'tag', text: notes.tag });
  const service = { actor: { kind: 'service', name: 'speech' }, address: '' } as const;
  await vault.ask('note.add', { caller: service, subject: messageId, kind: 'transcript', text: notes.transcript });
  await vault.ask('backup.create', { caller: CALLER, target });
  const using_ = { slot: 'recovery' as const, secret: recoveryCode };
  code = (await vault.ask('root.rotate', { caller: CALLER, using: using_ })).recoveryCode;
  const header = voicemailHeader({ kind: 'recording', mailbox: '', channels: 2 });
  recordingId = (await vault.ask('artifact.open', { header })).artifactId;
  await captureAll(vault, recordingId as never, tone(800, 4));
  await vault.ask('artifact.mark', { artifactId: recordingId as never, mark: 'masked', atMs: 200 });
  await vault.ask('artifact.close', { artifactId: recordingId as never, keep: true });
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(400, 5));
  await vault.ask('artifact.close', { artifactId, keep: true });
  await vault.ask('artifact.dispose', { caller: CALLER, artifactId });
  await vault.ask('backup.create', { caller: CALLER, target });
  const db = new SqliteDatabase(join(folders.dataFolder, 'vault.db'), { readonly: true });
  const select = "SELECT version, hex(body) AS body FROM service_records WHERE row = 'clinic'";
  oldClinic = db.prepare(select).get() as typeof oldClinic;
  db.close();
  const { clinic } = await vault.ask('clinic.get', {});
  await vault.ask('clinic.put', {
    caller: CALLER,
    clinic: { ...clinic, timeZone: 'America/Denver' },
    summary: 'moved',
  });
}
cpSync(folders.dataFolder, join(FOLDER, 'data'), { recursive: true });
cpSync(join(folders.root, 'keys'), join(FOLDER, 'keys'), { recursive: true });
cpSync(target, join(FOLDER, 'backup'), { recursive: true });
{
  await using vault = await openVault(folders);
  await vault.ask('cdr.put', { cdr: sampleCdr() });
}
copyFileSync(folders.headsFile, join(FOLDER, 'heads-newer'));
const expected = {
  ...{ recoveryCode: code, messageId, messageSeed: 3, recordingId, recordingSeed: 4, calls: 2 },
  ...{ notes: Object.values(notes), oldClinic },
};
writeFileSync(join(FOLDER, 'expected.json'), `${JSON.stringify(expected, null, 2)}\n`);
