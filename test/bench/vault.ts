// `npm run bench:vault`: the speed of the vault against the aims of its design, with plain libsodium and plain SQLite beside it in the same run.
// Options: --calls 20000 (1000000 for the whole table) --megabytes 200 --folder /dev/shm
import { cpSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import SqliteDatabase from 'better-sqlite3';
import { systemClock } from '../../src/kernel/clock.ts';
import { newId } from '../../src/kernel/id.ts';
import { ENDS, SegmentSealer } from '../../src/seal/segment.ts';
import { sodium } from '../../src/seal/sodium.ts';
import { restoreVault } from '../../src/vault/backup/restore.ts';
import { type BenchVault, CALLER, type Folders, filesBelow, makeVault, newFolders, openVault, sampleCdr, voicemailHeader } from '../support/vault-bench.ts'; // biome-ignore format: one import

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '20000' },
    megabytes: { type: 'string', default: '200' },
    folder: { type: 'string', default: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() },
  },
});
const CALLS = Number(values.calls);
const MEGABYTES = Number(values.megabytes);
const CHUNK_BYTES = 8_000;

using folders = newFolders(values.folder);
const { recoveryCode } = await makeVault(folders);
console.log(`${CALLS} calls, ${MEGABYTES} MB of audio, in ${values.folder}; node ${process.version}`);
{
  await using vault = await openVault(folders);
  await benchAudio(vault, folders);
  await benchCalls(vault);
  await benchBackup(vault, folders);
}
await benchOpen(folders);
await benchRestore(folders, recoveryCode);

function say(what: string, value: string, aim: string): void {
  console.log(`${what.padEnd(58)} ${value.padStart(14)}   aim ${aim}`);
}

function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Chunks of L16 at 16 kHz, 250 ms each, as the intake takes them, beside bare secretstream and a plain insert. */
async function benchAudio(vault: BenchVault, { root }: Folders): Promise<void> {
  const count = Math.round((MEGABYTES * 1e6) / CHUNK_BYTES);
  const audio = sodium.randombytes_buf(CHUNK_BYTES);
  const bare = cpuSeconds(() => {
    const { state } = sodium.crypto_secretstream_xchacha20poly1305_init_push(
      sodium.crypto_secretstream_xchacha20poly1305_keygen(),
    );
    for (let chunk = 0; chunk < count; chunk++)
      sodium.crypto_secretstream_xchacha20poly1305_push(state, audio, null, 0);
  });
  const plain = new SqliteDatabase(join(root, 'plain.db'));
  plain.pragma('journal_mode = WAL');
  plain.exec('CREATE TABLE blobs (id INTEGER PRIMARY KEY, body BLOB)');
  const insert = plain.prepare('INSERT INTO blobs (body) VALUES (?)');
  const blobs = cpuSeconds(() => {
    for (let at = 0; at < count; at += 20) plain.transaction(() => { for (let i = 0; i < 20; i++) insert.run(audio); })(); // biome-ignore format: short
  });
  plain.close();
  const sealed = await cpuOfIntake(vault, count, audio);
  const rate = (seconds: number) => `${((count * CHUNK_BYTES) / 1e6 / seconds).toFixed(0)} MB/s`;
  say('bare secretstream, 8 kB', rate(bare), '(comparator)');
  say('plain SQLite blobs', rate(blobs), '(comparator)');
  say('sealed and taken in, one core', rate(sealed), '>= 60 MB/s');
  say('as a ratio to bare secretstream plus plain insert', (sealed / (bare + blobs)).toFixed(2), '<= 1.5');
}

async function cpuOfIntake({ ask, inner }: BenchVault, count: number, audio: Uint8Array): Promise<number> {
  const { artifactId } = await ask('artifact.open', { header: voicemailHeader({ encoding: 'l16-16000' }) });
  const { intake } = inner;
  const grant = intake.begin(artifactId);
  const before = process.cpuUsage();
  for (let segment = 0, done = 0; done < count; segment++) {
    using sealer = new SegmentSealer(Buffer.from(grant.publicKey, 'base64'));
    const first = segment * 960_000;
    const body = Buffer.concat([sealer.sealedKey, sealer.header]);
    const sent = [intake.segment({ artifactId, segment, epoch: grant.epoch, firstSample: first }, body)];
    for (let chunk = 0; chunk < 240 && done < count; chunk++, done++) {
      const place = { artifactId, segment, chunk, firstSample: first + chunk * 4_000, samples: 4_000 };
      const ends = done === count - 1 ? ENDS.artifact : chunk === 239 ? ENDS.segment : ENDS.nothing;
      const bytes = sealer.seal(audio, { ...place, encoding: 'l16-16000', channels: 1, ends });
      sent.push(intake.chunk({ ...place, ends }, bytes));
      if (chunk % 20 === 19) intake.flush();
    }
    intake.flush();
    await Promise.all(sent);
  }
  const { user, system } = process.cpuUsage(before);
  await intake.end(artifactId, count);
  await ask('artifact.close', { artifactId, keep: true });
  return (user + system) / 1e6;
}

async function benchCalls(vault: BenchVault): Promise<void> {
  const begun = performance.now();
  for (let call = 0; call < CALLS; call++) {
    const from = `+1555555${String(call % 5_000).padStart(4, '0')}`;
    await vault.ask('cdr.put', { cdr: sampleCdr({ callId: newId<'call'>(), from }) });
  }
  say('call records kept', `${((CALLS / (performance.now() - begun)) * 1000).toFixed(0)} /s`, '-');
  let after: string | undefined;
  const pages = await percentile(200, async () => {
    const page = await vault.ask('calls.page', {
      caller: CALLER,
      page: { limit: 50, ...(after !== undefined && { after }) },
    });
    after = page.next;
  });
  say('a page of 50 calls, p99', `${pages.toFixed(1)} ms`, '<= 50 ms');
  let number = 0;
  const lookups = await percentile(200, () =>
    vault.ask('calls.page', {
      caller: CALLER,
      page: { limit: 10 },
      number: `+1555555${String(number++ * 7).padStart(4, '0')}`,
    }),
  );
  say('a look-up by number, 10 calls, p99', `${lookups.toFixed(1)} ms`, '<= 10 ms');
}

async function percentile(count: number, work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const begun = performance.now();
    await work();
    times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b)[Math.floor(count * 0.99)]!;
}

async function benchBackup(vault: BenchVault, { root }: Folders): Promise<void> {
  const target = join(root, 'backup');
  const seconds = await secondsOf(() => vault.ask('backup.create', { caller: CALLER, target }));
  const bytes = filesBelow(target).reduce((sum, file) => sum + file.bytes.length, 0);
  say('first backup', `${(bytes / 1e6 / seconds).toFixed(0)} MB/s`, '1 GB in <= 60 s');
  say(
    'the next one, nothing new',
    `${(await secondsOf(() => vault.ask('backup.create', { caller: CALLER, target }))).toFixed(2)} s`,
    '-',
  );
}

async function benchOpen(opened: Folders): Promise<void> {
  const seconds = await secondsOf(async () => (await openVault(opened))[Symbol.asyncDispose]);
  say(`opening, to the first call, ${CALLS} calls`, `${seconds.toFixed(2)} s`, '<= 10 s (1,000,000 calls)');
}

async function benchRestore(source: Folders, secret: string): Promise<void> {
  using bare = newFolders(values.folder);
  const { dataFolder, keyFile, headsFile } = bare;
  const unlock = { slot: 'recovery', secret } as const;
  const from = join(source.root, 'backup');
  const seconds = await secondsOf(() =>
    restoreVault({ from, dataFolder, keyFile, headsFile, unlock, clock: systemClock, caller: CALLER }),
  );
  mkdirSync(join(bare.root, 'copy'));
  const copied = await secondsOf(async () => cpSync(from, join(bare.root, 'copy'), { recursive: true }));
  const size = statSync(join(dataFolder, 'vault.db')).size / 1e6;
  say(`restore of ${size.toFixed(0)} MB`, `${seconds.toFixed(2)} s`, '-');
  say('as a ratio to cp', (seconds / copied).toFixed(1), '(told, no aim)');
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
}

process.exit(0); // an opened vault keeps its timers
