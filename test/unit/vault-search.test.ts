// Searching names, notes, tags, transcripts and numbers, best first; notes as rows of their own; on this thread and on a reader's.
import t, { type Test } from 'tap';
import { type ArtifactId, newId } from '../../src/kernel/id.ts';
import type { Ask } from '../../src/vault/contract.ts';
import type { Caller, SearchHit } from '../../src/vault/shapes.ts';
import { type BenchVault, CALLER, captureAll, makeVault, newFolders, openVault, sampleCdr, tone, voicemailHeader } from '../support/vault-bench.ts'; // biome-ignore format: one import

const APPLIANCE: Caller = { actor: { kind: 'service', name: 'transcriber' }, address: '' };

async function message(vault: BenchVault, fromName: string, mailbox = '1001') {
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader({ fromName, mailbox }) });
  await captureAll(vault, artifactId, tone(200));
  await vault.ask('artifact.close', { artifactId, keep: true });
  return artifactId;
}

function note(
  vault: BenchVault,
  subject: string,
  text: string,
  kind: Ask<'note.add'>['kind'] = 'note',
  caller = CALLER,
) {
  return vault.ask('note.add', { caller, subject, kind, text });
}

async function find(vault: BenchVault, query: string, more: Partial<Ask<'search'>> = {}): Promise<string[]> {
  const { hits } = await vault.ask('search', { caller: CALLER, query, limit: 20, ...more });
  return hits.map(idOf);
}

function idOf(hit: SearchHit): string {
  return 'call' in hit ? hit.call.callId : hit.artifact.id;
}

async function searches(t: Test, hasReaders: boolean): Promise<void> {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  await using vault = await openVault(folders, { hasReaders });
  const [first, second, third] = ['Zaphira Madeup', 'Zaphira Placeholder', 'Orlo Placeholder'].map((fromName) => {
    return sampleCdr({ callId: newId<'call'>(), fromName, from: `+1555555010${fromName.length % 9}` });
  });
  for (const cdr of [first!, second!, third!]) await vault.ask('cdr.put', { cdr });
  const voicemail = await message(vault, 'Zaphira Madeup');
  const foreign = await message(vault, 'Zaphira Elsewhere', '1002');

  await vault.ask('retention.set', { caller: CALLER, rules: { cdr: 3_650, places: { 1001: 30, 1002: null } } });
  const { holdId } = await vault.ask('hold.place', { caller: CALLER, subject: first!.callId, reason: 'Letter' });
  const details = await vault.ask('call.get', { caller: CALLER, callId: first!.callId });
  t.match(
    details,
    { call: { fromName: 'Zaphira Madeup' }, keptUntil: Number, holds: [{ id: holdId }] },
    'one call whole',
  );
  const kept = async (artifactId: ArtifactId) =>
    (await vault.ask('artifact.get', { caller: CALLER, artifactId })).keptUntil;
  t.ok(await kept(voicemail), 'by the rule of its mailbox');
  t.equal(await kept(foreign), undefined, 'for good by another');
  await vault.ask('hold.release', { caller: CALLER, holdId });

  t.same(
    (await find(vault, 'madeup zaphira')).slice(0, 2).sort(),
    [first!.callId, voicemail].sort(),
    'both words come first',
  );
  t.same(await find(vault, 'orlo'), [third!.callId]);
  t.same(await find(vault, 'plac'), [second!.callId, third!.callId].reverse(), 'a beginning is enough; newer first');
  t.same(await find(vault, 'placehalder orlo'), [third!.callId, second!.callId], 'a slip of the finger is forgiven');
  t.same(await find(vault, 'nobody'), []);
  t.same((await find(vault, first!.from)).includes(first!.callId), true, 'a number finds its calls');
  t.ok(
    (await find(vault, 'front desk')).includes(first!.callId),
    'so does the name of the extension or mailbox that has it',
  );

  const { noteId } = await note(vault, voicemail, 'asked about the zeppelin refill');
  await note(vault, third!.callId, 'urgent', 'tag');
  await note(vault, foreign, 'the word quokka was spoken', 'transcript', APPLIANCE);
  t.same(await find(vault, 'zeppelin'), [voicemail]);
  t.equal((await find(vault, 'zaphira zeppelin'))[0], voicemail, 'a name and a note that both fit come first');
  t.same(await find(vault, 'urgent'), [third!.callId]);
  t.same(await find(vault, 'quokka'), [foreign]);
  t.same(await find(vault, 'quokka', { within: ['1001'] }), [], "another mailbox's message is not found");
  t.same(await find(vault, 'zeppelin', { within: ['1001'] }), [voicemail]);
  await vault.ask('note.remove', { caller: CALLER, noteId: (await note(vault, voicemail, 'gone soon')).noteId });
  t.same(await find(vault, 'soon'), []);

  const { notes } = await vault.ask('note.list', { caller: CALLER, subject: voicemail });
  t.match(notes, [{ id: noteId, kind: 'note', text: 'asked about the zeppelin refill', by: 'tester' }]);
  await t.rejects(vault.ask('note.list', { caller: CALLER, subject: foreign, within: ['1001'] }), {
    code: 'artifact-unknown',
  });
  await vault.ask('artifact.dispose', { caller: CALLER, artifactId: voicemail });
  t.same(await find(vault, 'zeppelin'), [], 'what is destroyed is not found, nor are its notes');
  await t.rejects(vault.ask('note.list', { caller: CALLER, subject: voicemail }), { code: 'artifact-unknown' });

  const trail = await vault.ask('audit.search', {
    caller: CALLER,
    filter: { action: 'records-searched' },
    page: { limit: 100 },
  });
  t.match(trail.rows[0], { actor: CALLER.actor, detail: '0 found for zeppelin' }, 'each search is on record');
  const read = await vault.ask('audit.search', {
    caller: CALLER,
    filter: { action: 'notes-read' },
    page: { limit: 9 },
  });
  t.same(
    read.rows.map(({ outcome }) => outcome),
    ['refused', 'ok'],
  );

  await vault.ask('lock', { caller: CALLER });
  await t.rejects(find(vault, 'orlo'), { code: 'records-locked' });
  await t.rejects(vault.ask('note.list', { caller: CALLER, subject: third!.callId }), { code: 'records-locked' });
  await note(vault, third!.callId, 'while locked');
  t.match(await vault.ask('status', {}), { records: 'locked', problems: [] });
  t.match(await vault.ask('audit.verify', { caller: CALLER }), { ok: true });
}

t.test('searching on the thread of the vault', (t) => searches(t, false));
t.test("searching on a reader's thread", (t) => searches(t, true));

t.test('what is no note is refused', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  await using vault = await openVault(folders);
  const cdr = sampleCdr();
  await vault.ask('cdr.put', { cdr });
  await t.rejects(note(vault, newId(), 'about nothing'), { code: 'artifact-unknown' });
  await t.rejects(note(vault, cdr.callId, '  '), { code: 'bad-note' });
  await t.rejects(note(vault, cdr.callId, 'x'.repeat(41), 'tag'), { code: 'bad-note' });
  await t.rejects(note(vault, cdr.callId, 'heard', 'transcript'), { code: 'bad-note' }, 'people write no transcripts');
  await t.rejects(vault.ask('note.remove', { caller: CALLER, noteId: newId() }), { code: 'note-unknown' });
  const { noteId } = await note(vault, cdr.callId, 'mine');
  const other: Caller = { actor: { kind: 'user', id: 'other', login: 'other' }, address: '' };
  await t.rejects(vault.ask('note.remove', { caller: other, noteId }), { code: 'not-allowed' });
  await vault.ask('hold.place', { caller: CALLER, subject: cdr.callId, reason: 'a test' });
  await t.rejects(
    vault.ask('note.remove', { caller: CALLER, noteId }),
    { code: 'on-hold' },
    'a held call keeps its notes',
  );
  await t.rejects(vault.ask('search', { caller: CALLER, query: ' ', limit: 5 }), { code: 'bad-query' });
});
