// Where domains with a folder of their own plug in: accounts, enrolment and sessions.
import { WardlineError } from '../kernel/errors.ts';
import type { VaultCore } from './core.ts';
import type { Handlers } from './operations.ts';

type PeopleOperation = Extract<keyof Handlers, `users.${string}` | `enrolment.${string}` | `session.${string}`>;

export function pluggedHandlers(_core: VaultCore): Pick<Handlers, PeopleOperation> {
  const missing = () => {
    throw new WardlineError('not-built', 'Accounts are not part of this build yet.');
  };
  return {
    'users.list': missing,
    'users.invite': missing,
    'users.remove': missing,
    'enrolment.begin': missing,
    'enrolment.finish': missing,
    'session.login': missing,
    'session.check': missing,
    'session.logout': missing,
  };
}
