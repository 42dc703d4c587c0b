// POST /api/enrolment/begin: whom a one-time link is for, and the secret for their authenticator app.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { addressOf } from '../guard.ts';
import { EnrolmentBeginAsk, EnrolmentView } from '../schemas.ts';
import { clinicName } from '../views.ts';

export function addEnrolmentBegin(app: App, context: ApiContext): void {
  const { vault, limits } = context;
  const schema = { body: EnrolmentBeginAsk, response: { 200: EnrolmentView } };
  const config = { rateLimit: { max: limits.login, timeWindow: 60_000 } };
  app.post('/api/enrolment/begin', { schema, config }, async (request) => {
    const enrolment = await vault.ask('enrolment.begin', { token: request.body.token, address: addressOf(request) });
    return { ...enrolment, clinicName: await clinicName(vault) };
  });
}
