// Who may say what over which link: the kind of actor that a peer's role may claim, and that what people said or did is shown to persons alone.
import type { Actor } from '../audit/entry.ts';
import { WardlineError } from '../kernel/errors.ts';
import type { AnswerTo, Ask, VaultOperation } from './contract.ts';
import type { AskContext, Handlers } from './handlers.ts';
import type { Role, UserAccount } from './shapes.ts';

/**
 * The controller speaks for people whose session it has checked, for phones and for callers; the command line for the operating
 * system's user who ran it, and for a person whom this very link logged in. The supervisor speaks for nobody.
 */
const KINDS: Readonly<Record<string, readonly Actor['kind'][]>> = {
  controller: ['user', 'service', 'phone', 'caller'],
  cli: ['local', 'user'],
  local: ['local', 'user'],
};

/** What shows who called whom, what was said, or who did what; and who may see it at the command line. */
const SHOWS: Partial<Record<VaultOperation, readonly Role[]>> = {
  'calls.page': ['admin', 'staff'],
  'call.get': ['admin', 'staff'],
  'artifacts.page': ['admin', 'staff'],
  search: ['admin', 'staff'],
  'artifact.get': ['admin'],
  'note.add': ['admin'],
  'note.list': ['admin'],
  'note.remove': ['admin'],
  'artifact.audio': ['admin'],
  'artifact.markRead': ['admin'],
  'artifact.dispose': ['admin'],
  'playout.open': ['admin'],
  'audit.page': ['admin', 'auditor'],
  'audit.search': ['admin', 'auditor'],
  'audit.export': ['admin', 'auditor'],
  'audit.exportEntries': ['admin', 'auditor'],
};

/** Persons that one link may have logged in. */
const MAX_PERSONS = 16;

export class LinkAuthorization {
  readonly #handlers: Handlers;

  constructor(handlers: Handlers) {
    this.#handlers = handlers;
  }

  /** Lets the request in or says why not. @throws WardlineError `not-allowed`, `person-needed`, `no-session` */
  async admit(operation: VaultOperation, ask: object, context: AskContext): Promise<void> {
    const actor = actorOf(ask);
    const kinds = KINDS[context.role] ?? [];
    if (actor !== undefined && !kinds.includes(actor.kind)) throw notAllowed(context.role, actor);
    if (context.role === 'controller') return;
    const roles = SHOWS[operation];
    if (roles !== undefined && actor?.kind !== 'user') throw personNeeded();
    if (actor?.kind !== 'user') return;
    const user = await this.#person(actor, context);
    if (roles !== undefined && !(roles.some((role) => user.roles.includes(role)) && maySee(operation, ask, user)))
      throw new WardlineError('not-allowed', 'This account may not see that; ask an administrator.');
  }

  /** Remembers, after it was answered, whom a link has shown a session of. */
  answered(operation: VaultOperation, ask: object, answer: unknown, context: AskContext): void {
    const { persons } = context;
    if (context.role === 'controller' || persons === undefined) return;
    if (operation === 'session.login' || operation === 'enrolment.finish') {
      const { session, sessionToken } = answer as AnswerTo<'session.login'>;
      remember(persons, session.user.id, sessionToken);
    }
    if (operation === 'session.check') {
      remember(persons, (answer as AnswerTo<'session.check'>).user.id, (ask as Ask<'session.check'>).sessionToken);
    }
  }

  /** A session that has ended, was ended, or belongs to somebody else opens nothing. */
  async #person({ id }: Actor & { kind: 'user' }, { persons }: AskContext): Promise<UserAccount> {
    const sessionToken = persons?.get(id);
    if (sessionToken === undefined) throw personNeeded();
    const session = await this.#handlers['session.check']({ sessionToken, address: '' }, new Uint8Array(0), {
      role: 'authorization',
    });
    const { user } = session as AnswerTo<'session.check'>;
    if (user.id !== id) throw personNeeded();
    return user;
  }
}

function remember(persons: Map<string, string>, id: string, sessionToken: string): void {
  const oldest = persons.keys().next();
  if (persons.size >= MAX_PERSONS && !oldest.done) persons.delete(oldest.value);
  persons.set(id, sessionToken);
}

/** Staff see the voicemail of their own mailboxes, one at a time. */
function maySee(operation: VaultOperation, ask: object, { roles, mailboxes }: UserAccount): boolean {
  if (roles.includes('admin')) return true;
  if (operation === 'search' || operation === 'call.get') {
    const { within } = ask as Ask<'search' | 'call.get'>;
    return within?.every((mailbox) => mailboxes.includes(mailbox)) === true;
  }
  if (operation !== 'artifacts.page') return true;
  const { kind, mailbox = '' } = ask as Ask<'artifacts.page'>;
  return kind === 'voicemail' && mailboxes.includes(mailbox);
}

/** Who is said to ask: in `caller`, or in the entry that is to be written down. */
function actorOf(ask: object): Actor | undefined {
  const { caller, entry } = ask as { caller?: { actor?: Actor }; entry?: { actor?: Actor } };
  return caller?.actor ?? entry?.actor;
}

function notAllowed(role: string, { kind }: Actor): WardlineError {
  return new WardlineError('not-allowed', `What asks as ${role} cannot act as ${kind}.`);
}

function personNeeded(): WardlineError {
  return new WardlineError(
    'person-needed',
    'This is shown to a person alone: log in with a password and a code (`--login`).',
  );
}
