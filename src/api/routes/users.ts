// Accounts, for administrators: listed, invited, changed, locked, given a new link, removed, and their sessions ended.
import type { FastifyRequest } from 'fastify';
import { WardlineError } from '../../kernel/errors.ts';
import { parseId } from '../../kernel/id.ts';
import type { Vault } from '../../vault/contract.ts';
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { Done } from '../schemas.ts';
import { AccountParams, AccountsView, ChangeAsk, EndedView, InviteAsk, LinkView, LockAsk } from '../schemas-people.ts';

const done = { ok: true as const };

export function addUsers(app: App, { vault }: ApiContext): void {
  app.get('/api/users', { schema: { response: { 200: AccountsView } } }, async (request) => {
    const [{ users }, mailboxes] = await Promise.all([
      vault.ask('users.list', { caller: visitOf(request).caller }),
      mailboxesOf(vault),
    ]);
    const accounts = users.map(({ roles, mailboxes: own, ...user }) => {
      return { ...user, roles: [...roles], mailboxes: [...own] };
    });
    return { accounts, mailboxes };
  });
  app.post('/api/users', { schema: { body: InviteAsk, response: { 200: LinkView } } }, async (request) => {
    await mustExist(vault, request.body.mailboxes);
    const { token } = await vault.ask('users.invite', { caller: visitOf(request).caller, ...request.body });
    return { token };
  });
  addChanges(app, vault);
}

function addChanges(app: App, vault: Vault): void {
  const params = AccountParams;
  const aboutOf = (request: FastifyRequest, id: string) => {
    const userId = parseId<'user'>(id);
    if (userId === undefined) throw new WardlineError('no-such-user', 'There is no such account any more.');
    return { caller: visitOf(request).caller, userId };
  };
  app.post('/api/users/:id', { schema: { params, body: ChangeAsk, response: { 200: Done } } }, async (request) => {
    await mustExist(vault, request.body.mailboxes);
    await vault.ask('users.change', { ...aboutOf(request, request.params.id), ...request.body });
    return done;
  });
  app.post('/api/users/:id/lock', { schema: { params, body: LockAsk, response: { 200: Done } } }, async (request) => {
    await vault.ask('users.lock', { ...aboutOf(request, request.params.id), ...request.body });
    return done;
  });
  app.post('/api/users/:id/link', { schema: { params, response: { 200: LinkView } } }, (request) =>
    vault.ask('users.reinvite', aboutOf(request, request.params.id)),
  );
  app.delete('/api/users/:id/sessions', { schema: { params, response: { 200: EndedView } } }, (request) =>
    vault.ask('users.endSessions', aboutOf(request, request.params.id)),
  );
  app.delete('/api/users/:id', { schema: { params, response: { 200: Done } } }, async (request) => {
    await vault.ask('users.remove', aboutOf(request, request.params.id));
    return done;
  });
}

export async function mailboxesOf(vault: Vault) {
  const { clinic } = await vault.ask('clinic.get', {});
  return clinic.mailboxes.map(({ number, name }) => ({ number: String(number), name }));
}

async function mustExist(vault: Vault, wanted: readonly string[]): Promise<void> {
  const known = await mailboxesOf(vault);
  const absent = wanted.find((mailbox) => !known.some(({ number }) => number === mailbox));
  if (absent !== undefined) throw new WardlineError('mailbox-invalid', `There is no mailbox ${absent}.`);
}
