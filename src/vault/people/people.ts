// Everything the vault answers about people: accounts, enrolment, login and sessions, as one domain to plug in.

import type { Handlers } from '../handlers.ts';
import type { VaultCore } from '../store/core.ts';
import { Accounts } from './accounts.ts';
import { Enrolment } from './enrolment.ts';
import { Login } from './login.ts';
import { passwordHandlers } from './password-change.ts';
import { Sessions } from './sessions.ts';

export type PeopleHandlers = Pick<
  Handlers,
  | 'users.list'
  | 'users.invite'
  | 'users.change'
  | 'users.lock'
  | 'users.reinvite'
  | 'users.endSessions'
  | 'users.remove'
  | 'enrolment.begin'
  | 'enrolment.finish'
  | 'session.login'
  | 'session.check'
  | 'session.logout'
  | 'session.list'
  | 'session.endOthers'
  | 'password.change'
>;

/** `clinicName` is what authenticator apps show, and a word that no password may be. */
export function people(core: VaultCore, clinicName: () => string = () => ''): PeopleHandlers {
  const sessions = new Sessions(core);
  const login = new Login(core, sessions);
  const enrolment = new Enrolment(core, { sessions, login, clinicName });
  const accounts = new Accounts(core, { enrolment, sessions });
  return {
    ...accounts.handlers(),
    ...enrolment.handlers(),
    ...login.handlers(),
    ...sessions.handlers(),
    ...passwordHandlers({ core, sessions, login, clinicName }),
  };
}
