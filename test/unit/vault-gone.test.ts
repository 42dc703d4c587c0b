// What was destroyed is nowhere on the disk any more: its very bytes are searched for in the database, its free pages and its journal.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import { ManualClock } from '../support/manual-clock.ts';
import { type BenchVault, CALLER, captureAll, type Folders, filesBelow, makeVault, newFolders, openVault, sampleCdr, tone, voicemailHeader } from '../support/vault-bench.ts'; // biome-ignore format: one import

const DAY_MS = 24 * 3_600_000;
const SEALED = {
  ...{ calls: 'body', artifacts: 'body', notes: 'body', artifact_marks: 'body', chunks: 'body', segments: 'header' },
  ...{ record_keys: 'key', keyring: 'wrapped', epochs: 'secret', closings: 'tags', call_numbers: 'digest' },
};
/** Long enough that chance does not repeat it, short enough to fit beside a page's edge. */
const PIECE_BYTES = 24;

/** Everything sealed that the tables hold, as hex with its table. */
function sealedNow({ dataFolder }: Folders): Map<string, string> {
  const db = new SqliteDatabase(join(dataFolder, 'vault.db'), { readonly: true });
  const rows = Object.entries(SEALED).flatMap(([table, column]) => {
    const found = db.prepare(`SELECT ${column} FROM ${table} WHERE ${column} IS NOT NULL`).pluck().all() as Buffer[];
    return found.map((bytes) => [bytes.toString('hex'), table] as const);
  });
  db.close();
  return new Map(rows);
}

/** What went since, and in which tables' bytes a piece of it is still in a file. */
function searched(folders: Folders, before: ReadonlyMap<string, string>): { went: string[]; left: string[] } {
  const now = sealedNow(folders);
  const files = filesBelow(folders.root);
  const went = [...before].filter(([hex]) => !now.has(hex));
  const isLeft = ([hex]: readonly [string, string]) => {
    const bytes = Buffer.from(hex, 'hex');
    const pieces = [bytes.subarray(0, PIECE_BYTES), bytes.subarray(-PIECE_BYTES)];
    return files.some((file) => pieces.some((piece) => file.bytes.includes(piece)));
  };
  const tables = (of: typeof went) => [...new Set(of.map(([, table]) => table))].sort();
  return { went: tables(went), left: tables(went.filter(isLeft)) };
}

async function leaveMessage(vault: BenchVault, clock: ManualClock, seed: number) {
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader() });
  await captureAll(vault, artifactId, tone(4_000, seed), clock);
  await vault.ask('artifact.mark', { artifactId, mark: 'masked', atMs: 10 });
  await vault.ask('artifact.close', { artifactId, keep: true });
  await vault.ask('note.add', {
    caller: CALLER,
    subject: artifactId,
    kind: 'note',
    text: 'to be forgotten '.repeat(9),
  });
  return artifactId;
}

t.test('a message, a note, a slot and a root; then calls, and the key of their month', async (t) => {
  using folders = newFolders('/dev/shm');
  const clock = new ManualClock();
  await makeVault(folders, clock);
  const proof = () => ({ slot: 'key-file', secret: readFileSync(folders.keyFile, 'utf8') }) as const;
  {
    await using vault = await openVault(folders, { clock });
    for (let seed = 0; seed < 3; seed++) await leaveMessage(vault, clock, seed);
    const gone = await leaveMessage(vault, clock, 9);
    const cdr = sampleCdr();
    await vault.ask('cdr.put', { cdr });
    const { noteId } = await vault.ask('note.add', {
      caller: CALLER,
      subject: cdr.callId,
      kind: 'note',
      text: 'walrus',
    });
    const add = { caller: CALLER, using: proof(), kind: 'recovery', opens: 'both' } as const;
    const { slotId } = await vault.ask('slot.add', add);
    const acts: [() => Promise<unknown>, string[]][] = [
      [() => vault.ask('artifact.dispose', { caller: CALLER, artifactId: gone }), ['artifact_marks', 'artifacts', 'chunks', 'closings', 'notes', 'record_keys', 'segments']], // biome-ignore format: short
      [() => vault.ask('note.remove', { caller: CALLER, noteId }), ['notes', 'record_keys']],
      [() => vault.ask('slot.remove', { caller: CALLER, slotId }), ['keyring']],
      [() => vault.ask('root.rotate', { caller: CALLER, using: proof() }), ['epochs', 'keyring']],
    ];
    for (const [act, went] of acts) {
      const before = sealedNow(folders);
      await act();
      t.same(searched(folders, before), { went, left: [] });
    }
    await vault.ask('retention.set', { caller: CALLER, rules: { cdr: 10, voicemail: 10 } });
  }
  clock.advance(30.5 * DAY_MS);
  await using vault = await openVault(folders, { clock });
  const before = sealedNow(folders);
  for (let minute = 0; minute < 10; minute++) clock.advance(60_000);
  const { went, left } = searched(folders, before);
  t.ok(
    ['calls', 'call_numbers', 'chunks', 'record_keys'].every((table) => went.includes(table)),
    went.join(),
  );
  t.same(left, []);
  t.equal((await vault.ask('status', {})).counts.calls, 0);
});
