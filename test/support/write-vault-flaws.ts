// Writes test/conformance/vault-flaws: one flaw a file, as what to do to test/fixtures/vault-v2 with any SQLite, and what must be named then by
// Wardline and by a reader in another language. Run: node test/support/write-vault-flaws.ts
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { sodium } from '../../src/seal/sodium.ts';

const FOLDER = join(import.meta.dirname, '../conformance/vault-flaws');
const FIXTURE = join(import.meta.dirname, '../fixtures/vault-v2');

interface Expected {
  readonly recordingId: string;
  readonly messageId: string;
  readonly oldClinic: { readonly version: number; readonly body: string };
}
const expected = JSON.parse(readFileSync(join(FIXTURE, 'expected.json'), 'utf8')) as Expected;
const db = new SqliteDatabase(join(FIXTURE, 'data', 'vault.db'), { readonly: true });
const one = <Value>(sql: string) => db.prepare(sql).pluck().get() as Value;
const hex = (bytes: Uint8Array) => `x'${Buffer.from(bytes).toString('hex')}'`;

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });

function write(name: string, sql: readonly string[], wardline: string, reader: string | null, heads?: string): void {
  const flaw = { sql, ...(heads !== undefined && { heads }), wardline, reader };
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(flaw, null, 2)}\n`);
}

function flip(table: string, column: string, where: string): string[] {
  const bytes = one<Buffer>(`SELECT ${column} FROM ${table} WHERE ${where}`);
  bytes[bytes.length >> 1]! ^= 1;
  return [`UPDATE ${table} SET ${column} = ${hex(bytes)} WHERE ${where}`];
}

const [call, other] = db.prepare('SELECT row FROM calls ORDER BY seq').pluck().all() as [string, string];
const note = one<string>("SELECT row FROM notes WHERE kind = 'note'");
const { recordingId, messageId, oldClinic } = expected;
const audio = `artifact = '${recordingId}'`;
const anyEntry = ['DROP TRIGGER trail_refuses_update', 'DROP TRIGGER trail_refuses_delete'];
const last = one<number>('SELECT max(sequence) FROM trail');

const altered = (row: string) => [`The row ${row} was altered.`, `${row} is altered`] as const;
const audioAltered = (id: string) => [`The audio of ${id} was altered.`, `audio ${id} does not hold`] as const;
const missing = (row: string) => [`The row ${row} is missing.`, `${row} is missing`] as const;

write('call-flipped-bit', flip('calls', 'body', `row = '${call}'`), ...altered(`calls/${call}`));
write('call-removed', [`DELETE FROM calls WHERE row = '${call}'`], ...missing(`calls/${call}`));
write('call-other-entry', [`UPDATE calls SET entry = entry - 1 WHERE row = '${call}'`], ...altered(`calls/${call}`));
write('call-number-removed', ['DELETE FROM call_numbers WHERE seq = 1'], ...altered(`calls/${call}`));
write('calls-swapped', [`UPDATE calls SET row = 'x' WHERE row = '${call}'`, `UPDATE calls SET row = '${call}' WHERE row = '${other}'`, `UPDATE calls SET row = '${other}' WHERE row = 'x'`], ...altered(`calls/${other}`)); // biome-ignore format: one table
write('calls-other-order', ['UPDATE calls SET seq = 99 WHERE seq = 1', 'UPDATE call_numbers SET seq = 99 WHERE seq = 1'], 'is not in its place: lists show it in another order than it was written in.', 'the order of calls does not hold'); // biome-ignore format: one table
write('call-key-removed', [`DELETE FROM record_keys WHERE row = '${call}'`], `The row calls/${call} does not open.`, `calls/${call} does not hold`); // biome-ignore format: one table
write('note-flipped-bit', flip('notes', 'body', `row = '${note}'`), ...altered(`notes/${note}`));
write('note-other-subject', [`UPDATE notes SET subject = '${other}' WHERE row = '${note}'`], ...altered(`notes/${note}`)); // biome-ignore format: one table
write('message-other-mailbox', [`UPDATE artifacts SET mailbox = x'00' WHERE row = '${messageId}'`], ...altered(`artifacts/${messageId}`)); // biome-ignore format: one table
write('message-unread-again', ['DELETE FROM read_marks'], ...missing(`read_marks/${messageId}`));
write('mark-removed', ['DELETE FROM artifact_marks'], ...missing(`artifact_marks/${one('SELECT row FROM artifact_marks')}`)); // biome-ignore format: one table

write('chunk-flipped-bit', flip('chunks', 'body', `${audio} AND chunk = 1`), ...audioAltered(recordingId));
write('chunk-dropped', [`DELETE FROM chunks WHERE ${audio} AND chunk = 1`], ...audioAltered(recordingId));
write('chunks-reordered', [`UPDATE chunks SET chunk = 90 WHERE ${audio} AND chunk = 0`, `UPDATE chunks SET chunk = 0 WHERE ${audio} AND chunk = 1`, `UPDATE chunks SET chunk = 1 WHERE ${audio} AND chunk = 90`], ...audioAltered(recordingId)); // biome-ignore format: one table
write('final-removed', [`DELETE FROM chunks WHERE ${audio} AND final > 0`], ...audioAltered(recordingId));
write('final-unsaid', [`UPDATE chunks SET final = 0 WHERE ${audio}`], ...audioAltered(recordingId));
write('segment-moved', [`UPDATE segments SET first_sample = 8000 WHERE ${audio}`], ...audioAltered(recordingId));
write('segment-flipped-header', flip('segments', 'header', audio), ...audioAltered(recordingId));
write('closing-shortened', [`UPDATE closings SET samples = samples - 800 WHERE ${audio}`], ...altered(`closings/${recordingId}`)); // biome-ignore format: one table
write('closing-removed', [`DELETE FROM closings WHERE ${audio}`], ...missing(`closings/${recordingId}`));

const epoch = one<string>('SELECT epoch FROM calls WHERE seq = 2');
const publicKey = one<Buffer>(`SELECT public FROM epochs WHERE id = '${epoch}'`);
const boxed = sodium.crypto_box_seal(new Uint8Array(32).fill(7), publicKey);
const forged = 'forgedforgedforgedforged22';
write('call-forged', [`INSERT INTO record_keys VALUES ('calls', '${forged}', '${epoch}', 'boxed', ${hex(boxed)})`, `INSERT INTO calls (row, epoch, schema, body, entry) SELECT '${forged}', epoch, schema, body, entry + 1 FROM calls WHERE row = '${other}'`], 'calls holds 1 foreign rows, of which no entry speaks.', `calls/${forged} is foreign`); // biome-ignore format: one table
const { publicKey: foreign } = sodium.crypto_box_keypair();
const mutable = (row: string) => [`The row ${row} is altered.`, `${row} is altered`] as const;
write('epoch-key-swapped', [`UPDATE epochs SET public = ${hex(foreign)} WHERE id = '${epoch}'`], ...mutable(`epochs/${epoch}`)); // biome-ignore format: one table
write('epoch-secret-removed', [`UPDATE epochs SET secret = NULL WHERE id = '${epoch}'`], ...mutable(`epochs/${epoch}`));
write(
  'root-flipped-bit',
  flip('roots', 'sealed', "half = 'service'"),
  'The row roots/1/service is altered.',
  'trail/1 does not hold',
);
write('setting-rolled-back', [`UPDATE service_records SET version = ${oldClinic.version}, body = x'${oldClinic.body}' WHERE row = 'clinic'`], 'The row settings/clinic is rolled back to an older version.', 'settings/clinic is rolled back'); // biome-ignore format: one table
write('setting-removed', ["DELETE FROM service_records WHERE row = 'realm'"], ...missing('settings/realm'));
write('slot-added', ["INSERT INTO keyring SELECT 'another', kind, opens, parameters, wrapped FROM keyring WHERE kind = 'recovery'"], 'The row keyring/another is foreign: no entry speaks of it.', 'keyring/another is foreign'); // biome-ignore format: one table
write('open-artifact-added', [`INSERT INTO open_artifacts VALUES ('${recordingId}')`], `The row open_artifacts/${recordingId} is rolled back to an older version.`, `open_artifacts/${recordingId} is foreign`); // biome-ignore format: one table

write('trail-altered', [...anyEntry, ...flip('trail', 'sealed', 'sequence = 9')], 'The audit trail is damaged at entry 9: the entry or one before it was changed.', 'trail/9 does not hold'); // biome-ignore format: one table
write('trail-removed', [...anyEntry, 'DELETE FROM trail WHERE sequence = 9'], 'The audit trail is damaged at entry 9: the entry is missing.', 'trail/9 does not hold'); // biome-ignore format: one table
write('trail-end-removed', [...anyEntry, `DELETE FROM trail WHERE sequence = ${last}`], `it ends at entry ${last - 1}, the head says ${last}.`, `head ${last} is newer than the trail`); // biome-ignore format: one table
write('trail-foreign-mac', [...anyEntry, ...flip('trail', 'mac', 'sequence = 9')], 'The audit trail is damaged at entry 9:', 'trail/9 does not hold'); // biome-ignore format: one table
write('old-database', [], `it ends at entry ${last}, the head says`, 'is newer than the trail', 'heads-newer');
write('identity-altered', ["UPDATE meta SET value = replace(value, '\"createdAt\":1', '\"createdAt\":2')"], 'vault-damaged', 'meta does not hold'); // biome-ignore format: one table
write('trigger-added', ['CREATE TRIGGER mine AFTER INSERT ON calls BEGIN DELETE FROM calls; END'], 'The trigger mine was put into the database or changed; it was removed.', null); // biome-ignore format: one table
