// The vault's operations on a real database: settings, certificates, registrations, calls, artifacts, the trail.
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import t from 'tap';
import type { UtcMs } from '../../src/kernel/clock.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { ContactBinding } from '../../src/model/binding.ts';
import type { ExtensionNumber } from '../../src/model/clinic.ts';
import { hasVault } from '../../src/vault/create.ts';
import { openLocalVault } from '../../src/vault/local-vault.ts';
import { ManualClock } from '../support/manual-clock.ts';
import {
  type BenchVault,
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
import { spawnVault } from '../support/vault-process.ts';

/** A vault for one test; made anew, since making one takes a tenth of a second. */
async function bench(run: (vault: BenchVault, folders: Folders) => Promise<void>): Promise<void> {
  using folders = newFolders();
  await makeVault(folders);
  await using vault = await openVault(folders);
  await run(vault, folders);
}

async function leave(vault: BenchVault, audio: Uint8Array, mailbox = '1001') {
  const { artifactId } = await vault.ask('artifact.open', { header: voicemailHeader({ mailbox }) });
  await captureAll(vault, artifactId, audio);
  await vault.ask('artifact.close', { artifactId, keep: true });
  return artifactId;
}

t.test('a vault is made once, and opened by one process at a time', async (t) => {
  using folders = newFolders();
  t.equal(hasVault(folders.dataFolder), false);
  const { recoveryCode } = await makeVault(folders);
  t.equal(hasVault(folders.dataFolder), true);
  t.match(recoveryCode, /^([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}$/, 'seven groups of four');
  t.equal(statSync(folders.keyFile).mode & 0o777, 0o400);
  t.equal(statSync(join(folders.dataFolder, 'vault.db')).mode & 0o077, 0, 'nobody else may read the database');
  await t.rejects(makeVault(folders), { code: 'vault-exists' });
  await using vault = await openLocalVault({ ...folders, clock: systemClock });
  const status = await vault.ask('status', {});
  t.match(status, { formatVersion: 1, records: 'unlocked', problems: [] });
  t.same(
    status.slots.map(({ kind, opens }) => `${kind} ${opens}`),
    ['key-file both', 'recovery both'],
  );
  await t.rejects(openVault(folders), { code: 'vault-in-use' });
  const other = spawnVault(folders);
  t.equal(await other.exited, 78);
  t.match(other.stderr(), /^wardline: An appliance already runs on .*\n$/);
});

t.test('a wrong or missing key, a foreign file and a folder that cannot be written are named', async (t) => {
  using folders = newFolders();
  using others = newFolders();
  await t.rejects(openVault(folders), { code: 'vault-missing' });
  await makeVault(folders);
  await makeVault(others);
  await t.rejects(openVault({ ...folders, keyFile: others.keyFile }), { code: 'wrong-secret' });
  await t.rejects(openVault({ ...folders, keyFile: join(folders.root, 'none') }), { code: 'key-file-missing' });
  const scrap = join(folders.root, 'scrap');
  writeFileSync(scrap, 'not a key');
  await t.rejects(openVault({ ...folders, keyFile: scrap }), { code: 'key-file-damaged' });
  await t.resolves(
    openVault(folders).then((vault) => vault[Symbol.asyncDispose]()),
    'and none of that did harm',
  );
  writeFileSync(join(others.dataFolder, 'vault.db'), 'this is no database, but it is long enough to look at');
  await t.rejects(openVault(others), { code: 'vault-damaged' });
  if (process.getuid?.() !== 0) {
    const sealed = join(folders.root, 'sealed');
    mkdirSync(sealed);
    chmodSync(sealed, 0o500);
    await t.rejects(makeVault({ ...folders, dataFolder: join(sealed, 'data') }), { code: 'folder-unwritable' });
  }
});

t.test('settings: a clinic is replaced in one audited transaction, and everybody is told', (t) =>
  bench(async (vault) => {
    const notices: string[] = [];
    using _listener = vault.onNotice(({ type }) => notices.push(type));
    t.equal((await vault.ask('clinic.get', {})).version, 1);
    const clinic = { ...sampleClinic(), name: 'Renamed Clinic' };
    t.same(await vault.ask('clinic.put', { caller: CALLER, clinic, summary: 'a new name' }), { version: 2 });
    t.same(await vault.ask('clinic.get', {}), { clinic, version: 2 });
    t.same(notices, ['clinic.changed']);
    const [entry] = (await vault.ask('audit.page', { caller: CALLER, page: { limit: 1 } })).rows;
    t.match(entry, { action: 'settings-imported', detail: 'a new name', actor: CALLER.actor, address: '127.0.0.1' });
    t.match(entry?.rows, [{ table: 'settings', row: 'clinic', version: 2 }]);
  }),
);

t.test('credentials: HA1 of SHA-256 and MD5 alone is kept', (t) =>
  bench(async (vault) => {
    await vault.ask('credentials.set', { caller: CALLER, username: 'phone-1', password: 'made up' });
    const { realm, credentials } = await vault.ask('credentials.list', {});
    t.equal(realm, 'clinic.test');
    // printf 'phone-1:clinic.test:made up' | sha256sum, md5sum
    t.same(credentials, [
      {
        username: 'phone-1',
        ha1Sha256: '6ce6c6a70129b0118ff822af3a601eacf93968e4f26a0b610769c243ecfbdaec',
        ha1Md5: 'b1ff02a548b037cfe9ceaa3f7f922762',
      },
    ]);
    const { clinic } = await vault.ask('clinic.get', {});
    const before = (await vault.ask('status', {})).auditSequence;
    const phones = [{ username: 'phone-2', extension: '1001' as ExtensionNumber, label: 'new' }];
    const passwords = [{ username: 'phone-2', password: 'made up too' }];
    await vault.ask('clinic.put', { caller: CALLER, clinic: { ...clinic, phones }, summary: 'a new phone', passwords });
    const after = await vault.ask('credentials.list', {});
    t.same(
      after.credentials.map(({ username }) => username),
      ['phone-2'],
      'a phone that is gone has no password, a new one has its own',
    );
    t.equal((await vault.ask('status', {})).auditSequence, before + 1, 'in one audited transaction');
  }),
);

t.test('certificates: a client that trusts the CA accepts both leaves for the host name and the addresses', (t) =>
  bench(async (vault) => {
    for (const name of ['sip', 'console'] as const) {
      const { certificate, key, ca } = await vault.ask('tls.get', { name });
      const server = createServer({ cert: certificate, key }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      for (const servername of ['wardline.test', 'localhost']) {
        const socket = connect({ port, host: '127.0.0.1', ca, servername });
        await once(socket, 'secureConnect');
        t.equal(socket.authorized, true, `${name} as ${servername}`);
        t.match(socket.getPeerCertificate().subjectaltname, /192\.0\.2\.10/);
        socket.destroy();
      }
      server.close();
    }
  }),
);

t.test('certificates: leaves are renewed before they end, under the same CA', async (t) => {
  using folders = newFolders();
  const clock = new ManualClock();
  await makeVault(folders, clock);
  const read = async () => {
    await using vault = await openVault(folders, { clock });
    return vault.ask('tls.get', { name: 'sip' });
  };
  const first = await read();
  clock.advance(100 * 86_400_000);
  t.equal((await read()).certificate, first.certificate);
  clock.advance(250 * 86_400_000);
  const second = await read();
  t.not(second.certificate, first.certificate);
  t.equal(second.ca, first.ca);
});

t.test('prompts come back as they were put', (t) =>
  bench(async (vault) => {
    const wav = Buffer.from(tone(300));
    await vault.ask('prompts.put', { caller: CALLER, key: 'abc' }, wav);
    const { answer, body } = await vault.askForBytes('prompts.get', { key: 'abc' });
    t.equal(answer.found, true);
    t.ok(wav.equals(Buffer.from(body)));
    t.equal((await vault.ask('prompts.get', { key: 'other' })).found, false);
  }),
);

function binding(contact: string, cseq = 1): ContactBinding {
  const at = Date.UTC(2026, 0, 5) as UtcMs;
  return {
    ...{ username: 'phone-1', contact, instance: '', callId: 'id', cseq, registeredAt: at, expiresAt: at, q: 1 },
    userAgent: 'Phone',
    source: { transport: 'tls', host: '192.0.2.7', port: 5061 },
  };
}

t.test('registrations survive a restart; refreshes are no entries of the trail', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  {
    await using vault = await openVault(folders);
    await vault.ask('bindings.put', { caller: CALLER, binding: binding('sip:a@192.0.2.7') });
    await vault.ask('bindings.put', { caller: CALLER, binding: binding('sip:b@192.0.2.7') });
    await vault.ask('bindings.remove', {
      ...{ caller: CALLER, username: 'phone-1', contact: 'sip:b@192.0.2.7', reason: 'unregistered' },
    });
    const before = (await vault.ask('status', {})).auditSequence;
    await vault.ask('bindings.refresh', { bindings: [binding('sip:a@192.0.2.7', 7), binding('sip:gone@192.0.2.7')] });
    t.equal((await vault.ask('status', {})).auditSequence, before);
  }
  await using vault = await openVault(folders);
  t.same((await vault.ask('bindings.list', {})).bindings, [binding('sip:a@192.0.2.7', 7)]);
  t.same((await vault.ask('status', {})).problems, []);
});

t.test('calls: pages go from the newest, a number is found however it is written', (t) =>
  bench(async (vault) => {
    const numbers = ['+15555550101', '+15555550102', '1002', '+15555550101', ''];
    for (const from of numbers) await vault.ask('cdr.put', { cdr: sampleCdr({ from, to: '1001' }) });
    const again = sampleCdr({ from: '+15555550103' });
    await vault.ask('cdr.put', { cdr: again });
    await vault.ask('cdr.put', { cdr: again }); // sent again after a lost answer
    const seen: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = { limit: 4, ...(after !== undefined && { after }) };
      const { rows, next } = await vault.ask('calls.page', { caller: CALLER, page });
      seen.push(...rows.map(({ from }) => from));
      if (next === undefined) break;
      after = next;
    }
    t.same(seen, ['+15555550103', ...numbers.toReversed()]);
    for (const number of ['+15555550101', '15555550101', '5555550101', '(555) 555-0101']) {
      const { rows } = await vault.ask('calls.page', { caller: CALLER, page: { limit: 10 }, number });
      t.equal(rows.length, 2, number);
    }
    const inside = await vault.ask('calls.page', { caller: CALLER, page: { limit: 10 }, number: '1001' });
    t.equal(inside.rows.length, 6);
    await t.rejects(vault.ask('calls.page', { caller: CALLER, page: { limit: 1 }, number: 'x' }), {
      code: 'bad-number',
    });
  }),
);

t.test('voicemail: left, listed by mailbox, heard in ranges, marked read, disposed of', (t) =>
  bench(async (vault, folders) => {
    const audio = tone(65_000);
    const artifactId = await leave(vault, audio);
    await leave(vault, tone(1_000), '1002');
    const { rows } = await vault.ask('artifacts.page', {
      ...{ caller: CALLER, kind: 'voicemail', mailbox: '1001', page: { limit: 5 } },
    });
    t.match(rows, [{ id: artifactId, mailbox: '1001', state: 'complete', durationMs: 65_000, isRead: false }]);
    for (const [fromSample, samples] of [
      [0, 100],
      [1_999, 3],
      [479_000, 2_000],
      [519_990, 1_000],
      [600_000, 10],
    ] as const) {
      const range = { caller: CALLER, artifactId, fromSample, samples, play: false };
      const { answer, body } = await vault.askForBytes('artifact.audio', range);
      t.equal(answer.totalSamples, 520_000);
      const expected = Buffer.from(audio.subarray(fromSample, fromSample + samples));
      t.ok(expected.equals(Buffer.from(body)), `${samples} samples from ${fromSample}`);
    }
    const { path, durationMs } = await vault.ask('playout.open', { caller: CALLER, artifactId });
    t.equal(durationMs, 65_000);
    t.equal(path.startsWith(join(folders.spoolFolder, 'out')), true);
    t.ok(readFileSync(path).equals(Buffer.from(audio)));
    await vault.ask('playout.done', { path: folders.keyFile });
    t.equal(existsSync(folders.keyFile), true, 'only a play-out file is ever removed');
    await vault.ask('playout.done', { path });
    t.equal(existsSync(path), false);

    t.same(await vault.ask('mailbox.counts', { mailbox: '1001' }), { unread: 1, read: 0 });
    await vault.ask('artifact.markRead', { caller: CALLER, artifactId });
    await vault.ask('artifact.markRead', { caller: CALLER, artifactId });
    t.same(await vault.ask('mailbox.counts', { mailbox: '1001' }), { unread: 0, read: 1 });
    t.equal((await vault.ask('artifact.get', { caller: CALLER, artifactId })).isRead, true);

    await vault.ask('artifact.dispose', { caller: CALLER, artifactId });
    await t.rejects(vault.ask('artifact.get', { caller: CALLER, artifactId }), { code: 'artifact-unknown' });
    t.same(await vault.ask('mailbox.counts', { mailbox: '1001' }), { unread: 0, read: 0 });
    t.equal(statSync(join(folders.dataFolder, 'vault.db-wal')).size, 0, 'the journal keeps nothing of it');
    t.equal((await vault.ask('status', {})).counts.voicemails, 1);
  }),
);

t.test('a message that is not kept is gone, one that got no audio has failed, a failed one says so', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  {
    await using vault = await openVault(folders);
    const open = async () => (await vault.ask('artifact.open', { header: voicemailHeader() })).artifactId;
    const short = await open();
    await captureAll(vault, short, tone(400));
    t.same(await vault.ask('artifact.close', { artifactId: short, keep: false }), {
      state: 'complete',
      durationMs: 400,
    });
    await t.rejects(vault.ask('artifact.get', { caller: CALLER, artifactId: short }), { code: 'artifact-unknown' });
    t.match(await vault.ask('artifact.close', { artifactId: await open(), keep: true }), {
      state: 'failed',
      durationMs: 0,
    });
    const failing = await open();
    await captureAll(vault, failing, tone(1_000));
    const failed = await vault.ask('artifact.close', { artifactId: failing, keep: true, failure: 'the disk is full' });
    t.same(failed, { state: 'failed', durationMs: 1_000 });
    t.same(await vault.ask('artifact.close', { artifactId: failing, keep: true }), failed, 'asked again, the same');
    const { intake } = vault.inner;
    t.throws(() => intake.begin(failing), { code: 'artifact-closed' });
    t.throws(() => intake.begin('nothing'), { code: 'artifact-unknown' });
  }
  await using vault = await openVault(folders);
  t.same((await vault.ask('status', {})).problems, [], 'disposal leaves a trail without holes');
});

t.test('the trail: acts that change no row are kept, pages go from the newest, looking is an entry too', (t) =>
  bench(async (vault) => {
    const actor = { kind: 'phone', username: 'phone-1' } as const;
    const entry = { action: 'registration-failed', actor, address: '192.0.2.9', outcome: 'refused' } as const;
    await vault.ask('audit.put', { entry });
    const first = await vault.ask('audit.page', { caller: CALLER, page: { limit: 1 } });
    t.match(first.rows, [entry]);
    t.match(await vault.ask('audit.page', { caller: CALLER, page: { limit: 1 } }), {
      rows: [{ action: 'audit-searched' }],
    });
    const rest = await vault.ask('audit.page', { caller: CALLER, page: { limit: 400, after: first.next! } });
    t.equal(rest.rows.at(-1)?.sequence, 1);
    t.equal(rest.next, undefined);
    const verified = await vault.ask('audit.verify', { caller: CALLER });
    t.equal(verified.ok, true);
    t.match(JSON.parse(verified.head), { format: 'wardline-head-1' });
  }),
);

t.test('slots are added and removed while the vault runs; the last that opens it stays', async (t) => {
  using folders = newFolders();
  const { recoveryCode } = await makeVault(folders);
  await using vault = await openVault(folders, { startLocked: true });
  const using = { slot: 'recovery', secret: recoveryCode } as const;
  const passphrase = 'plainly made up passphrase';
  await t.rejects(
    vault.ask('slot.add', { caller: CALLER, using, kind: 'passphrase', opens: 'both', secret: 'short' }),
    {
      code: 'weak-secret',
    },
  );
  await vault.ask('slot.add', { caller: CALLER, using, kind: 'passphrase', opens: 'both', secret: passphrase });
  const unlock = (slot: 'passphrase' | 'recovery', secret: string) =>
    vault.ask('unlock', { caller: CALLER, slot, secret });
  await t.rejects(unlock('passphrase', `${passphrase}!`), { code: 'wrong-secret' });
  t.same(await unlock('passphrase', passphrase), { records: 'unlocked' });

  const added = await vault.ask('slot.add', { caller: CALLER, using, kind: 'recovery', opens: 'both' });
  const { slots } = await vault.ask('status', {});
  const old = slots.find(({ id, kind }) => kind === 'recovery' && id !== added.slotId);
  await vault.ask('slot.remove', { caller: CALLER, slotId: old!.id });
  await t.rejects(unlock('recovery', recoveryCode), { code: 'wrong-secret' }, 'the old code opens nothing any more');
  t.same(await unlock('recovery', added.recoveryCode!), { records: 'unlocked' });
  const keyFile = slots.find(({ kind }) => kind === 'key-file');
  await t.rejects(vault.ask('slot.remove', { caller: CALLER, slotId: keyFile!.id }), { code: 'last-slot' });
  await vault[Symbol.asyncDispose]();
  await using again = await openVault(folders);
  t.same((await again.ask('status', {})).problems, []);
});

t.test('a start without the file of heads says so', async (t) => {
  using folders = newFolders();
  await makeVault(folders);
  rmSync(folders.headsFile);
  await using vault = await openVault(folders);
  t.match((await vault.ask('status', {})).problems, [/file of audit heads is missing/]);
});
