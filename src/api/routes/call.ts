// GET /api/calls/:id: one call, with its path, its sound, and what was captured in it.
import type { App } from '../app.ts';
import type { ApiContext } from '../context.ts';
import { visitOf } from '../guard.ts';
import { ArtifactParams, CallDetailsView } from '../schemas.ts';
import { artifactView, callView, keepingView, scopeOf } from '../views.ts';

export function addCall(app: App, { vault }: ApiContext): void {
  const schema = { params: ArtifactParams, response: { 200: CallDetailsView } };
  app.get('/api/calls/:id', { schema }, async (request) => {
    const { caller, user } = visitOf(request);
    const details = await vault.ask('call.get', { caller, callId: request.params.id, ...scopeOf(user) });
    const { call, artifacts } = details;
    return { call: callView(call), artifacts: artifacts.map(artifactView), ...keepingView(details, user) };
  });
}
