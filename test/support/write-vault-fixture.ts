// Writes test/fixtures/vault-v1: a small vault and its backup, as this format makes them. Run once for a format, never again for an old one:
// node test/support/write-vault-fixture.ts. Everybody in it is made up; its recovery code and key file are no secret.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

const FOLDER = join(import.meta.dirname, '../fixtures/vault-v1');

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
using folders = newFolders();
const { recoveryCode } = await makeVault(folders);
const target = join(folders.root, 'backup');
let messageId = '';
let recordingId = '';
let code = recoveryCode;
{
  await using vault = await openVault(folders);
  messageId = (await vault.ask('artifact.open', { header: voicemailHeader() })).artifactId;
  await captureAll(vault, messageId as never, tone(1_200, 3));
  await vault.ask('artifact.close', { artifactId: messageId as never, keep: true });
  await vault.ask('artifact.markRead', { caller: CALLER, artifactId: messageId as never });
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  await vault.ask('backup.create', { caller: CALLER, target });
  const using_ = { slot: 'recovery' as const, secret: recoveryCode };
  code = (await vault.ask('root.rotate', { caller: CALLER, using: using_ })).recoveryCode;
  const header = voicemailHeader({ kind: 'recording', mailbox: '', channels: 2 });
  recordingId = (await vault.ask('artifact.open', { header })).artifactId;
  await captureAll(vault, recordingId as never, tone(800, 4));
  await vault.ask('artifact.close', { artifactId: recordingId as never, keep: true });
  await vault.ask('cdr.put', { cdr: sampleCdr() });
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(400, 5));
  await vault.ask('artifact.close', { artifactId, keep: true });
  await vault.ask('artifact.dispose', { caller: CALLER, artifactId });
  await vault.ask('backup.create', { caller: CALLER, target });
}
cpSync(folders.dataFolder, join(FOLDER, 'data'), { recursive: true });
cpSync(join(folders.root, 'keys'), join(FOLDER, 'keys'), { recursive: true });
cpSync(target, join(FOLDER, 'backup'), { recursive: true });
const expected = { recoveryCode: code, messageId, messageSeed: 3, recordingId, recordingSeed: 4, calls: 2 };
writeFileSync(join(FOLDER, 'expected.json'), `${JSON.stringify(expected, null, 2)}\n`);
