// GET /api/health: whether the appliance's parts run; for monitoring, without a session and without a word on people.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { HealthView } from '../schemas.ts';

export function addHealth(app: App, { status }: ApiContext): void {
  app.get('/api/health', { schema: { response: { 200: HealthView, 503: HealthView } } }, async (_request, reply) => {
    const { ok, parts } = await status();
    return reply.status(ok ? 200 : 503).send({ ok, parts: { ...parts } });
  });
}
