// The HTTPS interface before a real vault: what a person can do, what nobody can, and what the trail says of it.
import { once } from 'node:events';
import { connect } from 'node:tls';
import type { Test } from 'tap';
import t from 'tap';
import { access } from '../../src/api/permissions.ts';
import type { ConsoleBench } from '../support/console-bench.ts';
import { openConsoleBench } from '../support/console-bench.ts';
import { ulawTone } from '../support/ulaw-tone.ts';
import { PASSWORD, Visitor } from '../support/visitor.ts';

const CALLER = '+12125550123';
const NAME = 'Nora Placeholder';
const MINUTE = 60_000;

async function bench(t: Test, options: Parameters<typeof openConsoleBench>[0] = {}): Promise<ConsoleBench> {
  const opened = await openConsoleBench(options);
  t.teardown(() => opened[Symbol.asyncDispose]());
  return opened;
}

function visitor(t: Test, { url, ca }: ConsoleBench): Visitor {
  const one = new Visitor(url, ca);
  t.teardown(() => one[Symbol.asyncDispose]());
  return one;
}

/** Somebody who is logged in. */
async function enrolled(t: Test, on: ConsoleBench, ...who: Parameters<ConsoleBench['invite']>): Promise<Visitor> {
  const one = visitor(t, on);
  const { status } = await one.enrol(await on.invite(...who), on.clock.now());
  t.equal(status, 200, `${who[0]} enrolled`);
  return one;
}

t.test(
  'a person enrols, logs in, lists, plays a part, deletes and logs out; each act on PHI is in the trail',
  async (t) => {
    const on = await bench(t);
    const audio = ulawTone(440, 25);
    await on.addCall({ from: CALLER, fromName: NAME });
    const id = await on.addVoicemail({ from: CALLER, fromName: NAME }, audio);
    const ada = await enrolled(t, on, 'ada', ['admin']);
    t.match(ada.setCookie, /^__Host-wardline=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/);

    await ada.post('/api/logout');
    t.equal((await ada.get('/api/calls')).status, 401);
    on.clock.shift(MINUTE);
    const body = { login: 'ADA', password: PASSWORD, code: ada.code(on.clock.now()) };
    t.same((await ada.post('/api/login', body)).json.pages, [
      'calls',
      'voicemails',
      'recordings',
      'search',
      'accounts',
      'vault',
      'audit',
    ]);

    const calls = (await ada.get('/api/calls')).json;
    t.match(calls.rows, [{ from: CALLER, fromName: NAME, direction: 'inbound', outcome: 'no-answer' }]);
    t.equal((await ada.get('/api/calls?number=2125550123')).json.rows.length, 1);
    t.equal((await ada.get('/api/calls?number=2125550199')).json.rows.length, 0);
    const messages = (await ada.get('/api/voicemails')).json;
    t.match(messages.rows, [{ id, mailbox: '1001', isRead: false, durationMs: 25_000, state: 'complete' }]);
    t.equal((await ada.get('/api/session')).json.unread, 1);

    const whole = await ada.get(`/api/artifacts/${id}/audio`);
    t.equal(whole.status, 200);
    t.equal(whole.headers['content-type'], 'audio/wav');
    t.equal(whole.headers['cache-control'], 'no-store');
    t.equal(whole.bytes.length, 44 + audio.length * 2, 'a header and 16-bit samples');
    t.equal(whole.bytes.readUInt32LE(24), 8_000);
    t.ok(loudest(whole.bytes) > 7_000 && loudest(whole.bytes) < 9_000, 'the tone as loud as it was recorded');
    for (const [first, last] of [
      [0, 1],
      [30, 99],
      [44, 44],
      [163_001, 350_002],
      [400_040, 400_043],
    ] as const) {
      const part = await ada.get(`/api/artifacts/${id}/audio`, { range: `bytes=${first}-${last}` });
      t.equal(part.status, 206);
      t.equal(part.headers['content-range'], `bytes ${first}-${last}/${whole.bytes.length}`);
      t.ok(part.bytes.equals(whole.bytes.subarray(first, last + 1)), `bytes ${first} to ${last}`);
    }
    const beyond = await ada.get(`/api/artifacts/${id}/audio`, { range: 'bytes=9999999-' });
    t.equal(beyond.status, 416);
    t.equal(beyond.headers['content-range'], `bytes */${whole.bytes.length}`);

    t.match((await ada.get(`/api/artifacts/${id}`)).json, { id, marks: [] }, 'nothing was done to it while it ran');
    t.equal((await ada.post(`/api/artifacts/${id}/read`)).status, 200);
    t.equal((await ada.get('/api/session')).json.unread, 0);
    t.equal((await ada.get('/api/voicemails')).json.rows[0].isRead, true);
    t.equal((await ada.send('DELETE', `/api/artifacts/${id}`)).status, 200);
    t.match(await ada.get(`/api/artifacts/${id}/audio`), { status: 404, json: { code: 'not-found' } });
    t.equal((await ada.get('/api/voicemails')).json.rows.length, 0);
    t.equal((await ada.post('/api/logout')).status, 200);
    t.match(ada.setCookie, /^__Host-wardline=; .*Secure/, 'the cookie is taken back');
    t.equal((await ada.get('/api/session')).status, 401);

    const byAda = (await on.trail()).filter(({ actor }) => actor.kind === 'user' && actor.login === 'ada');
    t.ok(byAda.every(({ address }) => address === '127.0.0.1'));
    const count = (action: string) => byAda.filter((entry) => entry.action === action).length;
    t.equal(count('artifact-played'), 1, 'one playback, whatever its ranges');
    t.same([count('calls-listed'), count('voicemails-listed'), count('artifact-disposed')], [3, 3, 1]);
    t.same([count('logged-in'), count('logged-out'), count('artifact-marked')], [2, 2, 1]);
    t.equal(byAda.find(({ action }) => action === 'artifact-played')?.subject, id);

    const log = on.log();
    for (const secret of ['2125550123', NAME, 'Placeholder', 'ada', PASSWORD, body.code, id]) {
      t.notOk(log.includes(secret), 'the log tells nothing of people');
    }
  },
);

t.test('hearing a message again later is another entry', async (t) => {
  const on = await bench(t);
  const id = await on.addVoicemail({}, ulawTone(440, 5));
  const ada = await enrolled(t, on, 'ada', ['admin']);
  const play = () => ada.get(`/api/artifacts/${id}/audio`, { range: 'bytes=0-' });
  await play();
  on.clock.shift(30_000);
  await play();
  on.clock.shift(2 * MINUTE);
  await play();
  t.equal((await on.trail()).filter(({ action }) => action === 'artifact-played').length, 2);
});

t.test('no route answers without a session but login, enrolment, health and the console itself', async (t) => {
  const on = await bench(t);
  const stranger = visitor(t, on);
  const id = 'a'.repeat(26);
  for (const [route, rule] of Object.entries(access)) {
    const [method, path] = route.split(' ') as ['GET' | 'POST' | 'DELETE', string];
    const { status, json, headers } = await stranger.send(method, path.replace(':id', id));
    if (rule !== 'open') t.match({ status, json }, { status: 401, json: { code: 'no-session' } }, route);
    else t.not(status, 401, route);
    t.equal(headers['cache-control'], 'no-store');
    t.match(headers['content-security-policy'], /^default-src 'none';script-src 'self'/);
    t.notMatch(headers['content-security-policy'], /unsafe/);
  }
  t.same((await stranger.get('/api/health')).json, { ok: true, parts: { edge: 'up', media: 'up' } });
  t.equal((await stranger.get('/api/nothing-here')).status, 401);
  stranger.cookie = `__Host-wardline=${'A'.repeat(43)}`;
  t.equal((await stranger.get('/api/calls')).status, 401, 'a made-up token');
});

t.test('staff hear their own mailboxes, auditors read the trail, and neither more', async (t) => {
  const on = await bench(t);
  const own = await on.addVoicemail({ mailbox: '1001' }, ulawTone(440, 1));
  const other = await on.addVoicemail({ mailbox: '1002' }, ulawTone(440, 1));
  const bo = await enrolled(t, on, 'bo', ['staff'], ['1001']);
  const rows = (await bo.get('/api/voicemails')).json.rows;
  t.same(
    rows.map((row: { id: string }) => row.id),
    [own],
  );
  t.equal((await bo.get('/api/voicemails?mailbox=1002')).status, 403);
  t.equal((await bo.get(`/api/artifacts/${own}/audio`)).status, 200);
  t.equal((await bo.get(`/api/artifacts/${other}`)).status, 404, 'as if it were not there');
  t.equal((await bo.get(`/api/artifacts/${other}/audio`)).status, 404);
  t.equal((await bo.send('DELETE', `/api/artifacts/${other}`)).status, 404);
  t.equal((await bo.get('/api/recordings')).status, 403);
  t.equal((await bo.get('/api/audit')).status, 403);

  const cy = await enrolled(t, on, 'cy', ['auditor']);
  t.equal((await cy.get('/api/calls')).status, 403);
  t.equal((await cy.get(`/api/artifacts/${own}/audio`)).status, 403);
  const trail = (await cy.get('/api/audit?limit=100')).json.rows;
  t.match(trail[0], { action: 'logged-in', who: 'cy', address: '127.0.0.1' });
  t.equal((await on.trail()).at(-1)?.action, 'audit-searched', 'looking at it is an entry too');
});

t.test('a session ends after 15 minutes; a poll of the page does not keep it alive', async (t) => {
  const on = await bench(t);
  const ada = await enrolled(t, on, 'ada', ['admin']);
  on.clock.shift(14 * MINUTE);
  const polled = await ada.get('/api/session', { 'wardline-background': '1' });
  t.equal(polled.status, 200);
  t.ok(Number(polled.headers['wardline-session-ends-in']) <= MINUTE);
  on.clock.shift(MINUTE);
  t.match(await ada.get('/api/calls'), { status: 401, json: { code: 'no-session' } });
  t.equal((await on.trail()).at(-1)?.action, 'session-ended');
});

t.test('guessing locks the account out, with one answer for whatever was wrong', async (t) => {
  const on = await bench(t);
  const ada = await enrolled(t, on, 'ada', ['admin']);
  await ada.post('/api/logout');
  on.clock.shift(MINUTE);
  const guesses = [
    { login: 'nobody', password: PASSWORD, code: '000000' },
    { login: 'ada', password: 'wrong-wrong-wrong', code: ada.code(on.clock.now()) },
    { login: 'ada', password: PASSWORD, code: '000000' },
  ];
  const answers = [];
  for (const guess of guesses) answers.push(await ada.post('/api/login', guess));
  t.equal(new Set(answers.map(({ status, bytes }) => `${status} ${bytes}`)).size, 1);
  t.match(answers[0], { status: 401, json: { code: 'login-failed' } });
  for (let i = 0; i < 3; i++) await ada.post('/api/login', guesses[2]);
  const right = { login: 'ada', password: PASSWORD, code: ada.code(on.clock.now()) };
  t.match(await ada.post('/api/login', right), { status: 429, json: { code: 'locked-out' } });
  on.clock.shift(MINUTE);
  t.equal((await ada.post('/api/login', { ...right, code: ada.code(on.clock.now()) })).status, 200);
  t.ok((await on.trail()).some(({ action }) => action === 'locked-out'));
});

t.test('an unsafe request of another origin, or of none, is not done', async (t) => {
  const on = await bench(t);
  const id = await on.addVoicemail({}, ulawTone(440, 1));
  const ada = await enrolled(t, on, 'ada', ['admin']);
  const origins = ['https://evil.example', on.url.replace('https', 'http'), `${on.url}0`, 'null', ''];
  for (const origin of origins) {
    const answer = await ada.send('DELETE', `/api/artifacts/${id}`, { headers: { origin } });
    t.match(answer, { status: 403, json: { code: 'cross-origin' } }, origin);
  }
  const rebound = { origin: 'https://evil.example', host: 'evil.example' };
  t.equal((await ada.post('/api/logout', undefined, rebound)).status, 403, 'a name that was pointed at us');
  t.equal((await ada.get('/api/voicemails')).json.rows.length, 1, 'nothing was deleted');
});

t.test('weak passwords, wrong first codes and used links get one sentence each', async (t) => {
  const on = await bench(t);
  const one = visitor(t, on);
  const token = await on.invite('ada', ['admin']);
  const begun = await one.post('/api/enrolment/begin', { token });
  t.match(begun.json, { login: 'ada', name: 'ada Example', clinicName: 'Sample Family Clinic' });
  t.match(begun.json.totpUri, /^otpauth:\/\/totp\/.*secret=/);
  one.secret = begun.json.totpSecret;
  const finish = (password: string, code: string) => one.post('/api/enrolment/finish', { token, password, code });
  t.match(await finish('password1234', one.code(on.clock.now())), { status: 422, json: { code: 'password-weak' } });
  t.match(await finish(PASSWORD, '000000'), { status: 422, json: { code: 'enrolment-code' } });
  t.equal((await finish(PASSWORD, one.code(on.clock.now()))).status, 200);
  t.match(await finish(PASSWORD, one.code(on.clock.now())), { status: 410, json: { code: 'enrolment-invalid' } });
  t.equal((await one.post('/api/login', { login: 'ada', password: PASSWORD, extra: 1, code: '000000' })).status, 400);
});

t.test('one address gets so many requests a minute, and fewer logins', async (t) => {
  const on = await bench(t, { limits: { all: 8, login: 3 } });
  const stranger = visitor(t, on);
  const statuses = [];
  for (let i = 0; i < 4; i++)
    statuses.push((await stranger.post('/api/enrolment/begin', { token: 'x'.repeat(43) })).status);
  t.same(statuses, [410, 410, 410, 429]);
  let last = await stranger.get('/api/health');
  for (let i = 0; i < 8; i++) last = await stranger.get('/api/health');
  t.match(last, { status: 429, json: { code: 'too-many-requests' } });
});

t.test('records locked is 423 and a vault that is away 503, each with a sentence', async (t) => {
  const on = await bench(t);
  const ada = await enrolled(t, on, 'ada', ['admin']);
  await on.vault.ask('lock', { caller: { actor: { kind: 'local', user: 'tester' }, address: '' } });
  t.match(await ada.get('/api/voicemails'), {
    status: 423,
    json: { code: 'records-locked', message: /administrator/ },
  });
  t.equal((await ada.get('/api/session')).status, 200, 'people stay logged in');
  on.isVaultAway = true;
  t.match(await ada.get('/api/calls'), { status: 503, json: { code: 'vault-away' } });
});

t.test('TLS 1.2 and later alone', async (t) => {
  const on = await bench(t);
  const port = Number(new URL(on.url).port);
  const handshake = async (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') => {
    const ciphers = 'DEFAULT@SECLEVEL=0';
    const socket = connect({ host: '127.0.0.1', port, ca: on.ca, ciphers, minVersion: version, maxVersion: version });
    try {
      await once(socket, 'secureConnect');
      return socket.getProtocol();
    } catch {
      return 'refused';
    } finally {
      socket.destroy();
    }
  };
  t.equal(await handshake('TLSv1.1'), 'refused');
  t.equal(await handshake('TLSv1.2'), 'TLSv1.2');
  t.equal(await handshake('TLSv1.3'), 'TLSv1.3');
});

function loudest(wav: Buffer): number {
  let peak = 0;
  for (let at = 44; at < wav.length; at += 2) peak = Math.max(peak, Math.abs(wav.readInt16LE(at)));
  return peak;
}

t.test('a path that is written in another way is guarded all the same', async (t) => {
  const on = await bench(t);
  const stranger = visitor(t, on);
  for (const path of ['/%61pi/calls', '/api/%63alls', '/%61%70%69/session']) {
    const { status, headers } = await stranger.get(path);
    t.match({ status, headers }, { status: 401, headers: { 'cache-control': 'no-store' } }, path);
  }
  const body = { login: 'ada', password: PASSWORD, code: '000000' };
  const foreign = await stranger.send('POST', '/%61pi/login', { body, headers: { origin: 'https://other.example' } });
  t.match(foreign.json, { code: 'cross-origin' }, 'the check of the origin too');
});

t.test('an address that is no address gets the same form of answer as everything else', async (t) => {
  const nobody = visitor(t, await bench(t));
  const message = 'The request is not of the form that this address takes.';
  t.match(await nobody.get('/%zz'), { status: 400, json: { message } });
});
