// A person at the command line: what shows PHI asks for a login, a password and a code, and is audited under that name.
import { access, isAllowed, mayHear } from '../api/permissions.ts';
import { WardlineError } from '../kernel/errors.ts';
import type { Vault } from '../vault/contract.ts';
import type { Caller, UserAccount } from '../vault/shapes.ts';
import { ask } from './ask.ts';

/** Somebody who logged in, as the trail and the rules know them. */
export interface Person {
  readonly caller: Caller;
  readonly user: UserAccount;
}

/** Asks for the credentials and logs in; `use` runs as that person and the session ends after it. */
export async function asPerson<Result>(
  vault: Vault,
  login: string | undefined,
  use: (person: Person) => Promise<Result>,
): Promise<Result> {
  const name = login ?? (await ask('Login: '));
  const password = await ask('Password: ', { isSecret: true });
  const code = await ask('Code: ', { isSecret: true });
  const address = 'command line';
  const { sessionToken, session } = await vault.ask('session.login', { login: name, password, code, address });
  try {
    const { user } = session;
    return await use({ caller: { actor: { kind: 'user', id: user.id, login: user.login }, address }, user });
  } finally {
    await vault.ask('session.logout', { sessionToken, address });
  }
}

/** The console's rule for that route holds here too. */
export function mustBeAllowed(route: keyof typeof access, user: UserAccount): void {
  if (!isAllowed(access[route] ?? [], user)) throw notAllowed('This account may not see that; ask an administrator.');
}

export function mustHear(user: UserAccount, mailbox: string): void {
  if (mayHear(user, { kind: 'voicemail', mailbox })) return;
  const own = user.mailboxes.length === 0 ? 'none' : user.mailboxes.join(', ');
  throw notAllowed(`This account may not hear mailbox ${mailbox}; its own: ${own}.`);
}

function notAllowed(sentence: string): WardlineError {
  return new WardlineError('not-allowed', sentence);
}
