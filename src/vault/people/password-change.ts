// A person's own new password: proven by the old one and a code, as a log-in is; their other sessions end.
import type { Ask } from '../contract.ts';
import type { Handlers } from '../handlers.ts';
import type { VaultCore } from '../store/core.ts';
import type { Login } from './login.ts';
import { hashPassword } from './password.ts';
import { checkPassword } from './password-policy.ts';
import { actorOf, spaces, type UserRecord } from './records.ts';
import type { Sessions } from './sessions.ts';

export interface PasswordChangeParts {
  readonly core: VaultCore;
  readonly sessions: Sessions;
  readonly login: Login;
  readonly clinicName: () => string;
}

export function passwordHandlers(parts: PasswordChangeParts): Pick<Handlers, 'password.change'> {
  return { 'password.change': (ask) => change(parts, ask) };
}

async function change(
  { core, sessions, login, clinicName }: PasswordChangeParts,
  { sessionToken, password, code, newPassword, address }: Ask<'password.change'>,
): Promise<Record<string, never>> {
  const known = sessions.userOf(sessionToken);
  checkPassword(newPassword, { login: known.login, name: known.name, clinicName: clinicName() });
  const hash = await hashPassword(newPassword);
  const { user, guard } = await login.prove({ login: known.login, password, code, address });
  sessions.userOf(sessionToken); // it may have ended while the hashes were made
  const about = { actor: actorOf(user), address, outcome: 'ok', subject: user.id } as const;
  core.transact({ action: 'password-changed', ...about }, (tx) => {
    tx.put(spaces.user, user.id, { ...user, password: hash } satisfies UserRecord, { login: user.login });
    tx.put(spaces.guard, user.id, guard);
    sessions.endAll(tx, user.id, sessionToken);
  });
  return {};
}
