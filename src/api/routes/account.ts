// A person's own account: where they are logged in, ending all that but here, and a new password.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { addressOf, visitOf } from '../guard.ts';
import { Done } from '../schemas.ts';
import { EndedView, PasswordAsk, SessionsView } from '../schemas-people.ts';

export function addAccount(app: App, { vault, limits }: ApiContext): void {
  app.get('/api/account/sessions', { schema: { response: { 200: SessionsView } } }, async (request) => {
    const { sessions } = await vault.ask('session.list', { sessionToken: visitOf(request).token });
    return { sessions: [...sessions] };
  });
  app.delete('/api/account/sessions', { schema: { response: { 200: EndedView } } }, (request) =>
    vault.ask('session.endOthers', { sessionToken: visitOf(request).token, address: addressOf(request) }),
  );
  const schema = { body: PasswordAsk, response: { 200: Done } };
  const config = { rateLimit: { max: limits.login, timeWindow: 60_000 } };
  app.post('/api/account/password', { schema, config }, async (request) => {
    const about = { sessionToken: visitOf(request).token, address: addressOf(request) };
    await vault.ask('password.change', { ...request.body, ...about });
    return { ok: true as const };
  });
}
