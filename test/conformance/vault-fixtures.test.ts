// Vaults and backups of every format that was ever in use open, restore and read in another language: test/fixtures/vault-v*.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { systemClock } from '../../src/kernel/clock.ts';
import type { ArtifactId } from '../../src/kernel/id.ts';
import { restoreVault } from '../../src/vault/backup/restore.ts';
import { CALLER, CANARY_NAME, CANARY_NUMBER, type Folders, newFolders, openVault, tone } from '../support/vault-bench.ts'; // biome-ignore format: one import

const FOLDER = join(import.meta.dirname, '../fixtures');
const hasPython = spawnSync('/usr/bin/python3', ['-c', 'import nacl.bindings']).status === 0;

interface Expected {
  readonly recoveryCode: string;
  readonly messageId: ArtifactId;
  readonly messageSeed: number;
  readonly recordingId: ArtifactId;
  readonly recordingSeed: number;
  readonly calls: number;
  /** Since `user_version` 2. */
  readonly notes?: readonly string[];
}

/** What the other reader says of one folder. */
interface Opened {
  readonly calls: readonly string[];
  readonly notes: readonly string[];
  readonly audio: Readonly<Record<string, string>>;
  readonly entries: number;
  readonly problems: readonly string[];
}

async function mustHoldAll(t: Test, folders: Folders, expected: Expected): Promise<void> {
  await using vault = await openVault(folders);
  t.match(await vault.ask('status', {}), { problems: [], records: 'unlocked' });
  t.equal((await vault.ask('audit.verify', { caller: CALLER })).ok, true);
  const calls = await vault.ask('calls.page', { caller: CALLER, page: { limit: 9 }, number: CANARY_NUMBER });
  t.equal(calls.rows.length, expected.calls);
  const { messageId, messageSeed, recordingId, recordingSeed } = expected;
  const audioOf = async (artifactId: ArtifactId) => {
    const ask = { caller: CALLER, artifactId, fromSample: 0, samples: 1_000_000, play: false };
    return Buffer.from((await vault.askForBytes('artifact.audio', ask)).body);
  };
  t.ok((await audioOf(messageId)).equals(tone(1_200, messageSeed)));
  t.ok((await audioOf(recordingId)).equals(tone(800, recordingSeed)));
  t.match(await vault.ask('artifact.get', { caller: CALLER, artifactId: messageId }), {
    isRead: true,
    state: 'complete',
  });
  t.equal((await vault.ask('clinic.get', {})).clinic.name, 'Sample Clinic');
}

for (const name of readdirSync(FOLDER).filter((each) => each.startsWith('vault-v'))) {
  const source = join(FOLDER, name);
  const expected = JSON.parse(readFileSync(join(source, 'expected.json'), 'utf8')) as Expected;

  t.test(`${name}: the vault opens`, async (t) => {
    using folders = newFolders();
    cpSync(join(source, 'data'), folders.dataFolder, { recursive: true });
    cpSync(join(source, 'keys'), join(folders.root, 'keys'), { recursive: true });
    await mustHoldAll(t, folders, expected);
  });

  t.test(`${name}: the backup restores with the recovery code alone`, async (t) => {
    using folders = newFolders();
    const { dataFolder, keyFile, headsFile } = folders;
    const unlock = { slot: 'recovery', secret: expected.recoveryCode } as const;
    const from = join(source, 'backup');
    const made = await restoreVault({
      from,
      dataFolder,
      keyFile,
      headsFile,
      unlock,
      clock: systemClock,
      caller: CALLER,
    });
    t.same(made.problems, []);
    await mustHoldAll(t, folders, expected);
  });

  t.test(
    `${name}: a reader in another language opens the vault and the backup`,
    { skip: !hasPython && 'no python3-nacl here' },
    (t) => {
      const reader = join(import.meta.dirname, 'vault-opener.py');
      const folders = [join(source, 'data'), join(source, 'backup')];
      const { stdout, stderr } = spawnSync('/usr/bin/python3', [reader, expected.recoveryCode, ...folders], {
        encoding: 'utf8',
      });
      t.equal(stderr, '');
      const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
      for (const line of stdout.trim().split('\n')) {
        const opened = JSON.parse(line) as Opened;
        t.same(opened.problems, []);
        t.same(
          opened.calls,
          Array.from({ length: expected.calls }, () => CANARY_NAME),
        );
        t.same(opened.notes, [...(expected.notes ?? [])].sort());
        t.same(opened.audio, {
          [expected.messageId]: sha256(tone(1_200, expected.messageSeed)),
          [expected.recordingId]: sha256(tone(800, expected.recordingSeed)),
        });
        t.ok(opened.entries > 10, 'the trail is walked, over the change of root');
      }
      t.end();
    },
  );
}
