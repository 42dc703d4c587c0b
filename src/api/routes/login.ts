// POST /api/login: login, password and code in one step; one answer for whichever of them was wrong.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { addressOf, startVisit } from '../guard.ts';
import { LoginAsk, SessionView } from '../schemas.ts';
import { sessionView } from '../views.ts';

export function addLogin(app: App, context: ApiContext): void {
  const { vault, limits } = context;
  const schema = { body: LoginAsk, response: { 200: SessionView } };
  const config = { rateLimit: { max: limits.login, timeWindow: 60_000 } };
  app.post('/api/login', { schema, config }, async (request, reply) => {
    const { sessionToken, session } = await vault.ask('session.login', {
      ...request.body,
      address: addressOf(request),
    });
    startVisit(reply, sessionToken);
    return sessionView(session, context);
  });
}
