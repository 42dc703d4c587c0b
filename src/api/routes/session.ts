// GET /api/session: who is logged in, what they may open, and when the session ends.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { SessionView } from '../schemas.ts';
import { sessionView } from '../views.ts';

export function addSession(app: App, context: ApiContext): void {
  app.get('/api/session', { schema: { response: { 200: SessionView } } }, async (request) =>
    sessionView(visitOf(request), context),
  );
}
