// Legal holds on a call, message or recording: placed with a reason, and released.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { Done, HoldAsk, HoldMade, HoldParams } from '../schemas.ts';

export function addHolds(app: App, { vault }: ApiContext): void {
  app.post('/api/holds', { schema: { body: HoldAsk, response: { 200: HoldMade } } }, async (request) => {
    const { holdId } = await vault.ask('hold.place', { caller: visitOf(request).caller, ...request.body });
    return { id: holdId };
  });
  const released = { params: HoldParams, response: { 200: Done } };
  app.delete('/api/holds/:id', { schema: released }, async (request) => {
    await vault.ask('hold.release', { caller: visitOf(request).caller, holdId: request.params.id });
    return { ok: true as const };
  });
}
