// POST /api/logout: ends the session on the server and takes the cookie back.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { addressOf, endVisit, visitOf } from '../guard.ts';
import { Done } from '../schemas.ts';

export function addLogout(app: App, { vault }: ApiContext): void {
  app.post('/api/logout', { schema: { response: { 200: Done } } }, async (request, reply) => {
    await vault.ask('session.logout', { sessionToken: visitOf(request).token, address: addressOf(request) });
    endVisit(reply);
    return { ok: true as const };
  });
}
