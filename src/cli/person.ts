// A person at the command line: what shows PHI asks for a login, a password and a code, and is audited under that name.
import type { Caller, Vault } from '../vault/contract.ts';
import { ask } from './ask.ts';

/** Asks for the credentials and logs in; `use` runs as that person and the session ends after it. */
export async function asPerson<Result>(
  vault: Vault,
  login: string | undefined,
  use: (caller: Caller) => Promise<Result>,
): Promise<Result> {
  const name = login ?? (await ask('Login: '));
  const password = await ask('Password: ', { isSecret: true });
  const code = await ask('Code: ', { isSecret: true });
  const address = 'command line';
  const { sessionToken, session } = await vault.ask('session.login', { login: name, password, code, address });
  try {
    return await use({ actor: { kind: 'user', id: session.user.id, login: session.user.login }, address });
  } finally {
    await vault.ask('session.logout', { sessionToken, address });
  }
}
