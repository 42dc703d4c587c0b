// Searching, notes and the trail over HTTPS: who finds what, who may write where, and a signed copy of the trail that checks.
import t, { type Test } from 'tap';
import { readTrust, verifyExport } from '../../src/audit/export-verifier.ts';
import { blake2b, checkSignature } from '../../src/seal/sodium.ts';
import type { Role } from '../../src/vault/shapes.ts';
import { type ConsoleBench, openConsoleBench } from '../support/console-bench.ts';
import { ulawTone } from '../support/ulaw-tone.ts';
import { Visitor } from '../support/visitor.ts';

const MOMENT = 1_000;

async function enrolled(
  t: Test,
  on: ConsoleBench,
  login: string,
  roles: Role[],
  mailboxes: string[] = [],
): Promise<Visitor> {
  const visitor = new Visitor(on.url, on.ca);
  t.teardown(() => visitor[Symbol.asyncDispose]());
  const { status } = await visitor.enrol(await on.invite(login, roles, mailboxes), on.clock.now());
  t.equal(status, 200);
  return visitor;
}

t.test('people find and annotate what they may see', async (t) => {
  const on = await openConsoleBench();
  t.teardown(() => on[Symbol.asyncDispose]());
  await on.addCall({ fromName: 'Zaphira Madeup' });
  const mine = await on.addVoicemail({ fromName: 'Zaphira Madeup', mailbox: '1001' }, ulawTone(440, 1));
  const other = await on.addVoicemail({ fromName: 'Zaphira Madeup', mailbox: '1002' }, ulawTone(440, 1));
  const ada = await enrolled(t, on, 'ada', ['admin']);
  const nurse = await enrolled(t, on, 'nurse', ['staff'], ['1001']);
  const auditor = await enrolled(t, on, 'auditor', ['auditor']);
  const idsFor = async (visitor: Visitor, query: string) =>
    (await visitor.get(`/api/search?q=${query}`)).json.hits
      .flatMap(({ artifact }: { artifact?: { id: string } }) => (artifact === undefined ? [] : [artifact.id]))
      .sort();
  t.same(await idsFor(ada, 'zaphira'), [mine, other].sort());
  t.same(await idsFor(nurse, 'zaphira'), [mine], "another mailbox's message is not found");
  t.equal((await ada.get('/api/search?q=zaphira')).json.hits.length, 3, 'and the call');
  t.equal((await auditor.get('/api/search?q=zaphira')).status, 403);
  t.equal((await ada.get('/api/search?q=')).status, 400);

  t.equal((await nurse.post(`/api/notes/${mine}`, { kind: 'note', text: 'call back about the zeppelin' })).status, 200);
  t.same(await idsFor(nurse, 'zeppelin'), [mine]);
  t.equal(
    (await nurse.post(`/api/notes/${other}`, { kind: 'tag', text: 'mine' })).status,
    404,
    'no note on what one may not hear',
  );
  t.equal((await nurse.get(`/api/notes/${other}`)).status, 404);
  t.equal((await nurse.post(`/api/notes/${mine}`, { kind: 'transcript', text: 'made up' })).status, 400);
  const { notes } = (await nurse.get(`/api/notes/${mine}`)).json;
  t.match(notes, [{ kind: 'note', text: 'call back about the zeppelin', by: 'nurse' }]);
  t.equal((await ada.send('DELETE', `/api/notes/${other}/${notes[0].id}`, {})).status, 404, 'only where it is');
  t.equal((await ada.send('DELETE', `/api/notes/${mine}/${notes[0].id}`, {})).status, 200);
  t.same(await idsFor(nurse, 'zeppelin'), []);
});

t.test('the trail is searched and exported by administrators and auditors alone', async (t) => {
  const on = await openConsoleBench();
  t.teardown(() => on[Symbol.asyncDispose]());
  await on.addCall({});
  const auditor = await enrolled(t, on, 'auditor', ['auditor']);
  const nurse = await enrolled(t, on, 'nurse', ['staff']);
  const { rows } = (await auditor.get('/api/audit?action=call-ended&limit=10')).json;
  t.match(rows, [{ action: 'call-ended', who: 'pbx' }]);
  t.same((await auditor.get(`/api/audit?since=${on.clock.now() + MOMENT}`)).json.rows, []);
  t.equal((await auditor.get('/api/audit?colour=red')).status, 400);
  t.equal((await nurse.get('/api/audit/export')).status, 403);
  const { head } = await on.vault.ask('audit.head', {
    caller: { actor: { kind: 'service', name: 'test' }, address: '' },
  });
  const copy = await auditor.get('/api/audit/export');
  t.equal(copy.status, 200);
  const lines = Buffer.from(copy.bytes).toString('utf8').trimEnd().split('\n');
  const verdict = verifyExport(() => lines, readTrust(head, checkSignature), { hash: blake2b, check: checkSignature });
  t.match(verdict, { ok: true, from: 1 });
  t.ok(verdict.attested > 0);
  t.match((await auditor.get('/api/audit?action=audit-exported')).json.rows, [{ who: 'auditor' }]);
});
