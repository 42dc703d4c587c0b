// The `wardline` command against a running appliance: who may list what, what it says when something is wrong, and that it pipes.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startAppliance } from '../support/appliance.ts';
import { PASSWORD, Visitor } from '../support/visitor.ts';

const STEP_MS = 30_000;

t.setTimeout(300_000);
const appliance = await startAppliance();
const ca = appliance.cli(['vault', 'ca']).stdout;
const visitors: Visitor[] = [];
t.teardown(async () => {
  for (const visitor of visitors) await visitor[Symbol.asyncDispose]();
  await appliance[Symbol.asyncDispose]();
});

/** Enrols by the link's token; answers what the command line asks for: a login, a password and the next code. */
async function enrolled(login: string, token: string): Promise<{ args: string[]; input: string }> {
  const visitor = new Visitor(appliance.consoleUrl, ca);
  visitors.push(visitor);
  const { status } = await visitor.enrol(token, Date.now());
  if (status !== 200) throw new Error(`enrolment of ${login} answered ${status}`);
  return { args: ['--login', login], input: `${PASSWORD}\n${visitor.code(Date.now() + STEP_MS)}\n` };
}

function invited(login: string, ...more: string[]): string {
  const { stdout, stderr } = appliance.cli(['user', 'invite', login, '--name', 'Pat Placeholder', '--json', ...more]);
  if (stdout === '') throw new Error(stderr);
  return (JSON.parse(stdout) as { link: string }).link.split('#')[1] ?? '';
}

t.test('calls are listed for a person with password and code, from a pipe too', async (t) => {
  const { args, input } = await enrolled('admin', appliance.enrolmentToken);
  const { status, stdout, stderr } = appliance.cli(['call', 'list', '--json', ...args], input);
  t.equal(status, 0, stderr);
  t.same(JSON.parse(stdout), [], 'standard output is JSON and nothing else');
  const again = appliance.cli(['call', 'list', ...args], input);
  t.equal(again.status, 1, 'a code is good once');
  t.notMatch(again.stderr + again.stdout, PASSWORD);
});

t.test('the command line gives nobody more than the console does', async (t) => {
  const staff = await enrolled('nurse', invited('nurse', '--mailbox', '1002'));
  const other = appliance.cli(['voicemail', 'list', '--mailbox', '1001', ...staff.args], staff.input);
  t.equal(other.status, 1);
  t.match(other.stderr, /may not hear mailbox 1001; its own: 1002/);
  const auditor = await enrolled('auditor', invited('auditor', '--role', 'auditor'));
  const calls = appliance.cli(['call', 'list', ...auditor.args], auditor.input);
  t.equal(calls.status, 1);
  t.match(calls.stderr, /may not see that/);
  const admin = await enrolled('boss', invited('boss', '--role', 'admin'));
  t.match(appliance.cli(['call', 'show', 'a'.repeat(26), ...admin.args], admin.input).stderr, /no such call/);
  const own = await enrolled('second', invited('second', '--mailbox', '1002'));
  const list = appliance.cli(['voicemail', 'list', '--json', ...own.args], own.input);
  t.same([list.status, JSON.parse(list.stdout)], [0, []]);
});

t.test('every refusal is one line on standard error, with exit code 1 and nothing on standard output', async (t) => {
  for (const [args, said] of [
    [['call', 'list'], /input ended before the question was answered/],
    [['call', 'list', '--limit', 'many'], /from 1 to 100/],
    [['call', 'show', '7'], /no id of a call/],
    [['user', 'invite', 'pat', '--name', 'Pat', '--mailbox', '9999'], /no mailbox 9999/],
    [['user', 'invite', 'pat', '--name', 'Pat', '--role', 'boss'], /no role/],
    [['extension', 'add', '1001', '--name', 'Twice'], /exists already/],
    [['extension', 'phone', '9'], /No phone/],
    [['import', '/nowhere/clinic.yaml'], /cannot be read/],
    [['audit', 'verify', '--head', '/nowhere'], /cannot be read/],
    [['export', '/nowhere/clinic.yaml'], /cannot be written/],
    [['init'], /already/],
    [['start'], /already runs/],
  ] as const) {
    const { status, stdout, stderr } = appliance.cli(args);
    t.same([status, stdout], [1, ''], args.join(' '));
    t.match(stderr, said);
    t.notMatch(stderr, /\n +at /, 'no stack');
  }
});

t.test('the trail is verified in words, and in JSON', async (t) => {
  const words = appliance.cli(['audit', 'verify', '--head', join(appliance.varFolder, 'keys', 'audit-heads.jsonl')]);
  t.equal(words.status, 0, words.stderr);
  t.match(words.stdout, /^The trail holds: \d+ entries, none altered, removed or reordered\.\nIt runs through/);
  t.notMatch(words.stdout, /[{}]/);
  t.match(JSON.parse(appliance.cli(['audit', 'verify', '--json']).stdout), { ok: true });
  const forged = join(appliance.varFolder, 'forged');
  writeFileSync(forged, '{"format":"wardline-head-1"}\n');
  t.match(appliance.cli(['audit', 'verify', '--head', forged]).stderr, /not a head that this vault signed/);
});

t.test('every command that prints something prints JSON too', async (t) => {
  for (const args of [
    ['vault', 'ca'],
    ['vault', 'status'],
    ['vault', 'lock'],
    ['extension', 'list'],
    ['user', 'list'],
    ['user', 'link', 'second', '--yes'],
    ['user', 'lock', 'nurse', '--yes'],
    ['user', 'remove', 'auditor', '--yes'],
    ['paths'],
    ['export'],
  ]) {
    const { stdout, stderr } = appliance.cli([...args, '--json']);
    t.equal(typeof JSON.parse(stdout || 'null'), 'object', `${args.join(' ')} ${stderr}`);
    t.not(stdout, '');
  }
  const { stdout } = appliance.cli(['vault', 'unlock', '--json'], `${appliance.recoveryCode}\n`);
  t.same(JSON.parse(stdout), { records: 'unlocked' });
});

t.test('a folder that holds no appliance is said to be none, and is not made one', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wardline-none-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const run = (args: string[]) =>
    spawnSync(process.execPath, [join(import.meta.dirname, '../../src/cli/main.ts'), ...args], {
      env: { ...process.env, WARDLINE_VAR: join(folder, 'typo') },
      encoding: 'utf8',
    });
  t.match(run(['doctor']).stderr, /There is no appliance in .*typo; name its folder with WARDLINE_VAR/);
  t.notOk(existsSync(join(folder, 'typo')));
  t.match(run(['init', '--host-name', 'two words']).stderr, /host-name must be a name/);
  t.notOk(existsSync(join(folder, 'typo')), 'a wrong option leaves nothing behind');
});
