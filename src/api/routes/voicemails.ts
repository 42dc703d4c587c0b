// GET /api/voicemails: a page of messages, newest first; staff get their own mailboxes, one at a time.
import { WardlineError } from '../../kernel/errors.ts';
import type { UserAccount } from '../../vault/shapes.ts';
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { ArtifactsPage, ArtifactsQuery } from '../schemas.ts';
import { artifactView, pageRequest, pageView } from '../views.ts';

export function addVoicemails(app: App, { vault }: ApiContext): void {
  const schema = { querystring: ArtifactsQuery, response: { 200: ArtifactsPage } };
  app.get('/api/voicemails', { schema }, async (request) => {
    const { caller, user } = visitOf(request);
    const mailbox = mailboxFor(user, request.query.mailbox);
    if (mailbox === 'none') return { rows: [] };
    const page = pageRequest(request.query);
    const ask = { caller, kind: 'voicemail' as const, page, ...(mailbox !== 'all' && { mailbox }) };
    return pageView(await vault.ask('artifacts.page', ask), artifactView);
  });
}

function mailboxFor(user: UserAccount, asked: string | undefined): string {
  if (user.roles.includes('admin')) return asked ?? 'all';
  if (asked === undefined) return user.mailboxes[0] ?? 'none';
  if (user.mailboxes.includes(asked)) return asked;
  throw new WardlineError('forbidden', 'This mailbox is not one of yours. Ask an administrator if you need it.');
}
