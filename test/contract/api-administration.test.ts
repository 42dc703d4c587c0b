// What administrators do over HTTPS, and what everybody does with their own account: accounts, holds, copies, the vault and its check.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Role } from '../../src/vault/shapes.ts';
import { type ConsoleBench, openConsoleBench } from '../support/console-bench.ts';
import { ulawTone } from '../support/ulaw-tone.ts';
import { PASSWORD, Visitor } from '../support/visitor.ts';

const STEP_MS = 30_000;
const DAY_MS = 86_400_000;
const NEW_PASSWORD = 'anvil-meadow-copper-17';

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

/** From another place: the same person, one time step later. */
async function loggedInAgain(t: Test, on: ConsoleBench, visitor: Visitor, login: string, password = PASSWORD) {
  const other = new Visitor(on.url, on.ca);
  t.teardown(() => other[Symbol.asyncDispose]());
  on.clock.shift(STEP_MS);
  const { status } = await other.post('/api/login', { login, password, code: visitor.code(on.clock.now()) });
  return { other, status };
}

async function actionsOf(on: ConsoleBench): Promise<string[]> {
  return (await on.trail()).map(({ action, actor }) => `${action} ${'login' in actor ? actor.login : actor.kind}`);
}

t.test(
  'an administrator changes, locks, renews and removes accounts; nobody else may, and the last one stays',
  async (t) => {
    const on = await openConsoleBench();
    t.teardown(() => on[Symbol.asyncDispose]());
    const ada = await enrolled(t, on, 'ada', ['admin']);
    const nurse = await enrolled(t, on, 'nurse', ['staff'], ['1001']);
    const { accounts, mailboxes } = (await ada.get('/api/users')).json;
    t.match(accounts, [
      { login: 'ada', state: 'active', sessions: 1 },
      { login: 'nurse', roles: ['staff'], mailboxes: ['1001'] },
    ]);
    t.ok(mailboxes.some(({ number }: { number: string }) => number === '1001'));
    const [own, other] = accounts.map(({ id }: { id: string }) => `/api/users/${id}`);

    const person = { name: 'Nurse Example', roles: ['auditor'], mailboxes: [] };
    t.equal((await nurse.post(other, person)).status, 403);
    t.equal((await ada.post(other, { ...person, mailboxes: ['7777'] })).status, 422, 'no such mailbox');
    t.equal((await ada.post(other, person)).status, 200);
    t.equal((await nurse.get('/api/calls')).status, 403, 'at the next request');
    t.equal((await nurse.get('/api/audit')).status, 200);
    t.match(await ada.post(own, person), { status: 409, json: { code: 'last-admin' } });
    t.match(await ada.post(`${own}/lock`, { isLocked: true }), { status: 409, json: { code: 'own-account' } });
    t.equal((await ada.post(`${own}/link`)).status, 409);

    t.equal((await ada.send('DELETE', `${other}/sessions`)).json.ended, 1);
    t.equal((await nurse.get('/api/audit')).status, 401);
    t.equal((await loggedInAgain(t, on, nurse, 'nurse')).status, 200);
    t.equal((await ada.post(`${other}/lock`, { isLocked: true })).status, 200);
    t.match((await ada.get('/api/users')).json.accounts[1], { state: 'locked', sessions: 0 });
    t.equal((await loggedInAgain(t, on, nurse, 'nurse')).status, 429, 'locked');
    t.equal((await ada.post(`${other}/lock`, { isLocked: false })).status, 200);
    t.equal((await loggedInAgain(t, on, nurse, 'nurse')).status, 200);

    const { token } = (await ada.post(`${other}/link`)).json;
    t.equal((await loggedInAgain(t, on, nurse, 'nurse')).status, 401, 'the old password is gone');
    t.equal((await nurse.enrol(token, on.clock.now())).status, 200);
    t.equal((await ada.send('DELETE', other)).status, 200);
    t.equal((await ada.post(`${other}/link`)).status, 404);
    const invited = await ada.post('/api/users', { ...person, login: 'third' });
    t.match(invited.json.token, /^[\w-]{43}$/);
    t.equal((await ada.post('/api/users', { ...person, login: 'ada' })).json.code, 'login-taken');
    const done = await actionsOf(on);
    for (const action of ['user-changed', 'user-locked', 'user-unlocked', 'user-reinvited', 'session-ended'])
      t.ok(done.includes(`${action} ada`), action);
  },
);

t.test('everybody sees where they are logged in, ends that elsewhere, and changes their password', async (t) => {
  const on = await openConsoleBench();
  t.teardown(() => on[Symbol.asyncDispose]());
  const nurse = await enrolled(t, on, 'nurse', ['staff']);
  const { other } = await loggedInAgain(t, on, nurse, 'nurse');
  const { sessions } = (await nurse.get('/api/account/sessions')).json;
  t.match(sessions, [
    { isThis: false, address: '127.0.0.1' },
    { isThis: true, address: '127.0.0.1' },
  ]);
  t.equal((await nurse.send('DELETE', '/api/account/sessions')).json.ended, 1);
  t.equal((await other.get('/api/session')).status, 401);

  const third = (await loggedInAgain(t, on, nurse, 'nurse')).other;
  on.clock.shift(STEP_MS);
  const ask = { password: PASSWORD, code: nurse.code(on.clock.now()), newPassword: NEW_PASSWORD };
  const change = (more: object) => nurse.post('/api/account/password', { ...ask, ...more });
  t.equal((await change({ newPassword: 'password1234' })).json.code, 'password-weak');
  t.equal((await change({ password: 'another one' })).json.code, 'login-failed');
  t.equal((await change({})).status, 200);
  t.equal((await nurse.get('/api/session')).status, 200, 'here it goes on');
  t.equal((await third.get('/api/session')).status, 401, 'elsewhere it ended');
  t.equal((await change({})).status, 401, 'a code is good once');
  t.equal((await loggedInAgain(t, on, nurse, 'nurse')).status, 401);
  t.equal((await loggedInAgain(t, on, nurse, 'nurse', NEW_PASSWORD)).status, 200);
  t.ok((await actionsOf(on)).includes('password-changed nurse'));
});

interface Clinic {
  readonly on: ConsoleBench;
  readonly ada: Visitor;
  readonly nurse: Visitor;
  readonly auditor: Visitor;
}

t.test('records and the vault', async (t) => {
  const on = await openConsoleBench();
  t.teardown(() => on[Symbol.asyncDispose]());
  const ada = await enrolled(t, on, 'ada', ['admin']);
  const nurse = await enrolled(t, on, 'nurse', ['staff'], ['1001']);
  const auditor = await enrolled(t, on, 'auditor', ['auditor']);
  const clinic = { on, ada, nurse, auditor };
  await t.test('a call and what was captured in it: marks, keeping, holds and copies, each for whom it is', (t) =>
    callInFull(t, clinic),
  );
  await t.test('a search is narrowed by kind, days and tag, and says how far its index is', (t) =>
    narrowSearch(t, clinic),
  );
  await t.test('the vault is looked at, locked, unlocked and checked by administrators alone', (t) =>
    vaultPage(t, clinic),
  );
});

async function callInFull(t: Test, { on, ada, nurse }: Clinic): Promise<void> {
  const marks = [
    { mark: 'masked', atMs: 200 },
    { mark: 'unmasked', atMs: 500 },
  ] as const;
  const id = await on.addVoicemail({ kind: 'recording', mailbox: '', channels: 2 }, ulawTone(440, 2), { marks });
  const { callId } = (await on.vault.ask('artifact.get', {
    caller: { actor: { kind: 'user', id: 'tester', login: 'tester' }, address: '' },
    artifactId: id,
  })) satisfies { callId: string };
  const quality = [{ leg: 'caller', mos: 4.1, lossPercent: 0.5, jitterMs: 3 }] as const;
  await on.addCall({ callId, artifacts: [id], quality });

  const details = (await ada.get(`/api/calls/${callId}`)).json;
  t.match(details, { call: { callId, quality }, artifacts: [{ id, kind: 'recording', channels: 2 }], isHeld: false });
  t.equal(details.keptUntil, undefined, 'for good');
  t.same((await nurse.get(`/api/calls/${callId}`)).json.artifacts, [], 'recordings are not for staff');
  t.equal((await ada.get(`/api/calls/${'a'.repeat(26)}`)).status, 404);
  t.equal((await ada.post('/api/vault/retention', { recording: 30, places: {} })).status, 200);
  const recording = (await ada.get(`/api/artifacts/${id}`)).json;
  t.match(recording, { callId, marks, state: 'complete' });
  t.ok(Math.abs(recording.keptUntil - on.clock.now() - 30 * DAY_MS) < DAY_MS);

  const torn = await on.addVoicemail({ kind: 'recording' }, ulawTone(440, 2), { lost: 8_000, failure: 'disk' });
  const incomplete = { state: 'failed', gaps: [{ fromMs: 1_000, toMs: 2_000 }], durationMs: 3_000 };
  t.match((await ada.get(`/api/artifacts/${torn}`)).json, incomplete, 'what is not whole says so');

  t.equal((await nurse.post('/api/holds', { subject: callId, reason: 'x' })).status, 403);
  const { id: hold } = (await ada.post('/api/holds', { subject: callId, reason: 'Letter of counsel' })).json;
  t.match((await ada.get(`/api/artifacts/${id}`)).json, { isHeld: true, holds: [{ reason: 'Letter of counsel' }] });
  const { isHeld, holds } = (await nurse.get(`/api/calls/${callId}`)).json;
  t.same({ isHeld, holds }, { isHeld: true, holds: [] }, 'but not why');
  t.equal((await ada.send('DELETE', `/api/artifacts/${id}`)).json.code, 'on-hold');
  t.equal((await ada.send('DELETE', `/api/holds/${hold}`)).status, 200);

  t.equal((await nurse.get(`/api/artifacts/${id}/export`)).status, 403);
  const copy = await ada.get(`/api/artifacts/${id}/export`);
  t.match(copy.headers['content-disposition'], /attachment; filename="wardline-[a-z2-7]{26}\.wav"/);
  t.equal(copy.bytes.readUInt16LE(22), 2, 'both channels');
  const done = await actionsOf(on);
  for (const action of ['call-read', 'artifact-exported', 'hold-placed', 'hold-released', 'retention-changed'])
    t.ok(done.includes(`${action} ada`), action);
  t.notOk(done.includes('artifact-played ada'));
}

async function narrowSearch(t: Test, { on, ada }: Clinic): Promise<void> {
  await on.addCall({ fromName: 'Zaphira Madeup' });
  const id = await on.addVoicemail({ fromName: 'Zaphira Madeup' }, ulawTone(440, 1));
  await ada.post(`/api/notes/${id}`, { kind: 'tag', text: 'Refill' });
  await ada.post(`/api/notes/${id}`, { kind: 'note', text: 'asked about the zeppelin' });
  const count = async (query: string) => (await ada.get(`/api/search?q=${query}`)).json.hits.length;
  const now = on.clock.now();
  t.equal(await count('zaphira'), 2);
  t.equal(await count('zaphira&kind=call'), 1);
  t.equal(await count('zaphira&kind=recording'), 0);
  t.equal(await count('zaphira&tag=refill'), 1);
  t.equal(await count(`zaphira&since=${now + DAY_MS}`), 0);
  t.equal(await count(`zaphira&since=${now - DAY_MS}&until=${now + DAY_MS}`), 2);
  t.equal(await count('zeppelin&kind=note'), 1);
  t.equal(await count('zaphira&kind=note'), 0, 'the name is in no note');
  t.equal(await count('zeppelin&kind=transcript'), 0);
  t.equal((await ada.get('/api/search?q=x&kind=colour')).status, 400);
  const { progress, isComplete } = (await ada.get('/api/search?q=zaphira')).json;
  t.same([isComplete, progress.done], [true, progress.all]);
  t.ok(progress.all >= 4);
  const searched = (await on.trail()).filter(({ action }) => action === 'records-searched');
  t.match(searched.at(3)?.detail, /1 found for zaphira, tag refill/);
}

async function vaultPage(t: Test, { on, ada, nurse, auditor }: Clinic): Promise<void> {
  for (const visitor of [auditor, nurse]) {
    t.equal((await visitor.get('/api/vault')).status, 403);
    t.equal((await visitor.post('/api/vault/lock')).status, 403);
  }
  const status = (await ada.get('/api/vault')).json;
  t.match(status, { service: 'open', records: 'unlocked', counts: { voicemails: 1 } });
  t.same([status.problems, status.backups], [[], []]);
  t.match(status, { drill: { everyDays: 7 }, check: { state: 'none' }, lastHead: { sequence: Number } });
  t.same(status.slots.map(({ kind }: { kind: string }) => kind).sort(), ['key-file', 'recovery']);

  const target = mkdtempSync(join(tmpdir(), 'wardline-target-'));
  t.teardown(() => rmSync(target, { recursive: true, force: true }));
  await on.vault.ask('backup.create', { caller: { actor: { kind: 'local', user: 'tester' }, address: '' }, target });
  const [message] = (await ada.get('/api/voicemails')).json.rows;
  t.equal((await ada.send('DELETE', `/api/artifacts/${message.id}`)).status, 200);
  const lagging = { backups: [{ path: target, isThere: true, holdsDisposed: 1 }], disposalsWaiting: 1 };
  t.match((await ada.get('/api/vault')).json, lagging, 'it can be opened from that backup still');

  t.equal((await ada.post('/api/vault/check')).status, 200);
  let { check } = (await ada.get('/api/vault')).json;
  while (check.state === 'running') check = (await ada.get('/api/vault')).json.check;
  t.same([check.state, check.problems], ['done', []]);

  t.equal((await ada.post('/api/vault/lock')).status, 200);
  t.equal((await ada.get('/api/calls')).status, 423);
  t.equal((await ada.get('/api/vault')).json.records, 'locked');
  t.equal((await ada.post('/api/vault/unlock', { slot: 'recovery', secret: 'nonsense' })).status, 422);
  t.equal((await ada.post('/api/vault/unlock', { slot: 'key-file', secret: 'x' })).status, 400, 'not over the network');
  t.equal((await ada.post('/api/vault/unlock', { slot: 'recovery', secret: on.recoveryCode })).status, 200);
  t.equal((await ada.get('/api/calls')).status, 200);

  t.match((await auditor.post('/api/audit/verify')).json, { ok: true });
  t.equal((await nurse.post('/api/audit/verify')).status, 403);
  const done = await actionsOf(on);
  for (const action of ['vault-locked ada', 'vault-unlocked ada', 'vault-verified ada', 'audit-verified auditor'])
    t.ok(done.includes(action), action);
}
