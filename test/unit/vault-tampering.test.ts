// Whoever changes the database from outside is noticed at the next start, and what was changed is named.
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase, { type Database } from 'better-sqlite3';
import t from 'tap';
import type { ArtifactId, CallId } from '../../src/kernel/id.ts';
import { tamper } from '../support/tamper.ts';
import {
  CALLER,
  captureAll,
  type Folders,
  makeVault,
  newFolders,
  openVault,
  sampleCdr,
  sampleClinic,
  tone,
  voicemailHeader,
} from '../support/vault-bench.ts';

interface Victim {
  readonly artifactId: ArtifactId;
  readonly calls: readonly CallId[];
}

/** A closed vault with a message, two calls and a clinic that was changed once. */
async function fillVault(folders: Folders): Promise<Victim> {
  await makeVault(folders);
  await using vault = await openVault(folders);
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(2_000));
  await vault.ask('artifact.close', { artifactId, keep: true });
  const cdrs = [sampleCdr(), sampleCdr()];
  for (const cdr of cdrs) await vault.ask('cdr.put', { cdr });
  return { artifactId, calls: cdrs.map(({ callId }) => callId) };
}

function flipBit(db: Database, table: string, column: string, where: string, fromEnd = 20): void {
  const body = db.prepare(`SELECT ${column} FROM ${table} WHERE ${where}`).pluck().get() as Buffer;
  body[body.length - fromEnd]! ^= 1;
  db.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${where}`).run(body);
}

const page = { limit: 10 };

interface Case {
  readonly title: string;
  readonly change: (db: Database, victim: Victim) => void;
  readonly problem: (victim: Victim) => string;
}

const CASES: readonly Case[] = [
  {
    title: 'a flipped bit in a call record',
    change: (db, { calls }) => flipBit(db, 'calls', 'body', `row = '${calls[0]}'`),
    problem: ({ calls }) => `The row calls/${calls[0]} was altered.`,
  },
  {
    title: 'two call records swapped',
    change: (db, { calls }) => {
      db.prepare("UPDATE calls SET row = 'x' WHERE row = ?").run(calls[0]);
      db.prepare('UPDATE calls SET row = ? WHERE row = ?').run(calls[0], calls[1]);
      db.prepare("UPDATE calls SET row = ? WHERE row = 'x'").run(calls[1]);
    },
    problem: ({ calls }) => `The row calls/${calls[1]} was altered.`,
  },
  {
    title: 'a call record removed',
    change: (db, { calls }) => db.prepare('DELETE FROM calls WHERE row = ?').run(calls[0]),
    problem: ({ calls }) => `The row calls/${calls[0]} is missing.`,
  },
  {
    title: 'a call record inserted under a later entry',
    change: (db) =>
      db.exec(
        "INSERT INTO calls (row, epoch, schema, body, entry) SELECT 'foreign', epoch, schema, body, 100000 FROM calls LIMIT 1",
      ),
    problem: () => 'The row calls/foreign is foreign: no entry speaks of it.',
  },
  {
    title: 'a call record inserted under a known entry',
    change: (db) =>
      db.exec(
        "INSERT INTO calls (row, epoch, schema, body, entry) SELECT 'foreign', epoch, schema, body, entry FROM calls LIMIT 1",
      ),
    problem: () => 'calls holds 1 foreign rows, of which no entry speaks.',
  },
  {
    title: 'a message moved to another mailbox',
    change: (db) => db.exec("UPDATE artifacts SET mailbox = x'00'"),
    problem: ({ artifactId }) => `The row artifacts/${artifactId} was altered.`,
  },
  {
    title: "a flipped bit in a chunk's tag",
    change: (db) => flipBit(db, 'chunks', 'body', 'chunk = 3', 1),
    problem: ({ artifactId }) => `The audio of ${artifactId} was altered.`,
  },
  {
    title: 'the last chunk of a message cut off',
    change: (db) => db.exec('DELETE FROM chunks WHERE final > 0'),
    problem: ({ artifactId }) => `The audio of ${artifactId} was altered.`,
  },
  {
    title: 'a setting removed',
    change: (db) => db.exec("DELETE FROM service_records WHERE row = 'realm'"),
    problem: () => 'The row settings/realm is missing.',
  },
  {
    title: 'a setting copied to a new row',
    change: (db) =>
      db.exec(
        "INSERT INTO service_records (space, row, version, schema, body) SELECT space, 'other', version, schema, body FROM service_records WHERE row = 'realm'",
      ),
    problem: () => 'The row settings/other is foreign: no entry speaks of it.',
  },
  {
    title: 'an entry of the trail altered',
    change: (db) => {
      db.exec('DROP TRIGGER trail_refuses_update');
      flipBit(db, 'trail', 'sealed', 'sequence = 3');
    },
    problem: () => 'The audit trail is damaged at entry 3: the entry or one before it was changed.',
  },
  {
    title: 'an entry of the trail removed from the middle',
    change: (db) => {
      db.exec('DROP TRIGGER trail_refuses_delete; DELETE FROM trail WHERE sequence = 4');
    },
    problem: () => 'The audit trail is damaged at entry 4: the entry is missing.',
  },
];

for (const { title, change, problem } of CASES) {
  t.test(`noticed at start: ${title}`, async (t) => {
    using folders = newFolders();
    const victim = await fillVault(folders);
    tamper(folders, (db) => change(db, victim));
    await using vault = await openVault(folders);
    const { problems } = await vault.ask('status', {});
    t.ok(problems.includes(problem(victim)), `${problem(victim)} is among ${JSON.stringify(problems)}`);
  });
}

t.test('a damaged newest entry, or a swapped month key, is named and does not stop the next capture', async (t) => {
  using folders = newFolders();
  await fillVault(folders);
  tamper(folders, (db) => {
    db.exec("DROP TRIGGER trail_refuses_update; UPDATE epochs SET public = randomblob(32) WHERE class = 'voicemail'");
    flipBit(db, 'trail', 'sealed', 'sequence = (SELECT max(sequence) FROM trail)');
  });
  await using vault = await openVault(folders);
  const { problems } = await vault.ask('status', {});
  t.match(problems, [
    /newest entry of the audit trail is damaged/,
    /^The row epochs\/voicemail-\d{4}-\d\d-1 is altered\.$/,
    /^The audit trail is damaged at entry \d+/,
    /trigger trail_refuses_update of the database was missing/,
  ]);
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(1_000));
  t.match(await vault.ask('artifact.close', { artifactId, keep: true }), { state: 'complete' });
  t.equal((await vault.ask('artifact.get', { caller: CALLER, artifactId })).durationMs, 1_000);
});

t.test('altered audio is not played, and the list calls it tampered', async (t) => {
  using folders = newFolders();
  const { artifactId } = await fillVault(folders);
  tamper(folders, (db) => flipBit(db, 'chunks', 'body', 'chunk = 3'));
  await using vault = await openVault(folders);
  const range = { caller: CALLER, artifactId, fromSample: 0, samples: 16_000, play: true };
  await t.rejects(vault.askForBytes('artifact.audio', range), { code: 'artifact-tampered' });
  const { rows } = await vault.ask('artifacts.page', { caller: CALLER, kind: 'voicemail', page });
  t.equal(rows[0]?.state, 'tampered');
});

t.test('an altered call record is fenced off and named; the rest of the page is served', async (t) => {
  using folders = newFolders();
  const { calls } = await fillVault(folders);
  tamper(folders, (db) => flipBit(db, 'calls', 'body', 'seq = 1'));
  await using vault = await openVault(folders);
  const answer = await vault.ask('calls.page', { caller: CALLER, page });
  t.same(answer.rows.map(({ callId }) => callId), [calls[1]]); // biome-ignore format: short
  t.same(answer.damaged, [calls[0]]);
  const { problems } = await vault.ask('status', {});
  t.ok(problems.includes(`The row calls/${calls[0]} does not open; it is left out of lists.`));
});

t.test('a setting rolled back to an older version is called that', async (t) => {
  using folders = newFolders();
  await fillVault(folders);
  const path = join(folders.dataFolder, 'vault.db');
  let old: { version: number; body: Buffer } | undefined;
  tamper(folders, (db) => {
    old = db.prepare("SELECT version, body FROM service_records WHERE row = 'clinic'").get() as typeof old;
  });
  {
    await using vault = await openVault(folders);
    await vault.ask('clinic.put', {
      caller: CALLER,
      clinic: { ...sampleClinic(), name: 'Renamed' },
      summary: 'renamed',
    });
  }
  const db = new SqliteDatabase(path);
  db.prepare("UPDATE service_records SET version = ?, body = ? WHERE row = 'clinic'").run(old!.version, old!.body);
  db.close();
  await using vault = await openVault(folders);
  t.same((await vault.ask('status', {})).problems, ['The row settings/clinic is rolled back to an older version.']);
});

t.test('a removed last entry and an old database differ from the head outside', async (t) => {
  using folders = newFolders();
  await fillVault(folders);
  const path = join(folders.dataFolder, 'vault.db');
  const copy = join(folders.root, 'old.db');
  copyFileSync(path, copy);
  let head = '';
  {
    await using vault = await openVault(folders);
    await vault.ask('cdr.put', { cdr: sampleCdr() });
    head = (await vault.ask('audit.verify', { caller: CALLER })).head;
    t.equal((await vault.ask('audit.verify', { caller: CALLER, head })).ok, true);
  }
  const whole = join(folders.root, 'whole.db');
  copyFileSync(path, whole);
  tamper(folders, (db) => {
    db.exec('DROP TRIGGER trail_refuses_delete; DELETE FROM trail WHERE sequence = (SELECT max(sequence) FROM trail)');
  });
  {
    await using vault = await openVault(folders);
    t.match((await vault.ask('status', {})).problems[0], /older than the newest head/);
    const { ok, firstBad } = await vault.ask('audit.verify', { caller: CALLER });
    t.equal(ok, false);
    t.match(firstBad?.problem, /not the one that the head was taken from|says that there were/);
  }
  rmSync(path);
  copyFileSync(copy, path);
  await using vault = await openVault(folders);
  t.match((await vault.ask('status', {})).problems[0], /older than the newest head/);
  t.equal((await vault.ask('audit.verify', { caller: CALLER, head })).ok, false);
});

t.test('a bad head is refused with a sentence', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  await t.rejects(vault.ask('audit.verify', { caller: CALLER, head: '{}' }), { code: 'bad-head' });
});

t.test('rows that lists were made to show in another order are named', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  const cdrs = [sampleCdr(), sampleCdr(), sampleCdr()];
  {
    await using vault = await openVault(folders);
    for (const cdr of cdrs) await vault.ask('cdr.put', { cdr });
  }
  const db = new SqliteDatabase(join(folders.dataFolder, 'vault.db'));
  const move = (from: number, to: number) => {
    db.prepare('UPDATE calls SET seq = ? WHERE seq = ?').run(to, from);
    db.prepare('UPDATE call_numbers SET seq = ? WHERE seq = ?').run(to, from);
  };
  for (const [from, to] of [[1, 99], [2, 1], [99, 2]] as const) move(from, to); // biome-ignore format: a swap
  db.close();
  await using vault = await openVault(folders);
  const { problems } = await vault.ask('status', {});
  t.match(problems, [new RegExp(`calls/${cdrs[0]!.callId} is not in its place`)]);
});
