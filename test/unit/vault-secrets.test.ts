// Who shows a wrong secret to the root is on record, and passphrases are guessed slowly; a file that was tampered with is answered in one sentence.
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import type { SlotKind } from '../../src/vault/keys/slots.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { type BenchVault, CALLER, makeVault, newFolders, openVault } from '../support/vault-bench.ts';

const WRONG = { slot: 'key-file', secret: `wardline-key-1:${Buffer.alloc(32).toString('base64')}` } as const;
const PASSPHRASE = 'a passphrase of some length';

async function newest(vault: BenchVault) {
  const { rows } = await vault.ask('audit.page', { caller: CALLER, page: { limit: 1 } });
  return rows[0];
}

t.test('a wrong secret for a slot, a rotation or an unlock is an entry', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  await using vault = await openVault(folders);
  const refused = { outcome: 'refused', detail: 'by key-file: wrong-secret', actor: CALLER.actor };
  const add = { caller: CALLER, using: WRONG, kind: 'recovery', opens: 'both' } as const;
  await t.rejects(vault.ask('slot.add', add), { code: 'wrong-secret' });
  t.match(await newest(vault), { action: 'slot-added', ...refused });
  await t.rejects(vault.ask('root.rotate', { caller: CALLER, using: WRONG }), { code: 'wrong-secret' });
  t.match(await newest(vault), { action: 'root-rotated', ...refused });
  await t.rejects(vault.ask('unlock', { caller: CALLER, ...WRONG }), { code: 'wrong-secret' });
  t.match(await newest(vault), { action: 'vault-unlocked', ...refused });
  t.equal((await vault.ask('status', {})).slots.length, 2, 'and nothing was changed');
});

t.test('after five wrong passphrases even the right one waits; the recovery code does not', async (t) => {
  using folders = newFolders('/dev/shm');
  const clock = new ManualClock();
  const { recoveryCode } = await makeVault(folders, clock);
  await using vault = await openVault(folders, { clock });
  const recovery = { slot: 'recovery', secret: recoveryCode } as const;
  await vault.ask('slot.add', {
    caller: CALLER,
    using: recovery,
    kind: 'passphrase',
    opens: 'both',
    secret: PASSPHRASE,
  });
  const unlock = (slot: SlotKind, secret: string) => vault.ask('unlock', { caller: CALLER, slot, secret });
  for (let guess = 0; guess < 5; guess++)
    await t.rejects(unlock('passphrase', `a wrong passphrase ${guess}`), { code: 'wrong-secret' });
  await t.rejects(unlock('passphrase', PASSPHRASE), { code: 'too-many-guesses' });
  t.match(await newest(vault), {
    action: 'vault-unlocked',
    outcome: 'refused',
    detail: 'by passphrase: too-many-guesses',
  });
  await t.resolves(unlock('recovery', recoveryCode));
  clock.advance(31_000);
  await t.resolves(unlock('passphrase', PASSPHRASE));
});

t.test('passphrases that are tried at once are counted too', async (t) => {
  using folders = newFolders('/dev/shm');
  const { recoveryCode } = await makeVault(folders);
  await using vault = await openVault(folders);
  const using_ = { slot: 'recovery', secret: recoveryCode } as const;
  const slot = { kind: 'passphrase', opens: 'both', secret: PASSPHRASE } as const;
  await vault.ask('slot.add', { caller: CALLER, using: using_, ...slot });
  const guesses = Array.from({ length: 24 }, (_, guess) =>
    vault.ask('unlock', { caller: CALLER, slot: 'passphrase', secret: `a wrong passphrase ${guess}` }),
  );
  const said = await Promise.all(guesses.map((guess) => guess.catch((thrown: { code: string }) => thrown.code)));
  t.equal(said.filter((code) => code === 'wrong-secret').length, 5);
  t.equal(said.filter((code) => code === 'too-many-guesses').length, 19);
});

t.test('a recovery code is taken as people type it, and a wrong one is told from no code', async (t) => {
  using folders = newFolders('/dev/shm');
  const { recoveryCode } = await makeVault(folders);
  await using vault = await openVault(folders, { startLocked: true });
  const unlock = (secret: string) => vault.ask('unlock', { caller: CALLER, slot: 'recovery', secret });
  const typed = recoveryCode.toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l').replaceAll('-', ' \u2013 ');
  await t.resolves(unlock(` ${typed}\r\n`), 'o for 0, l for 1, lower case, blanks and a dash that a text program made');
  for (const wrong of [
    '',
    recoveryCode.slice(1),
    `${recoveryCode}0`,
    recoveryCode.replace(/^./, (c) => (c === '7' ? '8' : '7')),
  ])
    await t.rejects(unlock(wrong), { code: 'code-mistyped' });
});

const DAMAGE: Readonly<Record<string, { readonly sql: string; readonly code: string }>> = {
  'an identity that is no JSON': { sql: "UPDATE meta SET value = 'x'", code: 'vault-damaged' },
  'an identity that is nothing': { sql: "UPDATE meta SET value = 'null'", code: 'vault-damaged' },
  'parameters that are nothing': { sql: "UPDATE keyring SET parameters = 'null'", code: 'wrong-secret' },
  'parameters that cost a terabyte': {
    sql: `UPDATE keyring SET parameters = '{"memoryBytes":1099511627776,"operations":3,"salt":"AAAAAAAAAAAAAAAAAAAAAA==","stretch":"argon2id"}'`,
    code: 'wrong-secret',
  },
};
for (const [what, { sql, code }] of Object.entries(DAMAGE)) {
  t.test(`refused in a sentence: ${what}`, async (t) => {
    using folders = newFolders('/dev/shm');
    await makeVault(folders);
    const db = new SqliteDatabase(join(folders.dataFolder, 'vault.db'));
    db.exec(sql);
    db.close();
    await t.rejects(openVault(folders), { name: 'WardlineError', code });
  });
}
