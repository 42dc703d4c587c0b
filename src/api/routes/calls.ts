// GET /api/calls: a page of the call list, newest first; with `number`, the calls from or to it.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { CallsPage, CallsQuery } from '../schemas.ts';
import { callView, pageRequest, pageView } from '../views.ts';

export function addCalls(app: App, { vault }: ApiContext): void {
  const schema = { querystring: CallsQuery, response: { 200: CallsPage } };
  app.get('/api/calls', { schema }, async (request) => {
    const { number } = request.query;
    const { caller } = visitOf(request);
    const ask = { caller, page: pageRequest(request.query), ...(number !== undefined && { number }) };
    return pageView(await vault.ask('calls.page', ask), callView);
  });
}
