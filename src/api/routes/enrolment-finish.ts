// POST /api/enrolment/finish: the person's password and first code; they are logged in by it.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { addressOf, startVisit } from '../guard.ts';
import { EnrolmentFinishAsk, SessionView } from '../schemas.ts';
import { sessionView } from '../views.ts';

export function addEnrolmentFinish(app: App, context: ApiContext): void {
  const { vault, limits } = context;
  const schema = { body: EnrolmentFinishAsk, response: { 200: SessionView } };
  const config = { rateLimit: { max: limits.login, timeWindow: 60_000 } };
  app.post('/api/enrolment/finish', { schema, config }, async (request, reply) => {
    const { sessionToken, session } = await vault.ask('enrolment.finish', {
      ...request.body,
      address: addressOf(request),
    });
    startVisit(reply, sessionToken);
    return sessionView(session, context);
  });
}
