// Copies of the trail: every flawed one is refused and the first bad entry named, by two verifiers that share no code and have no secret.
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type ExportVerdict, readTrust, verifyExport } from '../../src/audit/export-verifier.ts';
import { verifyFile } from '../../src/cli/audit-copy.ts';
import { blake2b, checkSignature } from '../../src/seal/sodium.ts';
import { type BenchVault, CALLER, CANARY_NUMBER, type Folders, makeVault, newFolders, openVault, sampleCdr } from '../support/vault-bench.ts'; // biome-ignore format: one import

const FOLDER = join(import.meta.dirname, 'audit-vectors');
const READER = join(import.meta.dirname, 'audit-reader.py');
const hasPython = spawnSync('/usr/bin/python3', ['-c', 'import nacl.bindings']).status === 0;
const skip = !hasPython && 'no python3-nacl here';
const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

interface Vector {
  readonly expect: string;
  readonly lines: readonly string[];
  readonly heads: readonly string[];
}

const read = (name: string) => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Vector;

function words({ ok, from, until, attested, firstBad }: ExportVerdict): string {
  return ok ? `ok ${from}-${until} attested ${attested}` : `${firstBad?.fault} ${firstBad?.sequence}`;
}

function judge(lines: readonly string[], heads: readonly string[], publicKey?: string): string {
  const trust = readTrust(heads.join('\n'), checkSignature, publicKey);
  return words(verifyExport(() => lines, trust, { hash: blake2b, check: checkSignature }));
}

for (const name of names) {
  t.test(name, async (t) => {
    const { expect, lines, heads } = read(name);
    t.equal(judge(lines, heads), expect);
  });
}

t.test('a reader in another language names the same', { skip }, async (t) => {
  const { stdout, stderr } = spawnSync('/usr/bin/python3', [READER, FOLDER], { encoding: 'utf8' });
  t.equal(stderr, '');
  t.same(
    stdout.trim().split('\n'),
    names.sort().map((name) => `${name} ${read(name).expect}`),
  );
});

t.test('a public key alone is enough, and another one is not', async (t) => {
  const { lines } = read('whole.json');
  const { publicKey } = JSON.parse(lines[0] ?? '') as { publicKey: string };
  t.equal(judge(lines, [], publicKey), 'ok 1-8 attested 0');
  t.equal(judge(lines, [], Buffer.alloc(32, 9).toString('base64')), 'foreign-key 0');
  t.equal(judge([], [], publicKey), 'no-export 0');
});

async function exportOf(vault: BenchVault, range: { from?: number; until?: number } = {}): Promise<string[]> {
  const { exportId, header, head, from, until } = await vault.ask('audit.export', { caller: CALLER, ...range });
  const parts: string[] = [];
  for (let after = from - 1; after < until; ) {
    const { answer, body } = await vault.askForBytes('audit.exportEntries', { caller: CALLER, exportId, after });
    parts.push(Buffer.from(body).toString('utf8'));
    after = answer.last;
  }
  return [header, ...parts.join('').trimEnd().split('\n'), head];
}

async function used(folders: Folders): Promise<{ whole: string[]; part: string[] }> {
  const { recoveryCode } = await makeVault(folders);
  await using vault = await openVault(folders);
  for (let call = 0; call < 60; call++) await vault.ask('cdr.put', { cdr: sampleCdr() });
  await vault.ask('calls.page', { caller: CALLER, page: { limit: 5 }, number: CANARY_NUMBER });
  await vault.ask('root.rotate', { caller: CALLER, using: { slot: 'recovery', secret: recoveryCode } });
  for (let call = 0; call < 60; call++) await vault.ask('cdr.put', { cdr: sampleCdr() });
  await vault.ask('audit.head', { caller: CALLER });
  return { whole: await exportOf(vault), part: await exportOf(vault, { from: 20, until: 40 }) };
}

t.test(
  'what a vault exports, over a change of its root, is checked on another machine by the command line',
  async (t) => {
    using folders = newFolders('/dev/shm');
    const { whole, part } = await used(folders);
    const elsewhere = newFolders('/dev/shm');
    t.teardown(() => elsewhere[Symbol.dispose]());
    const [copy, heads] = [join(elsewhere.root, 'copy'), join(elsewhere.root, 'heads')];
    writeFileSync(copy, `${whole.join('\n')}\n`);
    cpSync(folders.headsFile, heads);
    const env = { PATH: process.env.PATH, WARDLINE_VAR: join(elsewhere.root, 'nothing-here') };
    const verify = (file: string, ...more: string[]) =>
      spawnSync(process.execPath, ['src/cli/main.ts', 'audit', 'verify', '--export', file, ...more], {
        env,
        encoding: 'utf8',
      });
    const good = verify(copy, '--head', heads);
    t.equal(good.status, 0, good.stderr);
    t.match(
      good.stdout,
      /entries 1 to \d+, none altered.*\nA head that left the machine attests to it up to entry 1\d\d/,
    );
    if (hasPython) {
      const { stdout } = spawnSync('/usr/bin/python3', [READER, copy, heads], { encoding: 'utf8' });
      t.match(stdout, /^ok 1-1\d\d attested 1\d\d\n$/);
    }
    writeFileSync(join(elsewhere.root, 'part'), part.join('\n'));
    t.match(verify(join(elsewhere.root, 'part'), '--head', heads).stdout, /entries 20 to 40/);

    const forged = join(elsewhere.root, 'forged');
    writeFileSync(forged, whole.with(50, whole[50]!.replace('"outcome":"ok"', '"outcome":"failed"')).join('\n'));
    const bad = verify(forged, '--head', heads, '--json');
    t.equal(bad.status, 1);
    t.match(JSON.parse(bad.stdout), { ok: false, firstBad: { sequence: 50, fault: 'altered' } });
    t.match(verify(copy).stderr, /Give a heads file that left the machine/);
    appendFileSync(copy, 'more\n');
    t.equal(verify(copy, '--head', heads).status, 1);
  },
);

t.test('what is no copy at all is named in a sentence', async (t) => {
  using folders = newFolders();
  const copy = join(folders.root, 'copy');
  const key = 'none';
  t.throws(() => verifyFile(folders.root, { key }), { code: 'file-unreadable', message: /is a folder/ });
  t.throws(() => verifyFile(copy, { key }), { code: 'file-unreadable' });
  writeFileSync(copy, 'x');
  t.throws(() => verifyFile(copy, {}), { code: 'head-needed' });
  t.throws(() => verifyFile(copy, { head: copy }), { code: 'bad-head' });
});

t.test('the trail is searched by who, what, when and which, and the search is an entry', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  await using vault = await openVault(folders);
  const cdr = sampleCdr();
  await vault.ask('cdr.put', { cdr });
  for (let call = 0; call < 250; call++) await vault.ask('cdr.put', { cdr: sampleCdr() });
  await vault.ask('calls.page', { caller: CALLER, page: { limit: 5 }, number: CANARY_NUMBER });
  const search = async (filter: object, limit = 500) =>
    (await vault.ask('audit.search', { caller: CALLER, filter, page: { limit } })).rows;
  t.match(await search({ subject: cdr.callId }), [{ action: 'call-ended', subject: cdr.callId }]);
  t.match(await search({ who: 'TEST', action: 'calls-listed' }), [{ detail: new RegExp(CANARY_NUMBER.slice(1)) }]);
  t.same((await search({ who: 'nobody' })).length, 0);
  t.equal((await search({ action: 'call-ended' })).length, 251);
  t.same(await search({ action: 'call-ended', since: Date.now() + 60_000 }), []);
  t.equal((await search({ action: 'call-ended', until: Date.now() + 60_000, outcome: 'ok' })).length, 251);
  t.same(await search({ action: 'call-ended', outcome: 'refused' }), []);
  const first = await vault.ask('audit.search', {
    caller: CALLER,
    filter: { action: 'call-ended' },
    page: { limit: 200 },
  });
  const second = await vault.ask('audit.search', {
    ...{ caller: CALLER, filter: { action: 'call-ended' } },
    page: { limit: 200, after: first.next ?? '' },
  });
  t.equal(
    new Set([...first.rows, ...second.rows].map(({ sequence }) => sequence)).size,
    251,
    'pages neither overlap nor leave out',
  );
  t.match((await search({ action: 'audit-searched', text: 'who nobody' }))[0], {
    actor: CALLER.actor,
    detail: '0 entries, who nobody',
  });
});
