// Over which link who may say what: the kind of actor goes with the link's role, and what people said or did is shown to persons alone.
import { TOTP } from 'otpauth';
import t from 'tap';
import type { Vault } from '../../src/vault/contract.ts';
import type { AskContext } from '../../src/vault/handlers.ts';
import type { Caller, Role } from '../../src/vault/shapes.ts';
import { type BenchVault, CALLER, LOCAL, makeVault, newFolders, openVault } from '../support/vault-bench.ts';

const page = { limit: 5 };
const NOTHING = new Uint8Array(0);

function over(vault: BenchVault, role: string): Pick<Vault, 'ask'> {
  const context: AskContext = { role, persons: new Map() };
  return {
    ask: async (operation, ask, body = NOTHING) => (await vault.inner.answer(operation, ask, body, context)).answer,
  };
}

async function enrol(link: Pick<Vault, 'ask'>, login: string, roles: Role[], mailboxes: string[] = []) {
  const { token, userId } = await link.ask('users.invite', {
    caller: LOCAL,
    login,
    name: 'Pat Made-Up',
    roles,
    mailboxes,
  });
  const { totpSecret } = await link.ask('enrolment.begin', { token, address: '' });
  const code = new TOTP({ secret: totpSecret }).generate();
  const ask = { token, password: 'correct horse battery staple 9', code, address: '' };
  const { sessionToken } = await link.ask('enrolment.finish', ask);
  const caller: Caller = { actor: { kind: 'user', id: userId, login }, address: '' };
  return { caller, sessionToken, userId };
}

t.test('the kind of actor goes with the role of the link', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  await using vault = await openVault(folders);
  const actors = {
    user: CALLER.actor,
    local: LOCAL.actor,
    service: { kind: 'service', name: 'pbx' },
    phone: { kind: 'phone', username: '1001' },
    caller: { kind: 'caller', callId: 'c' },
  } as const;
  const allowed: Record<string, readonly string[]> = {
    controller: ['user', 'service', 'phone', 'caller'],
    cli: ['local'],
    local: ['local'],
    main: [],
  };
  for (const [role, kinds] of Object.entries(allowed)) {
    for (const [kind, actor] of Object.entries(actors)) {
      const caller: Caller = { actor, address: '' };
      const asked = over(vault, role).ask('audit.verify', { caller });
      const refusal = {
        code: kind === 'user' && (role === 'cli' || role === 'local') ? 'person-needed' : 'not-allowed',
      };
      if (kinds.includes(kind)) await t.resolves(asked, `${role} as ${kind}`);
      else await t.rejects(asked, refusal, `${role} as ${kind}`);
      const entry = { action: 'drill-run', ...caller, outcome: 'ok' } as const;
      if (!kinds.includes(kind))
        await t.rejects(over(vault, role).ask('audit.put', { entry }), refusal, `${role} writes as ${kind}`);
    }
  }
});

t.test('the command line is shown what people said only as a person whom that very link logged in', async (t) => {
  using folders = newFolders('/dev/shm');
  await makeVault(folders);
  await using vault = await openVault(folders);
  const cli = over(vault, 'cli');
  const needed = { code: 'person-needed' };
  await t.rejects(cli.ask('calls.page', { caller: LOCAL, page }), needed);
  await t.rejects(cli.ask('audit.page', { caller: LOCAL, page }), needed);
  await t.rejects(cli.ask('artifacts.page', { caller: LOCAL, kind: 'voicemail', page }), needed);

  const admin = await enrol(cli, 'admin', ['admin']);
  t.same((await cli.ask('calls.page', { caller: admin.caller, page })).rows, []);
  await t.rejects(
    over(vault, 'cli').ask('calls.page', { caller: admin.caller, page }),
    needed,
    'not over another link',
  );

  const auditor = await enrol(cli, 'auditor', ['auditor']);
  t.ok((await cli.ask('audit.page', { caller: auditor.caller, page })).rows.length > 0);
  await t.rejects(cli.ask('calls.page', { caller: auditor.caller, page }), { code: 'not-allowed' });

  const staff = await enrol(cli, 'staff', ['staff'], ['1001']);
  await t.resolves(cli.ask('artifacts.page', { caller: staff.caller, kind: 'voicemail', mailbox: '1001', page }));
  for (const ask of [
    { kind: 'voicemail', mailbox: '1002' },
    { kind: 'voicemail' },
    { kind: 'recording', mailbox: '1001' },
  ] as const) {
    await t.rejects(cli.ask('artifacts.page', { caller: staff.caller, ...ask, page }), { code: 'not-allowed' });
  }

  const other = over(vault, 'cli');
  await other.ask('session.check', { sessionToken: staff.sessionToken, address: '' });
  await t.resolves(
    other.ask('calls.page', { caller: staff.caller, page }),
    'a session shown to a link stands for its person',
  );
  await t.rejects(other.ask('calls.page', { caller: admin.caller, page }), needed, 'and for nobody else');
  await cli.ask('users.remove', { caller: LOCAL, userId: staff.userId });
  await t.rejects(other.ask('calls.page', { caller: staff.caller, page }), { code: 'no-session' }, 'until it ends');
});
